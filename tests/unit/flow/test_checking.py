"""Each check of a flow map is red on one app with its defect, green on the nearest app without it, and green with a reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.flow.cafe import cafe

from partita import App, Command, Event, Fault, Key, Saga, Service, Tx, minutes, retriable
from partita.examples.rides.app import app as rides
from partita.examples.shop.app import app as shop
from partita.flow.checking import FAN_OUT_MAX, check, unaccepted
from partita.flow.flow_map import flow_map


def rules(app: App, *, accepted: bool = False, fan_out: int = FAN_OUT_MAX) -> list[str]:
    """The rules of the findings that fail, or of those that are accepted."""
    found = check(flow_map(app.catalog), fan_out)
    return [each.rule for each in found if bool(each.accepted) == accepted]


def services(*names: str) -> list[Service]:
    return [Service(name, namespace=f"t.{name}") for name in names]


def told(*, heard: bool, **notes: Any) -> App:
    """A service that publishes an event beside its answer."""
    one, two = services("one", "two")

    class Extra(Event, of=one, **notes):
        id: Key[str]

    class Done(Event, of=one):
        id: Key[str]

    class Do(Command[Done], of=one):
        id: Key[str]

    @one.handles(Do, emits=Extra)
    async def do(cmd: Do, tx: Tx) -> Done:
        return Done(id=cmd.id)

    if heard:

        @two.on
        async def hear(event: Extra) -> None: ...

    return App(one, two)


def asked(*, handled: bool, **notes: Any) -> App:
    """A service with a command."""
    (one,) = services("one")

    class Done(Event, of=one):
        id: Key[str]

    class Do(Command[Done], of=one, **notes):
        id: Key[str]

    if handled:

        @one.handles(Do)
        async def do(cmd: Do) -> Done:
            return Done(id=cmd.id)

    return App(one)


def ping_pong(*, ends: bool, **notes: Any) -> App:
    """Two services that answer each other's events: the second always, or where it has a reason."""
    one, two = services("one", "two")

    class Ping(Event, of=one):
        id: Key[str]

    class Pong(Event, of=two, **notes):
        id: Key[str]

    @two.on
    async def ping(event: Ping) -> Pong:
        return Pong(id=event.id)

    if ends:

        @one.on
        async def perhaps(event: Pong) -> Ping | None:
            return None

    else:

        @one.on
        async def always(event: Pong) -> Ping:
            return Ping(id=event.id)

    return App(one, two)


def heard_by(count: int, **notes: Any) -> App:
    """An event that so many services hear."""
    (one,) = services("one")
    hearers = services(*(f"hearer{number}" for number in range(count)))

    class Said(Event, of=one, **notes):
        id: Key[str]

    for each in hearers:

        @each.on
        async def hear(event: Said) -> None: ...

    return App(one, *hearers)


def in_a_row(*, money: bool = False, calls: int = 1, third: bool = True, **notes: Any) -> App:
    """Order, stock and delivery, each reacting to the one before."""
    order, stock, delivery = services("order", "stock", "delivery")

    class Ordered(Event, of=order, concerns="money" if money else ()):
        id: Key[str]

    class Picked(Event, of=stock, **notes):
        id: Key[str]

    class Order(Command[Ordered], of=order):
        id: Key[str]

    @order.handles(Order)
    async def take(cmd: Order) -> Ordered:
        return Ordered(id=cmd.id)

    @stock.on(concurrency=calls)
    async def pick(event: Ordered) -> Picked:
        return Picked(id=event.id)

    @(delivery if third else order).on
    async def send(event: Picked) -> None: ...

    return App(order, stock, delivery)


REASON = "a reason"
CASES: dict[str, tuple[Callable[..., App], dict[str, Any], dict[str, Any]]] = {
    "unheard-event": (told, {"heard": False}, {"heard": True}),
    "unhandled-command": (asked, {"handled": False}, {"handled": True}),
    "endless-circle": (ping_pong, {"ends": False}, {"ends": True}),
    "hot-fan-out": (heard_by, {"count": FAN_OUT_MAX + 1}, {"count": FAN_OUT_MAX}),
    "hidden-saga": (in_a_row, {"money": True}, {"money": False}),
}


@pytest.mark.parametrize("rule", CASES)
def test_a_rule_is_red_on_the_defect(rule: str) -> None:
    build, red, _ = CASES[rule]
    assert rules(build(**red)) == [rule]


@pytest.mark.parametrize("rule", CASES)
def test_a_rule_is_green_on_the_nearest_app_without_the_defect(rule: str) -> None:
    """A rule that cries wolf is switched off."""
    build, _, green = CASES[rule]
    assert rules(build(**green)) == []


@pytest.mark.parametrize("rule", CASES)
def test_a_finding_is_accepted_by_its_message_with_a_reason(rule: str) -> None:
    build, red, _ = CASES[rule]
    app = build(**red, accept={rule: REASON})
    assert rules(app) == []
    assert rules(app, accepted=True) == [rule]


