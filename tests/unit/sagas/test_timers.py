"""Timers of steps: while a step waits for its answer, its reminders are sent, each at its time and once."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.sagas.machine import (
    SECOND,
    Cancelled,
    Charge,
    Charged,
    Checkout,
    Confirm,
    Confirmed,
    Declined,
    Machine,
    NoStock,
    Placed,
    Refund,
    Refunded,
    Release,
    Reserve,
    Reserved,
    bank,
    shop,
)

from partita import Command, Event, Key, Saga, days, hours, pivot, retriable, seconds, step
from partita.errors import StoreMismatch
from partita.message import SagaAddress
from partita.sagas import after
from partita.sagas.diagram import mermaid, text
from partita.sagas.engine import on_message, on_timer
from partita.sagas.needed_facts import check
from partita.sagas.transition import Incoming


class Reminded(Event, of=bank):
    order: Key[str]


class Escalated(Event, of=bank):
    order: Key[str]


class Remind(Command[Reminded], of=bank):
    order: Key[str]
    place: str = ""


class Escalate(Command[Escalated], of=bank):
    order: Key[str]


class Deciding(Saga, start=Placed, deadline=days(30), undone=Cancelled, of=shop):
    reserve = step(Reserve, undo=Release, timeout=seconds(30))
    decide = pivot(
        Charge,
        undo=Refund,
        timeout=days(20),
        timers=(after(days(5), Remind), after(days(10), Remind), after(days(15), Escalate)),
    )
    confirm = retriable(Confirm, timeout=days(2), timers=(after(days(1), Remind),))


class Polite(Saga, start=Placed, deadline=days(30), undone=Cancelled, of=shop):
    decide = pivot(Charge, undo=Refund, timeout=days(20), on_timeout="retry", timers=(after(days(5), Remind),))

    @decide.timer(Remind)
    def _(self) -> Remind:
        return Remind(order=self.start.order, place="by hand")


def deciding() -> Machine:
    """A machine that waits for the decision."""
    machine = Machine(definition=Deciding.__definition__).start()
    machine.answer(Reserved(order="o1", place="A7"))
    return machine


def wait(machine: Machine, seconds: float, *, unsent: bool) -> bool:
    """Let time pass, with what is known of the outbox then; whether a timer did something."""
    machine.now += round(seconds * SECOND)
    assert machine.state is not None
    return machine._take(
        on_timer(
            machine.definition,
            machine.state,
            machine.now,
            machine.new_id,
            unsent=machine.state.waits_for if unsent else (),
        )
    )


def test_each_reminder_is_sent_at_its_time_and_once() -> None:
    machine = deciding()
    sent: list[tuple[float, str]] = []
    for day in range(1, 20):
        before = len(machine.sent)
        machine.wait(days(1))
        assert not machine.wait(0), "nothing is due a second time"
        sent += [(day, type(each.command).__name__) for each in machine.sent[before:]]
    assert sent == [(5, "Remind"), (10, "Remind"), (15, "Escalate")]
    assert machine.notes[-3:] == [("reminded", "decide", name) for name in ("Remind", "Remind", "Escalate")]
    assert machine.status == "running"


def test_a_reminder_is_filled_as_every_command_and_has_an_address_of_its_own() -> None:
    machine = deciding()
    machine.wait(days(5))
    machine.wait(days(5))
    first, second = machine.sent[-2:]
    assert (first.command.order, first.command.place, first.step, first.kind) == ("o1", "A7", "decide", "timer")
    assert first.epoch != second.epoch and first.message_id != second.message_id


def test_a_hook_may_fill_it() -> None:
    machine = Machine(definition=Polite.__definition__).start()
    machine.wait(days(5))
    assert machine.sent[-1].command == Remind(order="o1", place="by hand")


def test_nothing_is_sent_after_the_answer() -> None:
    machine = deciding()
    machine.wait(days(5))
    machine.answer(Charged(order="o1"), machine.sent[1])
    assert machine.names[-1] == "Confirm" and machine.state is not None
    machine.wait(hours(23))
    assert machine.names[-1] == "Confirm", "the next step has times of its own"
    machine.wait(hours(1))
    assert machine.names[-1] == "Remind" and machine.sent[-1].step == "confirm"
    machine.answer(Confirmed(order="o1"), machine.sent[-2])
    assert machine.status == "completed" and machine.state.due_us is None and machine.state.waiting == {}


@pytest.mark.parametrize("ends", ["a refusal", "a timeout", "a person"])
def test_nothing_is_sent_for_a_step_that_is_given_up_and_its_undo_has_its_own_time(ends: str) -> None:
    machine = deciding()
    if ends == "a refusal":
        machine.answer(Declined(why="limit"), machine.sent[-1])
    elif ends == "a timeout":
        machine.wait(days(20))
    else:
        machine.act("cancel")
    assert machine.names[-1] == ("Release" if ends == "a refusal" else "Refund")
    assert machine.state is not None and machine.state.waiting == {}
    undo_due_us = machine.state.due_us
    assert undo_due_us is not None and undo_due_us - machine.now <= 1_800 * SECOND
    assert "Remind" not in machine.names


def test_a_long_stop_sends_those_that_are_due_if_the_step_still_waits() -> None:
    machine = deciding()
    machine.wait(days(16))
    assert machine.names[-3:] == ["Remind", "Remind", "Escalate"] and machine.status == "running"


def test_a_step_that_is_sent_again_gets_the_reminders_of_a_long_stop_too() -> None:
    machine = Machine(definition=Polite.__definition__).start()
    machine.wait(days(21))
    machine.wait(0)
    assert machine.names == ["Charge", "Charge", "Remind"]


def test_the_answer_to_a_reminder_moves_nothing_and_is_recorded() -> None:
    machine = deciding()
    machine.wait(days(5))
    assert machine.state is not None
    before = machine.state.due_us, machine.state.step, machine.state.waits_for
    assert machine.answer(Reminded(order="o1"))
    assert machine.notes[-1] == ("answered", "decide", "Reminded")
    assert (machine.state.due_us, machine.state.step, machine.state.waits_for) == before
    assert machine.answer(Charged(order="o1"), machine.sent[1]), "the step waits for its own answer as before"


def test_the_answer_of_a_participant_in_another_language_moves_nothing_either() -> None:
    """It echoes no address: its event is known by its type alone."""
    machine = deciding()
    machine.wait(days(5))
    assert machine.state is not None
    incoming = Incoming(Reminded(order="o1"), "m", None, None, "c1", machine.now)
    machine._take(on_message(machine.definition, machine.state, incoming, machine.now, machine.new_id))
    assert machine.notes[-1] == ("answered", "decide", "Reminded") and machine.status == "running"


def test_a_refused_reminder_is_no_refusal_of_its_step() -> None:
    """A participant of another version may refuse it."""
    machine = deciding()
    machine.wait(days(5))
    assert machine.state is not None
    reminder = machine.sent[-1]
    address = SagaAddress("Deciding", "o1", "decide", reminder.epoch, "timer")
    incoming = Incoming(NoStock(sku="x"), "m", reminder.message_id, address, "c1", machine.now, "refusal")
    machine._take(on_message(machine.definition, machine.state, incoming, machine.now, machine.new_id))
    assert machine.status == "running" and machine.notes[-1][:2] == ("answered", "decide")


def test_the_times_begin_when_the_command_has_left() -> None:
    machine = deciding()
    wait(machine, days(5), unsent=True)
    wait(machine, days(5), unsent=True)
    wait(machine, days(5), unsent=False)
    assert machine.names == ["Reserve", "Charge"], "it left a moment ago, for all we know"
    machine.wait(days(4))
    assert machine.names == ["Reserve", "Charge"]
    machine.wait(days(1))
    assert machine.names[-1] == "Remind"
    machine.wait(days(9))
    assert machine.names[-2:] == ["Remind", "Remind"] and machine.status == "running"


def test_a_command_that_the_bus_refuses_is_not_looked_at_at_each_time_of_a_reminder() -> None:
    """A reminder after ten seconds wrote the saga's row each ten seconds, for as long as a person left the outbox alone."""

    class Hasty(Saga, start=Placed, deadline=days(30), undone=Cancelled, of=shop):
        decide = pivot(Charge, undo=Refund, timeout=days(20), timers=(after(seconds(10), Remind),))

    machine = Machine(definition=Hasty.__definition__).start()
    looks = [wait(machine, 10, unsent=True) for _ in range(24 * 60 * 6)]
    assert 48 <= sum(looks) <= 60 and machine.names == ["Charge"], "a day, half an hour at most from look to look"
    wait(machine, hours(1), unsent=False)
    machine.wait(seconds(9))
    assert machine.names == ["Charge"], "it left a moment ago, for all we know"
    machine.wait(seconds(1))
    assert machine.names == ["Charge", "Remind"]


