"""Steps that are sent together: the saga goes on when all are done, and undoes all that were done or may have been."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.sagas.machine import (
    SECOND,
    Cancelled,
    Charge,
    Charged,
    Check,
    Checked,
    Confirm,
    Confirmed,
    Declined,
    IsCharged,
    Machine,
    NoStock,
    Participant,
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

from partita import Command, DeclarationError, Event, Key, Saga, minutes, pivot, retriable, seconds, step
from partita.sagas import after, parallel
from partita.sagas.diagram import mermaid, text
from partita.sagas.engine import on_timer


class Noted(Event, of=bank):
    order: Key[str]


class Note(Command[Noted], of=bank):
    order: Key[str]


class Nudged(Event, of=bank):
    order: Key[str]


class Nudge(Command[Nudged], of=bank):
    order: Key[str]


class Trip(Saga, start=Placed, deadline=minutes(5), undone=Cancelled, of=shop):
    check = step(Check, no_effect=True, timeout=seconds(10))
    reserve = step(Reserve, undo=Release, timeout=seconds(30))
    charge = step(Charge, undo=Refund, timeout=seconds(60), timers=(after(seconds(20), Nudge),))
    parallel(reserve, charge)
    confirm = retriable(Confirm, timeout=seconds(10))
    note = retriable(Note, timeout=seconds(15))
    parallel(confirm, note)


class Patient(Saga, start=Placed, deadline=minutes(5), undone=Cancelled, of=shop):
    reserve = step(Reserve, undo=Release, timeout=seconds(30), on_timeout="retry")
    charge = step(Charge, undo=Refund, timeout=seconds(60), on_timeout="ask", ask=IsCharged)
    parallel(reserve, charge)


def both(definition: Any = Trip.__definition__) -> Machine:
    """A machine that waits for two answers."""
    machine = Machine(definition=definition).start()
    if definition is Trip.__definition__:
        machine.answer(Checked(order="o1"))
    assert machine.names[-2:] == ["Reserve", "Charge"]
    return machine


def to(machine: Machine, command: type) -> Any:
    """The latest command of a class that was sent."""
    return next(each for each in reversed(machine.sent) if type(each.command) is command)


def answer(machine: Machine, message: Any, command: type) -> bool:
    return machine.answer(message, to(machine, command))


@pytest.mark.parametrize("reserve_first", [True, False])
def test_the_saga_goes_on_when_all_are_done_in_any_order(reserve_first: bool) -> None:
    machine = both()
    answers = [(Reserved(order="o1"), Reserve), (Charged(order="o1"), Charge)]
    first, second = answers if reserve_first else reversed(answers)
    answer(machine, *first)
    assert machine.names[-1] == "Charge" and machine.status == "running"
    answer(machine, *second)
    assert machine.names[-2:] == ["Confirm", "Note"]
    answer(machine, Noted(order="o1"), Note)
    assert machine.status == "running"
    answer(machine, Confirmed(order="o1"), Confirm)
    assert machine.status == "completed" and machine.state is not None and machine.state.due_us is None


def test_a_copy_of_a_reply_moves_nothing() -> None:
    machine = both()
    answer(machine, Reserved(order="o1"), Reserve)
    assert not answer(machine, Reserved(order="o1"), Reserve)
    assert machine.names[-1] == "Charge"


def test_a_refusal_undoes_the_one_that_was_done_and_the_one_that_may_have_been() -> None:
    done, in_flight = both(), both()
    answer(done, Charged(order="o1"), Charge)
    for machine in (done, in_flight):
        answer(machine, NoStock(sku="x"), Reserve)
        assert machine.names[-1] == "Refund" and machine.status == "compensating"
        answer(machine, Refunded(order="o1"), Refund)
        assert machine.status == "undone" and machine.published == [Cancelled(order="o1", reason="NoStock")]
        assert "Release" not in machine.names, "the one that was refused needs no undo"


def test_a_reply_that_comes_while_the_others_are_undone_moves_nothing_ahead() -> None:
    machine = both()
    answer(machine, Declined(why="limit"), Charge)
    assert machine.names[-1] == "Release"
    answer(machine, Reserved(order="o1"), Reserve)
    assert machine.names[-1] == "Release" and machine.status == "compensating"
    answer(machine, Released(order="o1"), Release)
    assert machine.status == "undone"


def test_a_timeout_of_one_undoes_all_in_reverse() -> None:
    machine = both()
    machine.wait(30)
    assert machine.names[-1] == "Refund"
    answer(machine, Refunded(order="o1"), Refund)
    answer(machine, Released(order="o1"), Release)
    assert machine.status == "undone" and machine.state is not None and machine.state.reason == "reserve timed out"


def test_each_has_its_own_time_and_its_own_reminders() -> None:
    machine = both()
    answer(machine, Reserved(order="o1"), Reserve)
    assert not machine.wait(19)
    machine.wait(1)
    assert machine.names[-1] == "Nudge"
    machine.wait(39)
    assert machine.status == "running"
    machine.wait(1)
    assert machine.names[-1] == "Refund" and machine.state is not None and machine.state.reason == "charge timed out"


def test_each_is_sent_again_or_asked_about_as_it_says() -> None:
    machine = both(Patient.__definition__)
    machine.wait(30)
    assert machine.names == ["Reserve", "Charge", "Reserve"]
    machine.wait(30)
    assert machine.names[3:] == ["IsCharged"]
    machine.wait(30)
    assert machine.names[4:] == ["Reserve"]
    machine.answer(Charged(order="o1"), to(machine, IsCharged))
    answer(machine, Reserved(order="o1"), Reserve)
    assert machine.status == "completed"


def test_one_that_has_not_left_does_not_time_out_with_the_other() -> None:
    machine = both(Patient.__definition__)
    machine.now += 60 * SECOND
    assert machine.state is not None
    unsent = [to(machine, Charge).message_id]
    machine._take(on_timer(machine.definition, machine.state, machine.now, machine.new_id, unsent=unsent))
    assert machine.names == ["Reserve", "Charge", "Reserve"], "nobody is asked about a command that has not left"


def test_the_deadline_undoes_all_of_them_once() -> None:
    machine = both(Patient.__definition__)
    answer(machine, Reserved(order="o1"), Reserve)
    machine.wait(5 * 60)
    assert machine.names[-1] == "Refund"
    assert [kind for kind, _, _ in machine.notes].count("timeout") == 1


def test_a_person_has_all_of_them_sent_again_and_may_cancel() -> None:
    machine = both()
    assert machine.act("retry") == ""
    assert machine.names[-2:] == ["Reserve", "Charge"] and machine.sent[-1].message_id == machine.sent[-3].message_id
    answer(machine, Reserved(order="o1"), Reserve)
    assert machine.act("cancel", "enough") == ""
    assert machine.names[-1] == "Refund" and machine.notes[-3][:2] == ("cancel", "charge")


def test_behind_the_point_of_no_return_each_is_sent_until_it_is_done() -> None:
    machine = both()
    answer(machine, Reserved(order="o1"), Reserve)
    answer(machine, Charged(order="o1"), Charge)
    answer(machine, Noted(order="o1"), Note)
    for _ in range(6):
        machine.wait(400)
    assert machine.names.count("Note") == 1 and machine.names.count("Confirm") > 3
    assert "behind its point of no return" in machine.act("cancel")
    answer(machine, Confirmed(order="o1"), Confirm)
    assert machine.status == "completed"


def test_the_deadline_need_not_hold_the_sum_of_their_times() -> None:
    class Tight(Saga, start=Placed, deadline=seconds(60), undone=Cancelled, of=shop):
        reserve = step(Reserve, undo=Release, timeout=seconds(30))
        charge = step(Charge, undo=Refund, timeout=seconds(60))
        parallel(reserve, charge)

    assert Tight.__definition__.first == (0, 0) and Tight.__definition__.behind == (2, 2)


def test_a_command_is_not_filled_from_a_reply_that_may_come_later() -> None:
    """Charge has a place, with a default: alone behind Reserve it is that of its reply."""
    machine = both()
    answer(machine, Reserved(order="o1", place="A7"), Reserve)
    assert to(machine, Charge).command.place == ""


def test_the_pictures_and_the_digest_know_them() -> None:
    drawn = mermaid(Trip.__definition__)
    for line in (
        "check --> together_reserve: Checked",
        "state together_reserve <<fork>>",
        "together_reserve --> charge",
        "charge --> all_reserve: Charged",
        "all_reserve --> together_confirm",
        "all_confirm --> completed",
        "reserve --> undo_charge: NoStock",
    ):
        assert line in drawn
    assert "parallel   with charge" in text(Trip.__definition__)
    assert "beside reserve" in Trip.__definition__.describe()


def between() -> Any:
    class Between(Saga, start=Placed, deadline=minutes(5), undone=Cancelled, of=shop):
        reserve = step(Reserve, undo=Release, timeout=seconds(30))
        check = step(Check, no_effect=True, timeout=seconds(10))
        charge = step(Charge, undo=Refund, timeout=seconds(60))
        parallel(reserve, charge)

    return Between


def with_a_pivot() -> Any:
    class WithPivot(Saga, start=Placed, deadline=minutes(5), undone=Cancelled, of=shop):
        reserve = step(Reserve, undo=Release, timeout=seconds(30))
        charge = pivot(Charge, undo=Refund, timeout=seconds(60))
        parallel(reserve, charge)

    return WithPivot


def of_two_kinds() -> Any:
    class TwoKinds(Saga, start=Placed, deadline=minutes(5), undone=Cancelled, of=shop):
        reserve = step(Reserve, undo=Release, timeout=seconds(30))
        confirm = retriable(Confirm, timeout=seconds(60))
        parallel(reserve, confirm)

    return TwoKinds


def with_one_reply() -> Any:
    class OneReply(Saga, start=Placed, deadline=minutes(5), undone=Cancelled, of=shop):
        one = step(Reserve, undo=Release, timeout=seconds(30))
        two = step(Reserve, undo=Release, timeout=seconds(30))
        parallel(one, two)

    return OneReply


def in_two_groups() -> Any:
    one, two, three = (step(Reserve, undo=Release) for _ in range(3))
    parallel(one, two)
    parallel(two, three)


def of_another_class() -> Any:
    apart = step(Check, no_effect=True)

    class Lonely(Saga, start=Placed, deadline=minutes(5), undone=Cancelled, of=shop):
        reserve = step(Reserve, undo=Release, timeout=seconds(30))
        parallel(reserve, apart)

    return Lonely


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        (between, "reserve, charge are sent together, and another step is between them"),
        (with_a_pivot, "charge is a pivot, and is sent together with others"),
        (of_two_kinds, "Of reserve, confirm some can be undone and some cannot"),
        (with_one_reply, "one and two are sent together and both answered by Reserved"),
        (in_two_groups, "Reserve is in another group already"),
        (of_another_class, "parallel names a step of another class"),
        (lambda: parallel(step(Reserve, undo=Release)), "parallel takes two steps or more"),
    ],
)
def test_a_group_that_cannot_be_kept_is_refused(declared: Any, said: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        declared()
    assert said in str(refused.value) and "test_parallel.py:" in str(refused.value)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_whatever_is_late_lost_doubled_or_refused_both_are_done_or_none(data: st.DataObject) -> None:
    """Participants with tombstones, in any order: in the end the stock and the money are both there, or both are not."""
    stock = Participant(Reserved, Released, NoStock(sku="x"), refuses=data.draw(st.booleans()))
    money = Participant(Charged, Refunded, Declined(why="x"), refuses=data.draw(st.booleans()))
    machine = Machine(definition=Patient.__definition__).start()
    handled, waiting = 0, list[Any]()
    for _ in range(200):
        for sent in machine.sent[handled:]:
            waiting += [sent] * data.draw(st.sampled_from([1, 1, 2]))
        handled = len(machine.sent)
        if waiting and data.draw(st.integers(0, 3)):
            sent = waiting.pop(data.draw(st.integers(0, len(waiting) - 1)))
            if sent.kind == "ask":
                reply = Charged(order="o1") if money.has else Declined(why="not yet")
            else:
                reply = (stock if type(sent.command) in (Reserve, Release) else money).handle(sent)
            if reply is not None and data.draw(st.integers(0, 4)):
                machine.answer(reply, sent)
        else:
            machine.wait(data.draw(st.sampled_from([1, 31, 61, 400])))
        if machine.state is not None and machine.state.is_over and not waiting:
            break
    while waiting:
        sent = waiting.pop(0)
        if sent.kind != "ask":
            reply = (stock if type(sent.command) in (Reserve, Release) else money).handle(sent)
            if reply is not None:
                machine.answer(reply, sent)
        waiting += machine.sent[handled:]
        handled = len(machine.sent)
    if machine.status == "completed":
        assert stock.has and money.has
    if machine.status == "undone":
        assert not stock.has and not money.has
