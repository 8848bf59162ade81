"""The point of no return: before it every step is undone, after it none is, and no event says otherwise."""

from __future__ import annotations

import pytest
from tests.unit.sagas.machine import (
    Asking,
    Cancelled,
    Charged,
    Confirmed,
    Declined,
    Looking,
    Machine,
    NoStock,
    Refunded,
    Released,
    Reserved,
    Reserving,
    Settle,
)

from partita.message import SagaAddress
from partita.sagas.engine import on_message
from partita.sagas.saga import Saga
from partita.sagas.transition import Incoming, Send, Transition


def started(saga: type[Saga]) -> Machine:
    """An instance that has sent its first command."""
    return Machine(definition=saga.__definition__).start()


def reserved() -> Machine:
    """A saga without a pivot whose first retriable is sent."""
    machine = started(Reserving)
    machine.answer(Reserved(order="o1", place="A7"))
    return machine


def charged() -> Machine:
    """A saga whose pivot is done."""
    machine = Machine().start()
    machine.answer(Reserved(order="o1", place="A7"))
    machine.answer(Charged(order="o1"))
    return machine


PAST = {
    "retriables only": lambda: started(Settle),
    "no pivot": reserved,
    "a pivot": charged,
}


@pytest.fixture(params=list(PAST))
def past(request: pytest.FixtureRequest) -> Machine:
    """An instance past its point of no return, of each kind of saga."""
    return PAST[request.param]()


def step_by_step(machine: Machine, seconds: float) -> None:
    """Let every timer ring at its own time, as a runtime that never sleeps does."""
    until = machine.now + round(seconds * 1e6)
    while machine.state is not None and machine.state.due_us is not None and machine.state.due_us <= until:
        machine.wait((machine.state.due_us - machine.now) / 1e6)
    machine.now = until


@pytest.mark.parametrize("watched", [True, False], ids=["timers in time", "timers after a night"])
def test_a_deadline_after_it_tells_a_person_once_and_the_saga_goes_on(past: Machine, watched: bool) -> None:
    """The participant is away past the deadline, then does it."""
    deadline_s = past.definition.deadline_s
    step_by_step(past, deadline_s + 1) if watched else past.wait(deadline_s + 1)
    assert past.status == "needs_attention"
    (told,) = [text for text in past.alerts if "deadline passed" in text]
    assert "Confirm" in told
    before = len(past.alerts)
    step_by_step(past, 10 * deadline_s)
    assert len(past.alerts) == before, "it tells again and again"
    assert past.published == [] and not [s for s in past.sent if s.kind == "undo"]
    assert len({s.message_id for s in past.sent if s.step == "confirm"}) == 1
    past.answer(Confirmed(order="o1"))
    assert past.status == "completed" and past.published == []


def test_the_deadline_after_it_is_told_when_it_passes_and_not_with_the_next_resend() -> None:
    machine = reserved()
    step_by_step(machine, 119)
    assert machine.alerts == []
    assert machine.state is not None and machine.state.due_us == machine.state.deadline_us
    step_by_step(machine, 1)
    assert len(machine.alerts) == 1


def test_a_saga_within_its_deadline_never_needs_a_person() -> None:
    machine = started(Settle)
    step_by_step(machine, 60)
    machine.answer(Confirmed(order="o1"))
    assert machine.status == "completed" and machine.alerts == []


@pytest.mark.parametrize("verb", ["compensate", "cancel"])
def test_no_person_can_undo_it(past: Machine, verb: str) -> None:
    why = past.act(verb, "the customer called")  # type: ignore[arg-type]
    assert "behind its" in why
    past.wait(10_000)
    assert "behind its" in past.act(verb, "the customer called again"), "not while it needs attention, either"  # type: ignore[arg-type]
    assert past.published == [] and not [s for s in past.sent if s.kind == "undo"]


def test_a_refusal_after_it_undoes_nothing_and_tells_a_person(past: Machine) -> None:
    """A participant of another version refuses what its contract says it cannot."""
    sent = len(past.sent)
    past.answer(Declined(why="we changed our mind"))
    assert past.status == "needs_attention" and "must not be refused" in past.alerts[0]
    assert past.published == [] and len(past.sent) == sent
    step_by_step(past, 30)
    assert past.names[-1] == "Confirm" and past.published == []
    past.answer(Confirmed(order="o1"))
    assert past.status == "completed"


def test_a_late_refusal_of_a_step_that_is_done_changes_nothing() -> None:
    machine = charged()
    assert not machine.answer(Declined(why="late"), machine.sent[1])
    assert machine.status == "running"


