"""Leaving `app.testing()`: it ends all waits, since after it no test moves its clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from partita import App, Command, Event, Key, Retry, Saga, Service, hours, minutes, seconds, step
from partita.testing.scenario import Scenario

PROMPT_S = 20.0
"""Far more than leaving takes on a busy machine, and far less than for ever."""

orders = Service("orders", namespace="leaving.order")
cards = Service("cards", namespace="leaving.card")


class Placed(Event, of=orders):
    order_id: Key[str]


class Cancelled(Event, of=orders):
    order_id: Key[str]


class Place(Command[Placed], of=orders):
    order_id: Key[str]


class Charged(Event, of=cards):
    order_id: Key[str]


class Refunded(Event, of=cards):
    order_id: Key[str]


class Charge(Command[Charged], of=cards):
    order_id: Key[str]


class Refund(Command[Refunded], of=cards):
    order_id: Key[str]


class Checkout(Saga, start=Placed, deadline=minutes(15), undone=Cancelled, of=orders):
    charge = step(Charge, undo=Refund, timeout=seconds(30))


@orders.handles(Place)
async def place(cmd: Place) -> Placed:
    return Placed(order_id=cmd.order_id)


@cards.handles(Charge)
async def charge(cmd: Charge) -> Charged:
    return Charged(order_id=cmd.order_id)


@cards.handles(Refund)
async def refund(cmd: Refund) -> Refunded:
    return Refunded(order_id=cmd.order_id)


app = App(orders, cards)


@asynccontextmanager
async def left_promptly(tested: App) -> AsyncIterator[Scenario]:
    """`tested.testing()`; to leave it after more than `PROMPT_S` is an error."""
    testing = tested.testing()
    yield await testing.__aenter__()
    async with asyncio.timeout(PROMPT_S):
        await testing.__aexit__(None, None, None)


@pytest.mark.parametrize(
    "say",
    [
        lambda t: t.stub(Charge).fails(OSError("no route to host")),
        lambda t: t.stub(Charge).fails(ValueError("not yet")),
        lambda t: t.stub(Charge).answers_late(hours(2)),
        lambda t: t.stub(Charge).is_away(),
        lambda t: t.stub(Charge).is_silent(),
    ],
    ids=["unreachable", "broken", "late", "away", "silent"],
)
async def test_a_test_is_left_though_a_message_waits_for_time_to_pass(say: Callable[[Scenario], None]) -> None:
    """The process waits for its work before it stops, by a clock that no longer moves: the test hung."""
    async with left_promptly(app) as t:
        say(t)
        await t.send(Place(order_id="o"))


async def test_a_test_is_left_in_a_storm_and_in_the_pause_of_a_handler_that_calls_outside() -> None:
    """Each waits in a place of its own."""
    shop, tried = Service("shop", namespace="leaving.shop", retry=Retry(in_place=3, storm=2)), list[str]()

    @shop.on(concurrency=4)
    async def call(event: Placed) -> None:
        tried.append(event.order_id)
        raise OSError("no route to host")

    async with left_promptly(App(orders, cards, shop)) as t:
        for number in range(8):
            await t.send(Place(order_id=f"o{number}"))
        assert tried


@pytest.mark.parametrize("in_step", [True, False], ids=["in a batch", "outside"])
async def test_a_test_is_left_though_a_handler_hangs(in_step: bool) -> None:
    """A handler that never returns is cancelled, as when a process stops."""
    ledger, cancelled = Service("ledger", namespace="leaving.ledger"), list[str]()

    @ledger.on(concurrency=1 if in_step else 4)
    async def hang(event: Placed) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(event.order_id)
            raise

    async with left_promptly(App(orders, cards, ledger)) as t:
        await t.send(Place(order_id="o"))
    assert cancelled


@pytest.mark.parametrize("in_step", [True, False], ids=["in a batch", "outside"])
async def test_a_test_is_left_though_a_handler_does_not_end_when_it_is_cancelled(in_step: bool) -> None:
    """Its wait is bounded: a process that gets a signal to stop must end."""
    ledger, let_go = Service("ledger", namespace="leaving.ledger"), asyncio.Event()

    @ledger.on(concurrency=1 if in_step else 4)
    async def hang(event: Placed) -> None:
        while not let_go.is_set():
            try:
                await let_go.wait()
            except asyncio.CancelledError:
                continue

    async with left_promptly(App(orders, cards, ledger)) as t:
        await t.send(Place(order_id="o"))
    let_go.set()
    while left := asyncio.all_tasks() - {asyncio.current_task()}:
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=0.01)


async def test_the_error_of_a_test_comes_out_though_a_message_waits() -> None:
    """Otherwise a failing assertion looks like a test that hangs."""

    async def fails() -> None:
        async with app.testing() as t:
            t.stub(Charge).fails(OSError("no route to host"))
            await t.send(Place(order_id="o"))
            raise AssertionError("not as expected")

    with pytest.raises(AssertionError, match="not as expected"):
        await asyncio.wait_for(fails(), PROMPT_S)
