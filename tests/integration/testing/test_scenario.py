"""`app.testing()`: a test owns the time, and sets the behaviour of participants."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from partita import (
    App,
    Command,
    DeclarationError,
    Event,
    Key,
    NotFound,
    PartitaError,
    Rejection,
    Retry,
    Saga,
    Service,
    Tx,
    hours,
    minutes,
    retriable,
    seconds,
    step,
)
from partita.testing.virtual_loop import run_virtually

LEDGER = "CREATE TABLE IF NOT EXISTS charged (order_id TEXT PRIMARY KEY);"
orders = Service("orders", namespace="scenario.order")
cards = Service("cards", namespace="scenario.card", tables=LEDGER, retry=Retry(in_place=0, delays=(60, 300)))


class Placed(Event, of=orders):
    order_id: Key[str]


class Cancelled(Event, of=orders):
    order_id: Key[str]
    reason: str


class Shipped(Event, of=orders):
    order_id: Key[str]


class Place(Command[Placed], of=orders):
    order_id: Key[str]


class Ship(Command[Shipped], of=orders):
    order_id: Key[str]


class Charged(Event, of=cards):
    order_id: Key[str]


class Refunded(Event, of=cards):
    order_id: Key[str]


class Declined(Rejection):
    why: str


class Charge(Command[Charged, Declined], of=cards):
    order_id: Key[str]


class Refund(Command[Refunded], of=cards):
    order_id: Key[str]


class Checkout(Saga, start=Placed, deadline=minutes(15), undone=Cancelled, of=orders):
    charge = step(Charge, undo=Refund, timeout=seconds(30))
    ship = retriable(Ship)


@orders.handles(Place)
async def place(cmd: Place) -> Placed:
    return Placed(order_id=cmd.order_id)


@orders.handles(Ship)
async def ship(cmd: Ship) -> Shipped:
    return Shipped(order_id=cmd.order_id)


@cards.handles(Charge)
async def charge(cmd: Charge, tx: Tx) -> Charged:
    await tx.execute("INSERT INTO charged VALUES (:o)", o=cmd.order_id)
    return Charged(order_id=cmd.order_id)


@cards.handles(Refund)
async def refund(cmd: Refund, tx: Tx) -> Refunded:
    await tx.execute("DELETE FROM charged WHERE order_id = :o", o=cmd.order_id)
    return Refunded(order_id=cmd.order_id)


app = App(orders, cards)

tiered = Service("tiered", namespace="scenario.tiered", retry=Retry(in_place=0, delays=(60, 300)))
TRIED: list[str] = []


class Begun(Event, of=tiered):
    id: Key[str]


class Begin(Command[Begun], of=tiered):
    id: Key[str]


@tiered.handles(Begin)
async def begin(cmd: Begin) -> Begun:
    return Begun(id=cmd.id)


@tiered.on
async def fail(event: Begun) -> None:
    TRIED.append(event.id)
    raise ValueError("not yet")


slow = Service("slow", namespace="scenario.slow")


class Done(Event, of=slow):
    id: Key[str]


class Do(Command[Done], of=slow):
    id: Key[str]


class Heard(Event, of=slow):
    id: Key[str]


class Noted(Event, of=slow):
    id: Key[str]


class Note(Command[Noted], of=slow):
    id: Key[str]


class FormerFollowUp(Saga, start=Done, deadline=minutes(1), of=slow, name="FollowUp"):
    note = retriable(Note)


@slow.handles(Note)
async def note(cmd: Note) -> Noted:
    return Noted(id=cmd.id)


@slow.handles(Do)
async def do(cmd: Do) -> Done:
    return Done(id=cmd.id)


@slow.on
async def hear(event: Done) -> Heard:
    await asyncio.sleep(0.05)
    return Heard(id=event.id)


async def test_a_send_is_followed_by_all_it_causes() -> None:
    async with app.testing() as t:
        await t.send(Place(order_id="o"))
        await t.settled()
        assert [e.order_id for e in t.published(Shipped)] == ["o"]
        assert await t.saga(Checkout, "o") == "completed"
        assert len(await t.fetch("cards", "SELECT * FROM charged")) == 1


async def test_silence_is_undone_when_the_test_lets_time_pass() -> None:
    async with app.testing() as t:
        t.stub(Charge).is_silent()
        await t.send(Place(order_id="o"))
        await t.advance(seconds(29))
        assert not t.published(Cancelled)
        with pytest.raises(PartitaError, match="running"):
            await t.settled()
        await t.advance(seconds(1))
        await t.settled()
        assert [(e.order_id, len(t.sent(Refund))) for e in t.published(Cancelled)] == [("o", 1)]


async def test_a_stub_replies_and_refuses_in_place_of_the_handler() -> None:
    async with app.testing() as t:
        t.stub(Charge).replies(lambda cmd: Charged(order_id=cmd.order_id))
        await t.send(Place(order_id="a"))
        t.stub(Charge).refuses(Declined(why="no money"))
        await t.send(Place(order_id="b"))
        t.stub(Charge).is_real()
        await t.send(Place(order_id="c"))
        await t.settled()
        assert [await t.saga(Checkout, o) for o in "abc"] == ["completed", "undone", "completed"]
        assert await t.fetch("cards", "SELECT * FROM charged") == [{"order_id": "c"}]
        assert [c.order_id for c in t.stub(Charge).commands] == ["a", "b"]


async def test_an_answer_that_is_lost_leaves_an_effect_that_is_undone() -> None:
    async with app.testing() as t:
        t.stub(Charge).does_it_unanswered()
        await t.send(Place(order_id="o"))
        assert len(await t.fetch("cards", "SELECT * FROM charged")) == 1
        await t.advance(seconds(30))
        await t.settled()
        assert await t.saga(Checkout, "o") == "undone"
        assert not await t.fetch("cards", "SELECT * FROM charged")


@pytest.mark.parametrize("command", [Ship, Refund])
async def test_an_answer_that_is_waited_for_without_end_is_not_lost(command: type[Command[Any, Any]]) -> None:
    """A retriable and an undo are sent again until they are answered: the test would never end."""
    async with app.testing() as t:
        with pytest.raises(DeclarationError, match="until it comes") as told:
            t.stub(command).does_it_unanswered()
        assert "answers_late" in told.value.hint
        t.stub(command).answers_late(seconds(3_600))
        await t.send(Place(order_id="o"))
        await t.advance(minutes(70))
        await t.settled()
        assert await t.saga(Checkout, "o") == "completed"


@pytest.mark.parametrize(("late_s", "ends"), [(29, "completed"), (31, "undone")])
async def test_an_answer_may_be_late(late_s: float, ends: str) -> None:
    async with app.testing() as t:
        t.stub(Charge).answers_late(seconds(late_s))
        await t.send(Place(order_id="o"))
        await t.advance(seconds(28))
        assert await t.saga(Checkout, "o") == "running"
        with pytest.raises(PartitaError, match="delayed"):
            await t.settled()
        await t.advance(seconds(10))
        await t.settled()
        assert await t.saga(Checkout, "o") == ends


async def test_an_answer_may_come_twice() -> None:
    async with app.testing() as t:
        t.stub(Charge).answers_twice()
        await t.send(Place(order_id="o"))
        await t.settled()
        assert await t.saga(Checkout, "o") == "completed"
        assert len(t.published(Shipped)) == 1


async def test_retries_wait_for_the_test_s_clock_and_a_day_takes_no_time() -> None:
    async with app.testing() as t:
        stub = t.stub(Charge)
        stub.fails(ValueError("broken"))
        await t.send(Place(order_id="o"))
        tried = [len(stub.commands)]
        for wait_s in (20, 9):
            await t.advance(seconds(wait_s))
            tried.append(len(stub.commands))
        assert tried == [1, 1, 1]
        await t.advance(minutes(24 * 60))
        await t.settled()
        assert await t.saga(Checkout, "o") == "undone"


async def test_a_retry_comes_when_its_tier_says() -> None:
    async with app.testing() as t:
        stub = t.stub(Refund)
        stub.fails(ValueError("broken"))
        t.stub(Charge).is_silent()
        await t.send(Place(order_id="o"))
        await t.advance(seconds(30))
        assert len(stub.commands) == 1
        await t.advance(seconds(29))
        before = len(stub.commands)
        await t.advance(seconds(2))
        assert len(stub.commands) > before


async def test_each_tier_is_waited_for_to_its_end() -> None:
    """A retry that comes early meets the failure that it was to wait out."""
    TRIED.clear()
    async with App(tiered).testing() as t:
        await t.send(Begin(id="a"))
        counts = [len(TRIED)]
        for wait_s in (59.9, 0.2, 299.8, 0.2, 3_600):
            await t.advance(seconds(wait_s))
            counts.append(len(TRIED))
    assert counts == [1, 1, 2, 2, 3, 3]


async def test_the_same_seed_gives_the_same_ids(tmp_path: Path) -> None:
    found = []
    for seed in (1, 1, 2):
        async with app.testing(seed=seed) as t:
            await t.send(Place(order_id="o"))
            found.append([envelope.id for envelope, _ in t._tap.seen])
    assert found[0] == found[1] != found[2]


async def test_a_handler_that_waits_for_the_outside_is_waited_for() -> None:
    async with App(slow).testing() as t:
        await t.send(Do(id="a"))
        assert len(t.published(Heard)) == 1


async def test_a_participant_that_is_away_does_all_that_waited_when_it_is_back() -> None:
    """The command and its undo wait in order; a command with another key goes on."""
    async with app.testing() as t:
        t.stub(Charge).is_away()
        await t.send(Place(order_id="o"))
        await t.advance(minutes(5))
        with pytest.raises(PartitaError, match="delayed"):
            await t.settled()
        assert await t.saga(Checkout, "o") == "compensating"
        assert not t.stub(Charge).commands and not t.published(Refunded)
        t.stub(Charge).is_real()
        await t.advance(minutes(1))
        await t.settled()
        assert await t.saga(Checkout, "o") == "undone"
        assert not await t.fetch("cards", "SELECT * FROM charged")


async def test_a_participant_that_is_back_in_time_is_not_missed() -> None:
    """When it is back it may also refuse or reply by a stub, and a second command that is away still waits."""
    async with app.testing() as t:
        t.stub(Charge).is_away()
        t.stub(Refund).is_away()
        await t.send(Place(order_id="a"))
        await t.send(Place(order_id="b"))
        await t.advance(seconds(10))
        t.stub(Charge).replies(lambda cmd: Charged(order_id=cmd.order_id))
        await t.quiet()
        assert [await t.saga(Checkout, o) for o in "ab"] == ["completed", "completed"]
        t.stub(Charge).is_away()
        await t.send(Place(order_id="c"))
        await t.advance(seconds(30))
        t.stub(Charge).is_real()
        await t.quiet()
        assert await t.saga(Checkout, "c") == "compensating"
        assert await t.fetch("cards", "SELECT * FROM charged") == [{"order_id": "c"}]
        t.stub(Refund).is_real()
        await t.quiet()
        await t.settled()
        assert await t.saga(Checkout, "c") == "undone"


async def test_what_a_stub_cannot_be_is_said_where_it_is_written() -> None:
    """A test of a behaviour that production never shows proves nothing."""
    async with app.testing() as t:
        with pytest.raises(DeclarationError, match="Ship is sent and handled by orders"):
            t.stub(Ship).is_away()
        with pytest.raises(DeclarationError, match="Placed is not a command"):
            t.stub(Placed)  # type: ignore[arg-type]  # what a newcomer tries
        with pytest.raises(DeclarationError, match=r"Declined is not a refusal of Refund.*\n.*fails"):
            t.stub(Refund).refuses(Declined(why="no"))
        with pytest.raises(DeclarationError, match=r"ValueError is not a refusal of Charge.*\n.*Declined"):
            t.stub(Charge).refuses(ValueError())  # type: ignore[arg-type]  # what a newcomer tries
        with pytest.raises(DeclarationError, match=r"Declined\(\.\.\.\)"):
            t.stub(Charge).refuses(Declined)  # type: ignore[arg-type]  # a class where an instance belongs


async def test_a_saga_is_found_by_its_class_whatever_its_name() -> None:
    """An old version stays under another Python name."""
    async with App(slow).testing() as t:
        await t.send(Do(id="x"))
        await t.settled()
        assert await t.saga(FormerFollowUp, "x") == "completed"


async def test_what_cannot_be_asked_is_said() -> None:
    async with app.testing(services=["cards"]) as t:
        with pytest.raises(NotFound, match=r"orders is not tested here.\n.*cards"):
            await t.fetch("orders", "SELECT 1")
        with pytest.raises(NotFound, match="orders, which runs Checkout, is not tested here"):
            await t.saga(Checkout, "o")
        with pytest.raises(NotFound, match="Placed is not a saga"):
            await t.saga(Placed, "o")
        with pytest.raises(DeclarationError, match="Charged is an event; only a command can be sent"):
            await t.send(Charged(order_id="o"))  # type: ignore[arg-type]  # what a newcomer tries
        for wrong in (-1, float("nan"), float("inf")):
            with pytest.raises(PartitaError, match="cannot be"):
                await t.advance(wrong)
            with pytest.raises(DeclarationError, match="answers_late"):
                t.stub(Charge).answers_late(wrong)
        with pytest.raises(DeclarationError, match="'Charge' is not a declared message"):
            t.stub("Charge")  # type: ignore[arg-type]  # by its name


async def test_what_cannot_be_tested_is_said() -> None:
    async with app.testing(services=["orders"]) as t:
        with pytest.raises(DeclarationError, match="no handler"):
            t.stub(Charge)
        with pytest.raises(NotFound, match="cards"):
            await t.send(Charge(order_id="o"))
        with pytest.raises(NotFound, match="Checkout"):
            await t.saga(Checkout, "o")


partner = Service("partner", namespace="scenario.partner")
stock = Service(
    "stock", namespace="scenario.stock", tables="CREATE TABLE IF NOT EXISTS arrived (sku TEXT NOT NULL, number BIGINT);"
)


class Arrived(Event, of=partner):
    sku: Key[str]
    number: int


class Unheard(Event, of=partner):
    sku: Key[str]


@stock.on
async def book(event: Arrived, tx: Tx) -> None:
    await tx.execute("INSERT INTO arrived VALUES (:s, :n)", s=event.sku, n=event.number)


async def test_an_event_from_outside_is_delivered() -> None:
    """Otherwise a service that handles another app's events could not be tested. A second event with the same id is a
    copy."""
    async with App(stock).testing() as t:
        first = await t.deliver(Arrived(sku="tea", number=1))
        await t.deliver(Arrived(sku="tea", number=2))
        await t.deliver(Arrived(sku="tea", number=1), message_id=first)
        await t.settled()
        assert [row["number"] for row in await t.fetch("stock", "SELECT number FROM arrived")] == [1, 2]
        assert not t.published(Arrived)


async def test_what_cannot_come_from_outside_is_not_delivered() -> None:
    """Each hint names the call to use instead."""
    async with App(stock, partner).testing() as t:
        with pytest.raises(PartitaError, match="published by partner, which is tested here"):
            await t.deliver(Arrived(sku="tea", number=1))
    async with App(stock).testing() as t:
        with pytest.raises(NotFound, match="Unheard has no subscriber here"):
            await t.deliver(Unheard(sku="tea"))
        with pytest.raises(PartitaError, match="Charge is a command"):
            await t.deliver(Charge(order_id="o"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "sql", ["UPDATE charged SET order_id = 'x'", "WITH a AS (SELECT 1) DELETE FROM charged", "DROP TABLE charged"]
)
async def test_a_fetch_that_writes_is_told_as_such(sql: str) -> None:
    """The message was that the file is read-only, with the advice to give this user write permission."""
    async with app.testing() as t:
        with pytest.raises(PartitaError, match=r"t\.fetch only reads") as told:
            await t.fetch("cards", sql)
        assert "permission" not in str(told.value)


def test_a_handler_that_hangs_is_waited_for_once() -> None:
    """Each step of passing time waited a second for it again: a test of two hours took a minute."""
    ledger, let_go = Service("ledger", namespace="scenario.ledger"), asyncio.Event()

    @ledger.on
    async def hang(event: Placed) -> None:
        await let_go.wait()

    async def hours_pass_s() -> float:
        async with App(orders, cards, ledger).testing() as t:
            await t.send(Place(order_id="o"))
            began = asyncio.get_running_loop().time()
            await t.advance(hours(2))
            took_s = asyncio.get_running_loop().time() - began
            let_go.set()
        return took_s

    assert run_virtually(hours_pass_s()) < 2.0