def test_a_step_with_days_for_its_answer_has_them_after_a_moment_in_the_outbox() -> None:
    """Its time begins again, and it is not half an hour then."""
    machine = deciding()
    wait(machine, days(5), unsent=True)
    wait(machine, hours(1), unsent=False)
    machine.wait(hours(2))
    assert machine.status == "running" and "Refund" not in machine.names


def test_a_retriable_with_days_for_its_answer_is_not_sent_again_each_half_hour() -> None:
    machine = deciding()
    machine.answer(Charged(order="o1"), machine.sent[1])
    machine.wait(days(2))
    assert machine.names[-1] == "Confirm" and machine.notes[-1] == ("resent", "confirm", "try 2")
    machine.wait(0)
    machine.wait(hours(47))
    assert machine.names.count("Confirm") == 2


def test_a_reminder_keeps_the_cause_of_the_commands_that_follow() -> None:
    machine = deciding()
    assert machine.state is not None
    before = machine.state.last_message_id
    machine.wait(days(5))
    assert machine.state.last_message_id == before


def test_the_deadline_of_a_retriable_is_reported_once_with_timers_too() -> None:
    class Late(Saga, start=Placed, deadline=hours(30), of=shop):
        confirm = retriable(Confirm, timeout=days(2), timers=(after(hours(29), Remind),))

    machine = Machine(definition=Late.__definition__).start()
    machine.wait(hours(29))
    machine.wait(hours(1))
    assert machine.names == ["Confirm", "Remind"] and len(machine.alerts) == 1
    machine.answer(Confirmed(order="o1"), machine.sent[0])
    assert machine.status == "completed"