def test_a_refusal_before_a_retriable_undoes_as_ever() -> None:
    machine = started(Reserving)
    machine.answer(NoStock(sku="x"))
    assert machine.published == [Cancelled(order="o1", reason="NoStock")]


def test_a_deadline_before_the_first_retriable_undoes() -> None:
    machine = started(Reserving)
    machine.wait(121)
    assert machine.names[-1] == "Release" and machine.published == []
    machine.answer(Released(order="o1"))
    assert machine.status == "undone" and len(machine.published) == 1


def test_a_reply_after_the_deadline_and_before_its_timer_goes_on() -> None:
    """The last step is done, so the first retriable may be sent; the deadline then raises an alert, and undoes
    nothing."""
    machine = started(Reserving)
    machine.now += 125_000_000
    machine.answer(Reserved(order="o1"))
    assert machine.wait(0), "its deadline has passed already"
    assert machine.status == "needs_attention" and machine.names == ["Reserve", "Confirm"]
    machine.answer(Confirmed(order="o1"))
    assert machine.status == "completed" and machine.published == []


def test_a_step_without_effect_is_not_undone_twice_by_a_late_reply() -> None:
    machine = started(Looking)
    check = machine.sent[-1]
    machine.wait(31)
    assert machine.status == "undone" and len(machine.published) == 1
    assert machine.state is not None
    before = machine.state.steps[0].phase
    machine.answer(machine.definition.steps[0].command.reply(order="o1"), check)  # type: ignore[misc]
    assert machine.status == "undone" and len(machine.published) == 1 and machine.state.steps[0].phase == before


def test_an_undo_that_is_refused_tells_a_person_and_is_sent_again() -> None:
    """Shown as undone it would be wrong, and no operator would look at it."""
    machine = Machine().start()
    machine.answer(Reserved(order="o1"))
    machine.answer(Declined(why="limit"))
    machine.answer(NoStock(sku="the warehouse burnt down"))
    assert machine.status == "needs_attention" and "Release was refused" in machine.alerts[0]
    assert machine.wait(30) and machine.names[-1] == "Release"
    machine.answer(Released(order="o1"))
    assert machine.status == "undone"


def asking() -> tuple[Machine, Send]:
    """A saga that asks about its charge; with the charge."""
    machine = started(Asking)
    machine.answer(Reserved(order="o1"))
    charge = machine.sent[-1]
    machine.wait(60)
    assert machine.names[-1] == "IsCharged"
    return machine, charge


def test_a_question_answered_with_no_still_owes_the_undo() -> None:
    """The command may lie in a queue: "not charged" is true now and may not be true in a minute. The refusal of the
    question is of the same type as that of the command."""
    machine, _ = asking()
    machine.answer(Declined(why="not charged"))
    assert machine.names[-1] == "Refund" and machine.published == []
    machine.answer(Refunded(order="o1"))
    machine.answer(Released(order="o1"))
    assert machine.status == "undone"


def test_a_command_refused_while_it_is_asked_about_owes_no_undo() -> None:
    machine, charge = asking()
    machine.answer(Declined(why="limit"), charge)
    assert machine.names[-1] == "Release"


def test_a_question_without_an_answer_is_asked_until_the_deadline_and_no_longer() -> None:
    machine, _ = asking()
    step_by_step(machine, 15 * 60 - 60)
    assert machine.names[-1] == "Refund"
    assert machine.now == machine.definition.deadline_s * 1e6
    assert machine.names.count("IsCharged") > 5


def test_a_step_that_asks_is_asked_again_by_a_person() -> None:
    """The command under the question's id would be another content under an id that was used: a dead letter."""
    machine, charge = asking()
    before = machine.sent[-1]
    assert machine.act("retry") == ""
    again = machine.sent[-1]
    assert (machine.names[-1], again.kind) == ("IsCharged", "ask")
    assert len({charge.message_id, before.message_id, again.message_id}) == 3


def test_a_late_answer_without_an_address_finds_the_step_that_was_given_up() -> None:
    """Another language echoes nothing: of two steps that it could answer, it answers the one that is undone."""
    machine = Machine().start()
    machine.answer(Reserved(order="o1"))
    charge = machine.sent[-1]
    machine.wait(60)
    machine.answer(Refunded(order="o1"))
    machine.answer(Released(order="o1"))
    assert machine.state is not None and machine.status == "undone"
    late = Incoming(Charged(order="o1"), "late", charge.message_id, None, "c1", machine.now)
    found = on_message(machine.definition, machine.state, late, machine.now, machine.new_id)
    assert isinstance(found, Transition)
    (send,) = found.effects
    assert isinstance(send, Send) and type(send.command).__name__ == "Refund"
    assert SagaAddress("Checkout", "o1", send.step, send.epoch, send.kind).kind == "undo"
