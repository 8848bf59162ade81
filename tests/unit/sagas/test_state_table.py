"""The table of a saga: the cells are decisions of the engine, and every one is there."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from tests.unit.sagas.machine import Asking, Checkout, Declined, NoStock, Placed, Settle, shop

from partita import Command, Event, Key, Rejection, Saga, minutes, retriable, seconds, step
from partita.sagas import after, parallel
from partita.sagas.state_table import Outcome, StateTable, table_of


class Nudged(Event, of=shop):
    order: Key[str]


class Nudge(Command[Nudged], of=shop):
    order: Key[str]


class Packed(Event, of=shop):
    order: Key[str]


class Pack(Command[Packed], of=shop):
    order: Key[str]


class Weighed(Event, of=shop):
    order: Key[str]


class Weigh(Command[Weighed], of=shop):
    order: Key[str]


class Packing(Saga, start=Placed, deadline=minutes(5), of=shop):
    pack = retriable(Pack, timeout=seconds(60), timers=(after(seconds(10), Nudge),))
    weigh = retriable(Weigh, timeout=seconds(30))
    parallel(pack, weigh)


def make(cls: type[Any]) -> Any:
    if issubclass(cls, Rejection):
        return cls(sku="a") if cls is NoStock else cls(why="no") if cls is Declined else cls()
    return cls(order="o1", cents=1) if cls is Placed else cls(order="o1")


def cell(table: StateTable, state: str, given: str) -> str:
    return table.rows[state].get(given, "unasked")


@pytest.fixture(scope="module")
def checkout() -> StateTable:
    return table_of(Checkout, make)


def test_the_line_of_steps_is_in_the_table(checkout: StateTable) -> None:
    """From the start to the end, each reply moves the saga on."""
    assert cell(checkout, "Reserve sent", "Reserved") == "moves Charge sent +Charge"
    assert cell(checkout, "Charge sent", "Charged") == "moves Confirm sent +Confirm"
    assert cell(checkout, "Confirm sent", "Confirmed") == "moves completed"
    assert checkout.states[0] == "Reserve sent"


def test_a_refusal_a_timeout_a_deadline_and_a_cancellation_undo(checkout: StateTable) -> None:
    """Before the point of no return: a refused step needs no undo of its own, one without an answer does."""
    assert cell(checkout, "Reserve sent", "NoStock") == "moves undone, Reserve refused +Cancelled"
    assert cell(checkout, "Charge sent", "Declined") == "moves Release sent, Charge refused +Release"
    for given in ("timeout", "deadline", "cancel"):
        assert cell(checkout, "Charge sent", given) == "moves Refund sent +Refund"
    assert cell(checkout, "Refund sent", "Refunded") == "moves Release sent, Charge undone +Release"
    assert cell(checkout, "Release sent, Charge undone", "Released") == "moves undone, Charge undone +Cancelled"


def test_behind_the_point_of_no_return_nothing_is_undone(checkout: StateTable) -> None:
    """The step is sent again, the deadline alarms once, and a cancellation is refused."""
    assert cell(checkout, "Confirm sent", "timeout") == "moves Confirm sent +Confirm"
    assert cell(checkout, "Confirm sent", "deadline") == "alarms Confirm sent, overdue"
    assert cell(checkout, "Confirm sent, overdue", "deadline") == "unasked"
    assert cell(checkout, "Confirm sent", "cancel").startswith("refused")


def test_second_and_late_messages_are_absorbed(checkout: StateTable) -> None:
    """A message for which nothing was sent is no cell of its own."""
    assert cell(checkout, "Charge sent", "Reserved").startswith("absorbed")
    assert cell(checkout, "Refund sent", "Charged").startswith("absorbed")
    assert cell(checkout, "Reserve sent", "Charged") == "unasked"
    assert cell(checkout, "Confirm sent", "Released") == "unasked"
    assert cell(checkout, "Refund sent", "deadline") == "unasked"


def test_an_effect_after_its_undo_was_acknowledged_is_undone_again(checkout: StateTable) -> None:
    """Only a participant without tombstones does that."""
    assert cell(checkout, "Release sent, Charge undone", "Charged").startswith("again")
    assert cell(checkout, "undone, Reserve undone", "Reserved").startswith("again")


def test_each_cell_is_counted_once(checkout: StateTable) -> None:
    """13 states and 10 inputs, as a document says."""
    assert (len(checkout.states), len(checkout.inputs)) == (13, 10)
    assert sum(checkout.count(outcome) for outcome in get_args(Outcome)) == 130
    assert len(set(checkout.states)) == 13


def test_a_question_has_states_and_answers_of_its_own() -> None:
    """Its answer is not the late answer to the command."""
    table = table_of(Asking, make)
    assert cell(table, "Charge sent", "timeout") == "moves IsCharged sent +IsCharged"
    assert cell(table, "IsCharged sent", "Charged to IsCharged") == "moves Confirm sent +Confirm"
    assert cell(table, "IsCharged sent", "Declined to IsCharged") == "moves Refund sent +Refund"
    assert cell(table, "IsCharged sent", "Declined") == "moves Release sent, Charge refused +Release"


def test_steps_that_are_sent_together_and_their_timers() -> None:
    """The saga goes on when both are done, in any order; a reminder changes no state."""
    table = table_of(Packing, make)
    both = "Pack and Weigh sent"
    assert cell(table, both, "time of Nudge") == f"moves {both} +Nudge"
    assert cell(table, both, "Packed") == "moves Weigh sent"
    assert cell(table, both, "Weighed") == "moves Pack sent"
    assert cell(table, "Weigh sent", "Weighed") == "moves completed"
    assert cell(table, "Weigh sent", "time of Nudge") == "unasked"
    assert cell(table, both, "timeout") == f"moves {both} +Weigh"
    assert cell(table, both, "Nudged").startswith("absorbed")


def test_two_states_that_look_and_act_alike_are_one() -> None:
    """A reader sees each difference, and no state twice."""
    table = table_of(Settle, make)
    assert table.states == ("Confirm sent", "completed", "Confirm sent, overdue")
    shown = [(name.partition(",")[0], cells) for name, cells in zip(table.states, table.cells, strict=True)]
    assert len({repr(each) for each in shown}) == len(shown)


def test_a_saga_with_too_many_states_is_refused() -> None:
    """Twelve steps that are sent together have 2^12 states."""
    parts: dict[str, Any] = {}
    message: Any = type(Event)
    command: Any = Command
    for number in range(12):
        keyed = {"__annotations__": {"order": Key[str]}}
        done = message(f"Done{number}", (Event,), keyed, of=shop)
        do = message(f"Do{number}", (Command,), {**keyed, "__orig_bases__": (command[done],)}, of=shop)
        parts[f"s{number}"] = retriable(do)
        parts[f"s{number}"].name = f"s{number}"
    parallel(*parts.values())
    declare: Any = type(Saga)
    wide = declare("Wide", (Saga,), parts, start=Placed, deadline=minutes(15), of=shop)
    with pytest.raises(OverflowError, match="Wide has more than 2000 states"):
        table_of(wide, make)


def test_a_step_without_an_effect_is_passed_by_the_undo() -> None:
    """It has nothing to undo."""

    class Weighing(Saga, start=Placed, deadline=minutes(5), undone=Nudged, of=shop):
        weigh = step(Weigh, no_effect=True, timeout=seconds(30))

    assert cell(table_of(Weighing, make), "Weigh sent", "timeout") == "moves undone +Nudged"
