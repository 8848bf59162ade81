"""The answers that a saga instance waits for, from its state alone: the reminder that comes next, the end of the time, and the
decision then. Each expected time is one at which the engine acts."""

from __future__ import annotations

import pytest
from tests.unit.sagas.machine import (
    SECOND,
    Asking,
    Charge,
    Checkout,
    Declined,
    IsCharged,
    Machine,
    Refund,
    Release,
    Reserve,
    Reserved,
    Settle,
)
from tests.unit.sagas.test_parallel import Patient, Trip, answer, both
from tests.unit.sagas.test_timers import Deciding, deciding

from partita import days, minutes, seconds
from partita.observability.awaited import AwaitedAnswer, awaited_answers
from partita.sagas.state import SagaState

DAY = round(days(1) * SECOND)


def awaited_of(machine: Machine) -> list[AwaitedAnswer]:
    """The awaited answers of the machine's instance."""
    assert isinstance(machine.state, SagaState)
    return awaited_answers(machine.definition, machine.state)


def test_a_reminder_is_named_until_it_is_sent_and_at_the_time_when_it_is_sent() -> None:
    """Day by day: the time that is said is the time at which the engine sends this command."""
    machine = deciding()
    said: list[tuple[int, str]] = []
    for _ in range(19):
        (found,) = awaited_of(machine)
        assert (found.step, found.message.cls, found.since_us) == ("decide", Charge, 0)
        assert (found.until_us, found.then) == (20 * DAY, "it is undone")
        before = len(machine.sent)
        machine.wait(days(1))
        if len(machine.sent) > before:
            assert found.reminder is not None and found.reminder.at_us == machine.now
            assert found.reminder.name == type(machine.sent[-1].command).__name__
            said.append((machine.now // DAY, found.reminder.name))
    assert said == [(5, "Remind"), (10, "Remind"), (15, "Escalate")]
    assert awaited_of(machine)[0].reminder is None
    machine.wait(days(1))
    assert machine.status == "compensating"


def test_a_step_without_timers_has_its_time() -> None:
    machine = Machine(definition=Checkout.__definition__).start()
    (found,) = awaited_of(machine)
    assert (found.step, found.message.cls, found.reply) == ("reserve", Reserve, "Reserved")
    assert (found.until_us, found.then, found.reminder) == (seconds(30) * SECOND, "it is undone", None)
    machine.wait(seconds(30))
    (found,) = awaited_of(machine)
    assert (found.message.cls, found.then) == (Release, "Release is sent again")
    assert found.message_id == machine.sent[-1].message_id


def test_a_group_has_an_answer_for_each_step_that_waits() -> None:
    machine = both(Trip.__definition__)
    names = [each.step for each in awaited_of(machine)]
    assert len(names) == 2
    assert answer(machine, Reserved(order="o1"), Reserve)
    (left,) = awaited_of(machine)
    assert [left.step] == [name for name in names if name != "reserve"]


def test_the_decision_at_the_end_is_the_one_of_the_engine() -> None:
    """Asked, sent again, undone by the deadline, and sent again behind the point of no return."""
    machine = Machine(definition=Asking.__definition__).start()
    machine.answer(Reserved(order="o1", place="A7"))
    assert awaited_of(machine)[0].then == "IsCharged asks for the outcome"
    machine.wait(seconds(60))
    (found,) = awaited_of(machine)
    assert (found.message.cls, found.step) == (IsCharged, "charge")

    machine = Machine(definition=Settle.__definition__).start()
    assert awaited_of(machine)[0].then == "Confirm is sent again"
    while machine.state is not None and machine.state.due_us != machine.state.deadline_us:
        machine.wait(seconds(1))
    assert awaited_of(machine)[0].then == "its deadline passes and an operator is alerted"
    machine.wait(minutes(2))
    assert machine.alerts and awaited_of(machine)[0].then == "Confirm is sent again"

    machine = both(Patient.__definition__)
    thens = {each.then for each in awaited_of(machine)}
    while awaited_of(machine) and thens and "its deadline passes and it is undone" not in thens:
        machine.wait(seconds(1))
        thens = {each.then for each in awaited_of(machine)}
        if machine.status != "running":
            break
    assert "its deadline passes and it is undone" in thens


@pytest.mark.parametrize("refused", [True, False])
def test_an_instance_that_has_ended_waits_for_nothing(refused: bool) -> None:
    machine = Machine(definition=Deciding.__definition__).start()
    machine.answer(Reserved(order="o1", place="A7"))
    machine.act("cancel") if not refused else machine.answer(Declined(why="no"))
    (found,) = awaited_of(machine)
    assert found.message.cls is (Release if refused else Refund)
    while machine.status == "compensating":
        machine.answer(found.message.reply(order="o1"))  # type: ignore[misc]  # a class with this field alone
        found = next(iter(awaited_of(machine)), found)
    assert machine.status == "undone" and awaited_of(machine) == []
