"""The saga engine's rules, one by one, on the pure functions; then all of them at random."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.sagas.machine import (
    Cancelled,
    Charge,
    Charged,
    Confirmed,
    Declined,
    Machine,
    NoStock,
    Participant,
    Placed,
    Refund,
    Refunded,
    Released,
    Reserve,
    Reserved,
    shop,
    stock,
)

from partita import Command, Event, Key, Rejection, Saga, minutes, seconds, step


def charging() -> Machine:
    """A machine that waits for the charge."""
    machine = Machine().start()
    machine.answer(Reserved(order="o1", place="A7"))
    return machine


def test_three_replies_complete_the_saga() -> None:
    machine = charging()
    machine.answer(Charged(order="o1"))
    machine.answer(Confirmed(order="o1"))
    assert machine.names == ["Reserve", "Charge", "Confirm"]
    assert machine.status == "completed"
    assert machine.state is not None and machine.state.due_us is None
    assert machine.published == []


def test_fields_are_filled_from_the_start_event_and_the_replies() -> None:
    machine = charging()
    command = machine.sent[1].command
    assert (command.order, command.cents, command.place) == ("o1", 5, "A7")


def test_a_copy_of_a_reply_moves_nothing() -> None:
    machine = charging()
    assert not machine.answer(Reserved(order="o1"), machine.sent[0])
    assert machine.names == ["Reserve", "Charge"]


def test_a_refusal_of_the_first_step_ends_at_once_with_nothing_to_undo() -> None:
    machine = Machine().start()
    machine.answer(NoStock(sku="x"))
    assert machine.status == "undone"
    assert machine.published == [Cancelled(order="o1", reason="NoStock")]
    assert machine.names == ["Reserve"]


def test_what_a_saga_keeps_and_publishes_of_a_refusal_is_its_name_on_the_wire() -> None:
    """The reason travels in an event, and a history is read for years: both stay when the class is renamed."""

    class Empty(Event, of=stock, name="AllThere"):
        order: Key[str]

    class SoldOut(Rejection, name="NothingThere"):
        sku: str

    class Look(Command[Empty, SoldOut], of=stock):
        order: Key[str]

    class Seeing(Saga, start=Placed, deadline=minutes(2), undone=Cancelled, of=shop):
        look = step(Look, no_effect=True, timeout=seconds(30))

    refused, done = (Machine(definition=Seeing.__definition__).start() for _ in range(2))
    refused.answer(SoldOut(sku="x"))
    done.answer(Empty(order="o1"))

    assert refused.published == [Cancelled(order="o1", reason="NothingThere")]
    assert ("refused", "look", "NothingThere(sku='x')") in refused.notes
    assert ("done", "look", "AllThere") in done.notes


def test_a_step_without_an_effect_whose_answer_comes_later_is_withdrawn_when_it_is_given_up() -> None:
    """Nothing undoes it, and its participant would wait for an answer that no saga needs, for ever."""

    class Wondering(Saga, start=Placed, deadline=minutes(2), undone=Cancelled, of=shop):
        look = step(Reserve, no_effect=True, timeout=seconds(30))

    definition = Wondering.__definition__
    later = replace(definition, steps=tuple(replace(each, answered_later=True) for each in definition.steps))
    ways: dict[str, Callable[[Machine], object]] = {
        "timed out": lambda machine: machine.wait(30),
        "cancelled": lambda machine: machine.act("cancel"),
        "refused": lambda machine: machine.answer(NoStock(sku="x")),
        "answered": lambda machine: machine.answer(Reserved(order="o1")),
    }
    kinds: dict[str, list[str]] = {}
    for way, happens in ways.items():
        machine = Machine(definition=later).start()
        happens(machine)
        assert machine.status == ("completed" if way == "answered" else "undone"), "it waits for no acknowledgement"
        kinds[way] = [each.kind for each in machine.sent]
    assert kinds == {
        "timed out": ["do", "withdraw"],
        "cancelled": ["do", "withdraw"],
        "refused": ["do"],
        "answered": ["do"],
    }


def test_a_refusal_of_the_pivot_undoes_what_is_before_it_and_waits_for_the_acknowledgement() -> None:
    machine = charging()
    machine.answer(Declined(why="limit"))
    assert machine.names[-1] == "Release"
    assert machine.sent[-1].command.place == "A7", "the undo may use the step's own reply where it came"
    assert machine.status == "compensating" and machine.published == []
    machine.answer(Released(order="o1"))
    assert machine.status == "undone"
    assert machine.published == [Cancelled(order="o1", reason="Declined")]


def test_a_timeout_owes_the_undo_of_that_very_step_first() -> None:
    machine = charging()
    assert not machine.wait(59), "not before its time"
    assert machine.wait(1)
    assert machine.names[-1] == "Refund"
    machine.answer(Refunded(order="o1"))
    assert machine.names[-1] == "Release"
    machine.answer(Released(order="o1"))
    assert machine.published == [Cancelled(order="o1", reason="charge timed out")]


def test_an_undo_of_an_unknown_outcome_does_without_the_reply() -> None:
    machine = Machine().start()
    machine.wait(30)
    assert machine.names == ["Reserve", "Release"]
    assert machine.sent[-1].command.place == "(unknown)"


def test_an_undo_takes_a_reply_into_a_field_that_may_be_none() -> None:
    """None says that the reply never came: a text that means it would be a place of that name."""

    class Freed(Event, of=stock):
        order: Key[str]

    class Free(Command[Freed], of=stock):
        order: Key[str]
        place: str | None = None

    class Freeing(Saga, start=Placed, deadline=minutes(2), undone=Cancelled, of=shop):
        reserve = step(Reserve, undo=Free, timeout=seconds(30))
        charge = step(Charge, undo=Refund, timeout=seconds(30))

    known, unknown = (Machine(definition=Freeing.__definition__).start() for _ in range(2))
    known.answer(Reserved(order="o1", place="A7"))
    known.answer(Declined(why="limit"))
    unknown.wait(30)

    assert [machine.sent[-1].command for machine in (known, unknown)] == [
        Free(order="o1", place="A7"),
        Free(order="o1", place=None),
    ]


def test_a_late_reply_while_its_undo_is_under_way_changes_nothing_more() -> None:
    machine = charging()
    charge = machine.sent[-1]
    machine.wait(60)
    refund = machine.sent[-1]
    machine.answer(Charged(order="o1"), charge)
    assert machine.sent[-1] is refund and machine.status == "compensating"


def test_a_late_reply_after_its_undo_was_acknowledged_is_undone_once_more() -> None:
    """A participant in another language may keep no tombstones: its effect came after its undo."""
    machine = charging()
    charge = machine.sent[-1]
    machine.wait(60)
    machine.answer(Refunded(order="o1"))
    machine.answer(Released(order="o1"))
    assert machine.status == "undone"
    machine.answer(Charged(order="o1"), charge)
    assert machine.names[-1] == "Refund" and machine.status == "compensating"
    old = machine.sent[2]
    assert not machine.answer(Refunded(order="o1"), old), "the old acknowledgement proves nothing about the new undo"
    machine.answer(Refunded(order="o1"))
    assert machine.status == "undone"
    assert len(machine.published) == 1


def test_an_undo_is_sent_until_it_is_acknowledged_and_meanwhile_never_shown_as_undone() -> None:
    machine = charging()
    machine.answer(Declined(why="limit"))
    for _ in range(10):
        assert machine.wait(1_800)
        assert machine.status in ("compensating", "needs_attention")
    assert machine.status == "needs_attention"
    assert len(machine.alerts) == 1
    undos = [s for s in machine.sent if s.kind == "undo"]
    assert len(undos) == 11 and len({s.message_id for s in undos}) == 11
    machine.answer(Released(order="o1"), undos[3])
    assert machine.status == "undone", "any acknowledgement since the first counts"


def test_the_wait_between_undos_doubles_up_to_thirty_minutes() -> None:
    machine = charging()
    machine.answer(Declined(why="limit"))
    waits = []
    for _ in range(10):
        assert machine.state is not None and machine.state.due_us is not None
        waits.append((machine.state.due_us - machine.now) / 1e6)
        machine.wait(waits[-1])
    assert waits == [30, 60, 120, 240, 480, 960, 1800, 1800, 1800, 1800]


def test_after_the_pivot_the_command_is_sent_again_under_the_same_id_and_nothing_is_undone() -> None:
    machine = charging()
    machine.answer(Charged(order="o1"))
    for _ in range(8):
        machine.wait(2_000)
    confirms = [s for s in machine.sent if s.step == "confirm"]
    assert len({s.message_id for s in confirms}) == 1 and len(confirms) == 9
    assert machine.status == "needs_attention" and not [s for s in machine.sent if s.kind == "undo"]
    machine.answer(Confirmed(order="o1"))
    assert machine.status == "completed"


def test_the_deadline_undoes_what_happened_before_the_pivot() -> None:
    machine = charging()
    assert machine.wait(16 * 60)
    assert machine.state is not None and machine.state.reason == "deadline passed"
    assert machine.names[-1] == "Refund"


def test_a_late_refusal_of_a_timed_out_step_changes_nothing() -> None:
    machine = charging()
    charge = machine.sent[-1]
    machine.wait(60)
    assert not machine.answer(Declined(why="late"), charge)


def test_a_reply_without_an_address_is_told_by_its_cause() -> None:
    """A participant in another language only has to publish its event."""
    machine = Machine().start()
    assert machine.answer(Reserved(order="o1"), plain=True)
    assert machine.names[-1] == "Charge"


def test_a_terminal_saga_has_no_timer() -> None:
    machine = Machine().start()
    machine.answer(NoStock(sku="x"))
    assert not machine.wait(100_000)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_whatever_is_late_lost_doubled_or_refused_money_and_stock_are_right(data: st.DataObject) -> None:
    """Any interleaving of deliveries, copies, losses, refusals and timeouts ends in a consistent state, published
    once."""
    people = {
        "reserve": Participant(Reserved, Released, NoStock(sku="x"), data.draw(st.booleans())),
        "charge": Participant(Charged, Refunded, Declined(why="x"), data.draw(st.booleans())),
        "confirm": Participant(Confirmed, Confirmed, None, False),
    }
    machine = Machine().start()
    arrived = 0
    replies: list[tuple[object, Any]] = []
    for _ in range(60):
        choice = data.draw(st.sampled_from(["deliver", "again", "reply", "copy", "wait"]))
        if choice == "deliver" and arrived < len(machine.sent):
            command = machine.sent[arrived]
            arrived += 1
            reply = people[command.step].handle(command)
            if reply is not None:
                replies.append((reply, command))
        elif choice == "again" and arrived:
            command = machine.sent[data.draw(st.integers(0, arrived - 1))]
            reply = people[command.step].handle(command)
            if reply is not None and command.kind == "undo":
                replies.append((reply, command))
        elif choice in ("reply", "copy") and replies:
            index = data.draw(st.integers(0, len(replies) - 1))
            reply, command = replies[index] if choice == "copy" else replies.pop(index)
            machine.answer(reply, command)
        elif choice == "wait":
            machine.wait(data.draw(st.sampled_from([1, 31, 61, 1_000])))
    for _ in range(200):  # then everything arrives, and time passes
        while arrived < len(machine.sent):
            command = machine.sent[arrived]
            arrived += 1
            reply = people[command.step].handle(command)
            if reply is not None:
                replies.append((reply, command))
        for reply, command in replies:
            machine.answer(reply, command)
        replies = []
        if machine.status in ("completed", "undone") and arrived == len(machine.sent):
            break
        machine.wait(2_000)
    assert machine.status in ("completed", "undone")
    done = machine.status == "completed"
    assert (people["reserve"].has, people["charge"].has) == (done, done)
    assert len(machine.published) == (0 if done else 1)
