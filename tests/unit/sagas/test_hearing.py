"""Events that a saga hears: a cancellation before the point of no return undoes it, a later one is an entry in the history."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.sagas.machine import (
    Cancelled,
    Charge,
    Charged,
    Confirm,
    Confirmed,
    Machine,
    Placed,
    Refund,
    Refunded,
    Release,
    Released,
    Reserve,
    Reserved,
    bank,
    shop,
)

from partita import Event, Key, Saga, minutes, pivot, retriable, seconds, step
from partita.sagas import Cancel, cancel, on
from partita.sagas.diagram import mermaid, text
from partita.sagas.hearing import on_early, on_event
from partita.sagas.transition import Ignored, Incoming


class Withdrawn(Event, of=shop):
    order: Key[str]


class Moved(Event, of=bank):
    order: Key[str]
    to: str


class Unheard(Event, of=bank):
    order: Key[str]


class Purchase(Saga, start=Placed, deadline=minutes(15), undone=Cancelled, of=shop):
    place: str = "home"

    reserve = step(Reserve, undo=Release, timeout=seconds(30))
    charge = pivot(Charge, undo=Refund, timeout=seconds(60))
    confirm = retriable(Confirm, timeout=seconds(10))
    withdrawn = on(Withdrawn, then="cancel")
    moved = on(Moved)

    @moved.hook
    def _(self, event: Moved) -> Cancel | None:
        self.place = event.to
        return cancel("out of reach") if event.to == "the moon" else None


def hears(machine: Machine, event: Event) -> bool:
    """Let the saga hear an event; whether it took notice."""
    assert machine.state is not None
    incoming = Incoming(event, machine.new_id(), None, None, "c1", machine.now)
    return machine._take(on_event(machine.definition, machine.state, incoming, machine.now, machine.new_id))


def started() -> Machine:
    return Machine(definition=Purchase.__definition__).start()


def charging() -> Machine:
    machine = started()
    machine.answer(Reserved(order="o1"))
    return machine


def confirming() -> Machine:
    machine = charging()
    machine.answer(Charged(order="o1"))
    return machine


def test_a_cancellation_undoes_the_step_that_waits_and_those_before_it() -> None:
    machine = charging()
    assert hears(machine, Withdrawn(order="o1"))
    assert machine.names[-1] == "Refund" and ("heard", "charge", "Withdrawn") in machine.notes
    machine.answer(Refunded(order="o1"))
    machine.answer(Released(order="o1"))
    assert machine.status == "undone" and machine.published == [Cancelled(order="o1", reason="Withdrawn")]


def test_behind_the_point_of_no_return_it_is_an_entry_with_the_reason() -> None:
    machine = confirming()
    assert hears(machine, Withdrawn(order="o1"))
    kind, name, said = machine.notes[-1]
    assert (kind, name) == ("heard", "confirm") and said.startswith("Withdrawn: it is behind its pivot")
    machine.answer(Confirmed(order="o1"))
    assert machine.status == "completed" and machine.published == []


@pytest.mark.parametrize("answered", [0, 1, 2], ids=["while it is undone", "while the rest is undone", "after the end"])
def test_a_second_cancellation_changes_nothing(answered: int) -> None:
    machine = charging()
    hears(machine, Withdrawn(order="o1"))
    for reply in (Refunded(order="o1"), Released(order="o1"))[:answered]:
        machine.answer(reply)
    before = machine.names, machine.status
    assert hears(machine, Withdrawn(order="o1"))
    assert (machine.names, machine.status) == before
    assert "already" in machine.notes[-1][2]


def test_a_hook_keeps_something_of_the_event() -> None:
    machine = charging()
    hears(machine, Moved(order="o1", to="the harbour"))
    assert machine.state is not None and machine.state.user == {"place": "the harbour"}
    assert machine.status == "running" and machine.notes[-1] == ("heard", "charge", "Moved")


def test_a_hook_may_cancel() -> None:
    machine = charging()
    hears(machine, Moved(order="o1", to="the moon"))
    assert machine.names[-1] == "Refund" and machine.state is not None and machine.state.reason == "out of reach"


def test_a_hook_of_an_ended_saga_is_not_called() -> None:
    machine = confirming()
    machine.answer(Confirmed(order="o1"))
    assert hears(machine, Moved(order="o1", to="the moon"))
    assert machine.state is not None and machine.state.user["place"] == "home" and machine.status == "completed"


def test_a_hook_that_returns_something_else_is_the_users_mistake() -> None:
    class Odd(Saga, start=Placed, deadline=minutes(2), undone=Cancelled, of=shop):
        reserve = step(Reserve, undo=Release, timeout=seconds(30))
        moved = on(Moved)

        @moved.hook
        def _(self, event: Moved) -> Any:
            return event.to

    with pytest.raises(TypeError, match=r"test_hearing\.py:\d+: the hook of moved returned str"):
        hears(Machine(definition=Odd.__definition__).start(), Moved(order="o1", to="x"))


def test_an_event_that_this_version_does_not_hear_moves_nothing() -> None:
    """An instance of an older version may get it."""
    machine = started()
    assert machine.state is not None
    incoming = Incoming(Unheard(order="o1"), "m", None, None, "c1", machine.now)
    decided = on_event(machine.definition, machine.state, incoming, machine.now, machine.new_id)
    assert isinstance(decided, Ignored)


def test_a_cancellation_that_came_before_the_start_undoes_what_the_start_has_sent() -> None:
    machine = started()
    assert machine.state is not None
    machine._take(on_early(machine.definition, machine.state, "Withdrawn", machine.now, machine.new_id))
    assert machine.names == ["Reserve", "Release"]
    assert ("heard", "reserve", "Withdrawn, before the start") in machine.notes
    machine.answer(Released(order="o1"))
    assert machine.published == [Cancelled(order="o1", reason="Withdrawn")]


def test_the_digest_and_the_pictures_know_them() -> None:
    drawn = text(Purchase.__definition__)
    assert "on Withdrawn: undo all steps" in drawn and "on Moved: the hook decides" in drawn
    assert "charge --> undo_charge: Withdrawn" in mermaid(Purchase.__definition__)
    assert "on engine.shop.Withdrawn: cancel\n  on engine.bank.Moved: hook" in Purchase.__definition__.describe()