@pytest.mark.parametrize("rule", CASES)
def test_an_accepted_rule_accepts_no_other(rule: str) -> None:
    build, red, _ = CASES[rule]
    other = next(each for each in CASES if each != rule)
    assert rules(build(**red, accept={other: REASON})) == [rule]


@pytest.mark.parametrize("rule", CASES)
def test_a_finding_says_where_why_and_what_to_write(rule: str) -> None:
    build, red, _ = CASES[rule]
    (found,) = check(flow_map(build(**red).catalog))
    assert found.place.file == __file__ and found.place.line > 0
    assert found.message in found.what
    assert found.why.endswith(".") and f'"{rule}"' in found.instead


def test_the_examples_are_clean() -> None:
    for app in (shop, rides, cafe()):
        assert unaccepted(check(flow_map(app.catalog))) == []


def test_an_answer_is_heard_by_the_sender_of_its_command() -> None:
    """`MoveDriver` of the rides is answered, and no service subscribes to its answer."""
    assert rules(rides) == []


def test_a_fault_that_is_heard_is_no_circle_and_no_row() -> None:
    one, two, three = services("one", "two", "three")

    class Said(Event, of=one, concerns="money"):
        id: Key[str]

    class Noted(Event, of=two):
        id: Key[str]

    @one.on
    async def hear(event: Said) -> None: ...

    @two.on
    async def note(fault: Fault[Said]) -> Noted:
        return Noted(id="x")

    @three.on
    async def look(event: Noted) -> None: ...

    assert rules(App(one, two, three)) == []


@pytest.mark.parametrize("annotated", ["list", "either", "emits"])
def test_a_circle_ends_where_a_handler_declares_that_it_may(annotated: str) -> None:
    """A list may be empty and a union may be the other event. Of an event given to `tx.publish` no declaration says when."""
    one, two = services("one", "two")

    class Ping(Event, of=one):
        id: Key[str]

    class Over(Event, of=one, accept={"unheard-event": "the end"}):
        id: Key[str]

    class Pong(Event, of=two):
        id: Key[str]

    @two.on
    async def ping(event: Ping) -> Pong:
        return Pong(id=event.id)

    if annotated == "list":

        @one.on
        async def some(event: Pong) -> list[Ping | Over]:
            return []

    elif annotated == "either":

        @one.on
        async def either(event: Pong) -> Ping | Over:
            return Over(id=event.id)

    else:

        @one.on(emits=(Ping, Over))
        async def emits(event: Pong, tx: Tx) -> None: ...

    assert rules(App(one, two)) == (["endless-circle"] if annotated == "emits" else [])


def test_a_saga_that_starts_itself_again_is_a_circle() -> None:
    """Each end of the saga publishes its next beginning."""
    one, two = services("one", "two")

    class Began(Event, of=one):
        id: Key[str]

    class Ended(Event, of=two):
        id: Key[str]

    class End(Command[Ended], of=two):
        id: Key[str]

    class Round(Saga, start=Began, deadline=minutes(1), of=one):
        end = retriable(End)

    @two.handles(End)
    async def end(cmd: End) -> Ended:
        return Ended(id=cmd.id)

    @one.on
    async def again(event: Ended) -> Began:
        return Began(id=event.id)

    assert rules(App(one, two)) == ["endless-circle"]


def test_an_accepted_circle_does_not_hide_another_one() -> None:
    """Two circles share an event; the owner of one of them has a reason."""
    (one,) = services("one")

    class Hub(Event, of=one):
        id: Key[str]

    class Left(Event, of=one, accept={"endless-circle": "it is paced by hand"}):
        id: Key[str]

    class Right(Event, of=one):
        id: Key[str]

    @one.on(emits=(Left, Right))
    async def hub(event: Hub, tx: Tx) -> None: ...

    @one.on
    async def left(event: Left) -> Hub:
        return Hub(id=event.id)

    @one.on
    async def right(event: Right) -> Hub:
        return Hub(id=event.id)

    app = App(one)
    assert rules(app, accepted=True) == ["endless-circle"]
    assert rules(app) == ["endless-circle"]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"calls": 8}, ["hidden-saga"]),
        ({"money": True, "third": False}, []),
        ({}, []),
    ],
    ids=["one calls outside", "two services", "neither money nor a call"],
)
def test_a_hidden_saga_has_three_services_and_a_risk(change: dict[str, Any], found: list[str]) -> None:
    assert rules(in_a_row(**change)) == found


@pytest.mark.parametrize("fan_out", [1, 2])
def test_the_limit_of_hearers_is_the_callers(fan_out: int) -> None:
    assert rules(heard_by(2), fan_out=fan_out) == (["hot-fan-out"] if fan_out == 1 else [])


def test_two_handlers_of_one_service_are_one_hearer() -> None:
    """A service reads a topic once, whatever it does with it."""
    one, two = services("one", "two")

    class Said(Event, of=one):
        id: Key[str]

    for number in range(FAN_OUT_MAX + 2):

        @two.on(name=f"n{number}")
        async def hear(event: Said) -> None: ...

    assert rules(App(one, two)) == []
