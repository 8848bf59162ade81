"""Actions of an operator on a saga in each of its states; money and stock are right after each of them."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.sagas.machine import (
    Charged,
    Confirmed,
    Declined,
    Machine,
    NoStock,
    Participant,
    Refunded,
    Released,
    Reserved,
)

from partita.sagas.verbs import Verb

VERBS = get_args(Verb)


def running() -> Machine:
    return Machine().start()


def behind_pivot() -> Machine:
    machine = running()
    machine.answer(Reserved(order="o1", place="A7"))
    machine.answer(Charged(order="o1"))
    return machine


def undoing() -> Machine:
    machine = running()
    machine.answer(Reserved(order="o1", place="A7"))
    machine.answer(Declined(why="x"))
    return machine


def needs_a_person() -> Machine:
    machine = undoing()
    for _ in range(8):
        machine.wait(4_000)
    assert machine.status == "needs_attention"
    return machine


def completed() -> Machine:
    machine = behind_pivot()
    machine.answer(Confirmed(order="o1"))
    return machine


def undone() -> Machine:
    machine = undoing()
    machine.answer(Released(order="o1"))
    return machine


OVER = "already"
LEGAL = {
    running: {"retry": "", "resume": "does not wait", "skip": "no undo", "compensate": "", "cancel": "", "note": ""},
    behind_pivot: {
        "retry": "",
        "resume": "does not wait",
        "skip": "no undo",
        "compensate": "behind its pivot",
        "cancel": "behind its pivot",
        "note": "",
    },
    undoing: {
        "retry": "",
        "resume": "does not wait",
        "skip": "",
        "compensate": "being undone already",
        "cancel": "being undone already",
        "note": "",
    },
    needs_a_person: {
        "retry": "",
        "resume": "",
        "skip": "",
        "compensate": "being undone already",
        "cancel": "being undone already",
        "note": "",
    },
    completed: {**dict.fromkeys(VERBS, OVER), "note": ""},
    undone: {**dict.fromkeys(VERBS, OVER), "note": ""},
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("state", list(LEGAL))
def test_every_verb_in_every_state_works_or_says_why_not(state: object, verb: Verb) -> None:
    machine = state()  # type: ignore[operator]
    before = (machine.status, len(machine.sent))
    why_not = machine.act(verb, "because")
    expected = LEGAL[state][verb]  # type: ignore[index]
    assert bool(why_not) == bool(expected) and expected in why_not
    if expected or verb == "note":
        assert (machine.status, len(machine.sent)) == before, "it changed something all the same"


def test_a_cancelled_checkout_undoes_what_may_have_happened_and_tells_so() -> None:
    machine = running()
    machine.answer(Reserved(order="o1", place="A7"))
    machine.act("cancel", "the customer called")
    assert machine.names[-1] == "Refund", "the charge is under way: its outcome is unknown"
    machine.answer(Refunded(order="o1"))
    machine.answer(Released(order="o1"))
    assert machine.status == "undone"
    (told,) = machine.published
    assert "the customer called" in told.reason


def test_a_skipped_undo_counts_as_done_and_the_next_is_sent() -> None:
    machine = running()
    machine.answer(Reserved(order="o1", place="A7"))
    machine.act("cancel")
    machine.act("skip", "refunded by hand")
    assert machine.names[-1] == "Release"
    machine.answer(Released(order="o1"))
    assert machine.status == "undone"


def test_retry_sends_the_same_command_under_the_same_id_and_resume_begins_the_tries_anew() -> None:
    machine = behind_pivot()
    first = machine.sent[-1]
    machine.act("retry")
    assert machine.sent[-1].message_id == first.message_id
    machine = needs_a_person()
    machine.act("resume")
    assert machine.status == "compensating"
    machine.answer(Released(order="o1"))
    assert machine.status == "undone"


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_whatever_people_do_money_and_stock_are_right(data: st.DataObject) -> None:
    """Actions of operators at any moment among deliveries, copies, losses, refusals and timeouts. An operator who
    skips an undo has done it by hand: that is the meaning of `skip`."""
    people = {
        "reserve": Participant(Reserved, Released, NoStock(sku="x"), data.draw(st.booleans())),
        "charge": Participant(Charged, Refunded, Declined(why="x"), data.draw(st.booleans())),
        "confirm": Participant(Confirmed, Confirmed, None, False),
    }
    machine = running()
    arrived = 0
    replies: list[tuple[object, object]] = []

    def deliver() -> None:
        nonlocal arrived
        command = machine.sent[arrived]
        arrived += 1
        reply = people[command.step].handle(command)
        if reply is not None:
            replies.append((reply, command))

    for _ in range(60):
        choice = data.draw(st.sampled_from(["deliver", "reply", "copy", "wait", "act"]))
        if choice == "deliver" and arrived < len(machine.sent):
            deliver()
        elif choice in ("reply", "copy") and replies:
            index = data.draw(st.integers(0, len(replies) - 1))
            reply, command = replies[index] if choice == "copy" else replies.pop(index)
            machine.answer(reply, command)  # type: ignore[arg-type]
        elif choice == "wait":
            machine.wait(data.draw(st.sampled_from([1, 31, 61, 1_000])))
        elif choice == "act":
            verb = data.draw(st.sampled_from(VERBS))
            assert machine.state is not None
            step = machine.state.step
            if machine.act(verb, "x") == "" and verb == "skip":
                people[step].has, people[step].tombstone = False, True
    for _ in range(200):
        while arrived < len(machine.sent):
            deliver()
        for reply, command in replies:
            machine.answer(reply, command)  # type: ignore[arg-type]
        replies = []
        if machine.status in ("completed", "undone") and arrived == len(machine.sent):
            break
        machine.wait(2_000)
    done = machine.status == "completed"
    assert machine.status in ("completed", "undone")
    assert (people["reserve"].has, people["charge"].has) == (done, done)
    assert len(machine.published) == (0 if done else 1)