def test_a_hundredth_of_the_time_is_a_hundredth_of_each_timer() -> None:
    machine = Machine(definition=Deciding.__definition__.scaled(0.01)).start()
    machine.answer(Reserved(order="o1"))
    machine.wait(days(0.05))
    assert machine.names[-1] == "Remind"


def test_the_digest_knows_the_commands_of_timers_and_not_their_times() -> None:
    """An instance keeps how many of them were sent."""

    def digest(*timers: Any, name: str = "Digested") -> str:
        declared = pivot(Charge, undo=Refund, timeout=days(20), timers=timers)
        declared.name = "decide"
        of: dict[str, Any] = {"start": Placed, "of": shop, "deadline": days(30), "undone": Cancelled}
        shop.declared.sagas[:] = [each for each in shop.declared.sagas if each.name != name]
        saga: Any = type(Saga)(name, (Saga,), {"decide": declared}, **of)
        return str(saga.__definition__.digest)

    one = digest(after(days(1), Remind))
    assert one == digest(after(days(2), Remind))
    assert len({one, digest(), digest(after(days(1), Escalate)), digest(*[after(days(1), Remind)] * 2)}) == 4
    assert "timers" not in Checkout.__definition__.describe()


def test_the_pictures_show_them() -> None:
    assert "decide --> decide: Escalate after 15 d" in mermaid(Deciding.__definition__)
    drawn = text(Deciding.__definition__)
    assert "timer      after 5 d: Remind" in drawn and "timeout    20 d, then undo" in drawn


def test_an_instance_that_lacks_a_value_of_a_reminder_is_named_at_the_start() -> None:
    """The code of today may have given the reminder a field that earlier code did not keep."""

    class Dun(Command[Reminded], of=bank):
        order: Key[str]
        cents: int

    class Dunning(Saga, start=Placed, deadline=days(2), undone=Cancelled, of=shop):
        reserve = step(Reserve, undo=Release, timeout=days(1), timers=(after(hours(5), Dun),))

    machine = Machine(definition=Dunning.__definition__).start()
    assert machine.state is not None
    check(machine.definition, machine.state)
    del machine.state.facts["start.cents"]
    with pytest.raises(StoreMismatch, match=r"Dun\.cents is of Placed\.cents"):
        check(machine.definition, machine.state)


def test_undone_after_reminders_it_is_undone_as_ever() -> None:
    machine = deciding()
    machine.wait(days(15))
    machine.wait(days(5))
    machine.answer(Refunded(order="o1"))
    assert machine.names[-2:] == ["Refund", "Release"]


def test_a_reminder_that_is_late_does_not_wait_for_a_copy_that_has_not_left() -> None:
    """Else its timer would ring at once, again and again, as long as the bus is away."""
    machine = Machine(definition=Polite.__definition__).start()
    machine.wait(days(21))
    assert machine.names == ["Charge", "Charge"]
    wait(machine, 0, unsent=True)
    assert machine.names == ["Charge", "Charge", "Remind"]
    assert machine.state is not None and machine.state.due_us is not None and machine.state.due_us > machine.now
