"""A step's time begins when its message is on the bus: while the message has not left, the participant is not silent."""

from __future__ import annotations

from tests.unit.sagas.machine import Charged, Confirmed, Declined, Machine, Released, Reserved, Settle

from partita.sagas.engine import on_timer


def wait(machine: Machine, seconds: float, *, unsent: bool) -> bool:
    """Let time pass, with what is known of the outbox then; whether a timer did something."""
    machine.now += round(seconds * 1e6)
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


def test_a_step_whose_command_has_not_left_does_not_time_out() -> None:
    machine = Machine().start()
    for seconds in (30, 60, 120, 240):
        assert wait(machine, seconds, unsent=True)
    assert machine.names == ["Reserve"] and machine.status == "running" and machine.alerts == []


def test_its_time_begins_when_it_has_left_and_then_it_does() -> None:
    machine = Machine().start()
    wait(machine, 30, unsent=True)
    assert wait(machine, 30, unsent=False) and machine.names == ["Reserve"], "it left a moment ago, for all we know"
    assert not wait(machine, 29, unsent=False)
    wait(machine, 1, unsent=False)
    assert machine.names == ["Reserve", "Release"]


def test_a_command_that_the_bus_refuses_for_good_is_looked_at_ever_more_seldom() -> None:
    """Each look writes the row of the saga, and its message leaves when a person has mended it, perhaps after days."""
    machine, looks = Machine(definition=Settle.__definition__).start(), 0
    for _ in range(24 * 60 * 6):  # a day, a look at each ten seconds
        looks += wait(machine, 10, unsent=True)
    assert machine.names == ["Confirm"] and 48 <= looks <= 60
    wait(machine, 30 * 60, unsent=False)
    assert machine.names == ["Confirm"], "it left a moment ago, for all we know"
    wait(machine, 10, unsent=False)
    assert machine.names == ["Confirm", "Confirm"]


def test_a_reply_meanwhile_goes_on_and_the_next_step_has_its_own_time() -> None:
    machine = Machine().start()
    wait(machine, 30, unsent=True)
    machine.answer(Reserved(order="o1"))
    wait(machine, 60, unsent=False)
    assert machine.names == ["Reserve", "Charge", "Refund"]


def test_a_deadline_does_not_wait_for_the_bus() -> None:
    """The deadline is a limit of the business, whatever is late; the undo leaves behind its command."""
    machine = Machine().start()
    wait(machine, 15 * 60, unsent=True)
    assert machine.names == ["Reserve", "Release"]


def test_a_deadline_after_the_point_of_no_return_is_told_whether_the_command_has_left_or_not() -> None:
    machine = Machine(definition=Settle.__definition__).start()
    for _ in range(12):
        wait(machine, 10, unsent=True)
    assert len(machine.alerts) == 1 and "deadline passed" in machine.alerts[0]
    wait(machine, 10, unsent=True)
    machine.answer(Confirmed(order="o1"))
    assert machine.status == "completed"


def test_nothing_is_sent_again_behind_a_copy_that_has_not_left() -> None:
    """A bus that is away for a night would else be met with a thousand copies, and a person be called for each."""
    machine = Machine().start()
    machine.answer(Reserved(order="o1"))
    machine.answer(Charged(order="o1"))
    for _ in range(20):
        wait(machine, 10, unsent=True)
    assert machine.names.count("Confirm") == 1 and machine.status == "running"


def test_an_undo_that_has_not_left_is_no_try() -> None:
    machine = Machine().start()
    machine.answer(Reserved(order="o1"))
    machine.answer(Declined(why="limit"))
    for _ in range(20):
        wait(machine, 30, unsent=True)
    assert machine.names.count("Release") == 1 and machine.status == "compensating" and machine.alerts == []
    machine.answer(Released(order="o1"))
    assert machine.status == "undone"
