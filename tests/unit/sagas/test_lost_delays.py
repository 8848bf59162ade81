"""Retries that come too late for a step: said where the saga is described and examined."""

from __future__ import annotations

from typing import Any

import pytest

from partita import App, Command, Event, Key, Retry, Saga, Service, minutes, pivot, retriable, seconds, step
from partita.observability.describing import saga_named
from partita.observability.doctor.machine import check_declarations
from partita.sagas.diagram import text
from partita.sagas.lost_delays import lost_delays


def app_of(
    of_step: dict[str, Any], *, delays: tuple[float, ...], of_handler: Retry | None = None, deadline: Any
) -> App:
    """An app with one saga of three steps; its first step has these options."""
    orders = Service("orders", namespace="lost.order")
    cards = Service("cards", namespace="lost.card", retry=Retry(delays=delays))

    class Placed(Event, of=orders):
        order_id: Key[str]

    class Undone(Event, of=orders):
        order_id: Key[str]

    class Charged(Event, of=cards):
        order_id: Key[str]

    class Refunded(Event, of=cards):
        order_id: Key[str]

    class Charge(Command[Charged], of=cards):
        order_id: Key[str]

    class Refund(Command[Refunded], of=cards):
        order_id: Key[str]

    class Ask(Command[Charged], of=cards):
        order_id: Key[str]

    class Book(Command[Charged], of=cards):
        order_id: Key[str]

    class Ship(Command[Charged], of=cards):
        order_id: Key[str]

    asks = {"ask": Ask} if of_step.get("on_timeout") == "ask" else {}

    class Checkout(Saga, start=Placed, deadline=deadline, undone=Undone, of=orders):
        charge = step(Charge, undo=Refund, **of_step, **asks)
        book = pivot(Book, undo=Refund, timeout=seconds(3_600))
        ship = retriable(Ship, timeout=seconds(30))

    @cards.handles(Charge, retry=of_handler)
    async def charge(cmd: Charge) -> Charged:
        return Charged(order_id=cmd.order_id)

    @cards.handles(Refund)
    async def refund(cmd: Refund) -> Refunded:
        return Refunded(order_id=cmd.order_id)

    @cards.handles(Ask)
    async def ask(cmd: Ask) -> Charged:
        return Charged(order_id=cmd.order_id)

    @cards.handles(Book)
    async def book(cmd: Book) -> Charged:
        return Charged(order_id=cmd.order_id)

    @cards.handles(Ship)
    async def ship(cmd: Ship) -> Charged:
        return Charged(order_id=cmd.order_id)

    return App(orders, cards)


LONG = minutes(600)


@pytest.mark.parametrize(
    ("of_step", "delays", "of_handler", "deadline", "lost"),
    [
        ({"timeout": seconds(30)}, (60.0, 300.0), None, LONG, {"charge"}),
        ({"timeout": seconds(60)}, (60.0,), None, LONG, {"charge"}),
        ({"timeout": seconds(61)}, (60.0,), None, LONG, set()),
        ({"timeout": seconds(30)}, (), None, LONG, set()),
        ({"timeout": seconds(30)}, (60.0,), Retry(delays=(5.0,)), LONG, set()),
        ({"timeout": seconds(30)}, (5.0,), Retry(delays=(60.0,)), LONG, {"charge"}),
        ({"timeout": seconds(30), "on_timeout": "retry"}, (60.0,), None, LONG, set()),
        ({"timeout": seconds(30), "on_timeout": "ask"}, (60.0,), None, LONG, set()),
        ({"timeout": seconds(30), "on_timeout": "retry"}, (3_700.0,), None, seconds(3_700), {"charge", "book"}),
    ],
    ids=["shorter", "equal", "longer", "none", "short of handler", "long of handler", "again", "asked", "deadline"],
)
def test_a_step_that_is_given_up_before_the_first_delayed_retry_is_noted(
    of_step: dict[str, Any], delays: tuple[float, ...], of_handler: Retry | None, deadline: Any, lost: set[str]
) -> None:
    """The message is tried again for half an hour, for a saga that was undone after thirty seconds."""
    app = app_of(of_step, delays=delays, of_handler=of_handler, deadline=deadline)
    definition = saga_named(app, "Checkout")
    assert {each.step.name for each in lost_delays(definition)} == lost
    notes = {finding.what for finding in check_declarations(app) if finding.level == "note"}
    assert notes == {f"{name} of Checkout" for name in lost}
    assert text(definition).count("no delayed retry of cards can save this step") == len(lost)


def test_the_note_says_what_to_change() -> None:
    """The number of its own declarations, and the place."""
    app = app_of({"timeout": seconds(30)}, delays=(60.0, 300.0), deadline=LONG)
    (finding,) = (finding for finding in check_declarations(app) if finding.level == "note")
    assert "the first comes after 60 s, and the saga gives the step up after 30 s" in finding.found
    assert finding.fix.startswith("timeout=seconds(120) at ") and "Retry(delays=(10, ...)) in cards" in finding.fix
