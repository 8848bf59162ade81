"""A step for each item of a list: all are sent together, each is undone by itself, and the list's length is bounded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.sagas.machine import (
    Cancelled,
    Confirm,
    Confirmed,
    Machine,
    NoStock,
    Participant,
    bank,
    shop,
    stock,
)

from partita import Command, Event, Key, Rejection, Saga, minutes, pivot, retriable, seconds, step
from partita.sagas import after, each
from partita.sagas.diagram import mermaid, text
from partita.sagas.facts import seen_by_hooks
from partita.sagas.transition import Send
from partita.sagas.unfolding import definition_for


class Line(msgspec.Struct):
    sku: str
    count: int = 1


class Bought(Event, of=shop):
    order: Key[str]
    cents: int = 5
    lines: list[Line] = []
    codes: tuple[str, ...] = ()


class LineReserved(Event, of=stock):
    order: Key[str]
    place: str = ""


class LineReleased(Event, of=stock):
    order: Key[str]


class ReserveLine(Command[LineReserved, NoStock], of=stock):
    order: Key[str]
    sku: str
    count: int


class ReleaseLine(Command[LineReleased], of=stock):
    order: Key[str]
    sku: str
    place: str = "(unknown)"


class Mailed(Event, of=bank):
    order: Key[str]


class Mail(Command[Mailed], of=bank):
    order: Key[str]
    code: str


class Paid(Event, of=bank):
    order: Key[str]


class Repaid(Event, of=bank):
    order: Key[str]


class NoMoney(Rejection):
    why: str


class Pay(Command[Paid, NoMoney], of=bank):
    order: Key[str]
    cents: int
    note: str = ""


class Repay(Command[Repaid], of=bank):
    order: Key[str]


class Nudged(Event, of=stock):
    order: Key[str]


class Nudge(Command[Nudged], of=stock):
    order: Key[str]
    sku: str


class Buying(Saga, start=Bought, deadline=minutes(15), undone=Cancelled, of=shop):
    reserve = each("lines", step(ReserveLine, undo=ReleaseLine, timeout=seconds(30)), at_most=5)
    charge = pivot(Pay, undo=Repay, timeout=seconds(60))
    mail = each("codes", retriable(Mail, timeout=seconds(10)), at_most=5)


class OnlyLines(Saga, start=Bought, deadline=minutes(15), undone=Cancelled, of=shop):
    reserve = each("lines", step(ReserveLine, undo=ReleaseLine, timeout=seconds(30)))


class OnlyMail(Saga, start=Bought, deadline=minutes(15), of=shop):
    mail = each("codes", retriable(Mail, timeout=seconds(10)), at_most=2)


class Nudging(Saga, start=Bought, deadline=minutes(15), undone=Cancelled, of=shop):
    reserve = each(
        "lines",
        step(ReserveLine, undo=ReleaseLine, timeout=seconds(30), timers=(after(seconds(10), Nudge),)),
        at_most=5,
    )
    confirm = retriable(Confirm)


def bought(*skus: str, codes: Sequence[str] = (), definition: Any = Buying.__definition__) -> Machine:
    lines = [Line(sku=sku, count=number) for number, sku in enumerate(skus, 1)]
    return Machine(definition=definition).start(Bought(order="o1", lines=lines, codes=tuple(codes)))


def commands(machine: Machine) -> list[Any]:
    return [sent.command for sent in machine.sent]


def last(machine: Machine, step_name: str) -> Send:
    return next(sent for sent in reversed(machine.sent) if sent.step == step_name)


def test_each_item_has_a_command_of_its_own_and_the_saga_goes_on_when_all_are_done() -> None:
    machine = bought("a", "b", "a", codes=["x", "y"])
    assert commands(machine) == [
        ReserveLine(order="o1", sku="a", count=1),
        ReserveLine(order="o1", sku="b", count=2),
        ReserveLine(order="o1", sku="a", count=3),
    ]
    assert [sent.step for sent in machine.sent] == ["reserve/0", "reserve/1", "reserve/2"]
    for number in (2, 0):
        assert machine.answer(LineReserved(order="o1"), machine.sent[number])
    assert machine.names[-1] == "ReserveLine"
    machine.answer(LineReserved(order="o1"), machine.sent[1])
    machine.answer(Paid(order="o1"))
    assert commands(machine)[-2:] == [Mail(order="o1", code="x"), Mail(order="o1", code="y")]
    machine.answer(Mailed(order="o1"), last(machine, "mail/1"))
    assert machine.status == "running"
    machine.answer(Mailed(order="o1"), last(machine, "mail/0"))
    assert machine.status == "completed"


def test_a_refusal_undoes_the_items_that_were_done_or_may_have_been_in_reverse() -> None:
    machine = bought("a", "b", "c")
    machine.answer(LineReserved(order="o1", place="shelf 1"), machine.sent[0])
    machine.answer(NoStock(sku="b"), machine.sent[1])
    assert commands(machine)[-1] == ReleaseLine(order="o1", sku="c")
    machine.answer(LineReleased(order="o1"))
    assert commands(machine)[-1] == ReleaseLine(order="o1", sku="a", place="shelf 1")
    assert last(machine, "reserve/0").kind == "undo"
    machine.answer(LineReleased(order="o1"))
    assert machine.status == "undone" and [event.reason for event in machine.published] == ["NoStock"]


def test_a_refusal_of_the_last_item_undoes_the_others() -> None:
    machine = bought(*"abcde")
    machine.answer(NoStock(sku="e"), machine.sent[4])
    for sku in "dcba":
        assert commands(machine)[-1] == ReleaseLine(order="o1", sku=sku)
        machine.answer(LineReleased(order="o1"))
    assert machine.status == "undone"


def test_a_refusal_behind_the_list_undoes_every_item() -> None:
    machine = bought("a", "b")
    for sent in list(machine.sent):
        machine.answer(LineReserved(order="o1"), sent)
    machine.answer(NoMoney(why="poor"))
    for sku in "ba":
        assert commands(machine)[-1] == ReleaseLine(order="o1", sku=sku, place="")
        machine.answer(LineReleased(order="o1"))
    assert machine.status == "undone"


def test_a_timeout_of_one_item_undoes_all() -> None:
    machine = bought("a", "b")
    machine.answer(LineReserved(order="o1"), machine.sent[1])
    machine.wait(30)
    assert machine.names[-1] == "ReleaseLine" and machine.sent[-1].step == "reserve/1"
    machine.answer(LineReleased(order="o1"))
    assert machine.sent[-1].step == "reserve/0"
    machine.answer(LineReserved(order="o1"), machine.sent[0])  # late: its undo is on the way
    machine.answer(LineReleased(order="o1"))
    assert machine.status == "undone"


@pytest.mark.parametrize(
    ("definition", "codes", "sent", "status"),
    [
        (Buying.__definition__, [], ["Pay"], "running"),
        (OnlyLines.__definition__, [], [], "completed"),
        (OnlyMail.__definition__, [], [], "completed"),
        (Nudging.__definition__, [], ["Confirm"], "running"),
    ],
)
def test_a_list_without_items_is_passed_over(
    definition: Any, codes: Sequence[str], sent: list[str], status: str
) -> None:
    machine = bought(codes=codes, definition=definition)
    assert (machine.names, machine.status) == (sent, status)
    assert machine.notes[1][0] == "passed"


def test_an_empty_list_at_the_end_completes_the_saga() -> None:
    machine = bought("a")
    machine.answer(LineReserved(order="o1"))
    machine.answer(Paid(order="o1"))
    assert machine.status == "completed" and machine.notes[-1] == ("completed", "charge", "")
    assert machine.state is not None and machine.state.due_us is None


def test_an_undo_passes_over_an_empty_list() -> None:
    machine = bought()
    machine.wait(60)
    assert machine.names == ["Pay", "Repay"]
    machine.answer(Repaid(order="o1"))
    assert machine.status == "undone"


def test_a_longer_list_than_the_bound_undoes_the_saga_before_anything_is_sent() -> None:
    machine = bought(*"abcdef")
    assert machine.status == "undone" and not machine.sent
    assert [event.reason for event in machine.published] == ["lines has 6 items, and 5 are the most"]


def test_a_list_of_a_later_step_is_checked_before_the_point_of_no_return() -> None:
    machine = bought("a", codes="uvwxyz")
    assert machine.status == "undone" and not machine.sent
    assert [event.reason for event in machine.published] == ["codes has 6 items, and 5 are the most"]


def test_behind_the_point_of_no_return_a_long_list_waits_for_an_operator_who_raises_the_bound() -> None:
    machine = bought(codes="abc", definition=OnlyMail.__definition__)
    assert (machine.status, machine.sent) == ("needs_attention", [])
    assert machine.alerts == ["codes has 3 items, and 2 are the most: raise at_most= of mail, then resume"]
    assert machine.act("cancel") and not machine.act("resume") and machine.status == "needs_attention"

    class More(Saga, start=Bought, deadline=minutes(15), of=shop, name="OnlyMail", version=2):
        mail = each("codes", retriable(Mail, timeout=seconds(10)), at_most=3)

    assert More.__definition__.describe().splitlines()[1:] == OnlyMail.__definition__.describe().splitlines()[1:]
    machine.definition = More.__definition__
    assert not machine.act("resume") and machine.names == ["Mail"] * 3
    for sent in list(machine.sent):
        machine.answer(Mailed(order="o1"), sent)
    assert machine.status == "completed"


class Quoted(Event, of=bank):
    order: Key[str]
    parts: list[Line] = []


class Quote(Command[Quoted, NoMoney], of=bank):
    order: Key[str]


class Quoting(Saga, start=Bought, deadline=minutes(15), undone=Cancelled, of=shop):
    quote = step(Quote, no_effect=True, timeout=seconds(30))
    reserve = each("parts", step(ReserveLine, undo=ReleaseLine, timeout=seconds(30)), at_most=2)


class Sure(Command[LineReserved], of=stock):
    order: Key[str]
    sku: str


class QuotingLast(Saga, start=Bought, deadline=minutes(15), undone=Cancelled, of=shop):
    quote = pivot(Quote, undo=Repay, timeout=seconds(60))
    send = each("quote.parts", retriable(Sure, timeout=seconds(10)), at_most=2)


def test_the_items_may_come_with_a_reply() -> None:
    machine = bought("x", definition=Quoting.__definition__)
    machine.answer(Quoted(order="o1", parts=[Line(sku="a"), Line(sku="b", count=2)]))
    assert commands(machine)[1:] == [
        ReserveLine(order="o1", sku="a", count=1),
        ReserveLine(order="o1", sku="b", count=2),
    ]
    machine.answer(NoStock(sku="a"), machine.sent[1])
    assert commands(machine)[-1] == ReleaseLine(order="o1", sku="b")


@pytest.mark.parametrize(
    ("definition", "status", "says"),
    [
        (Quoting.__definition__, "undone", "quote.parts has 3 items, and 2 are the most"),
        (QuotingLast.__definition__, "needs_attention", ""),
    ],
)
def test_a_reply_with_a_long_list_undoes_the_saga_only_before_the_point_of_no_return(
    definition: Any, status: str, says: str
) -> None:
    machine = bought(definition=definition)
    machine.answer(Quoted(order="o1", parts=[Line(sku=sku) for sku in "abc"]))
    assert machine.status == status and machine.names == ["Quote"]
    assert [event.reason for event in machine.published] == ([says] if says else [])


def test_an_operator_sends_again_the_items_that_are_not_done() -> None:
    machine = bought("a", "b", "c")
    machine.answer(LineReserved(order="o1"), machine.sent[1])
    assert not machine.act("retry")
    assert [sent.step for sent in machine.sent[3:]] == ["reserve/0", "reserve/2"]
    assert [sent.message_id for sent in machine.sent[3:]] == [machine.sent[0].message_id, machine.sent[2].message_id]
    assert not machine.act("cancel", "enough") and machine.sent[-1].step == "reserve/2"


def test_a_reply_without_an_address_is_of_the_item_whose_command_caused_it() -> None:
    machine = bought("a", "b")
    machine.answer(LineReserved(order="o1"), machine.sent[1], plain=True)
    assert machine.state is not None and [each.phase for each in machine.state.steps[:2]] == ["sent", "done"]


def test_a_reply_with_neither_address_nor_cause_moves_no_item() -> None:
    """By its type alone it could be a copy of the answer of another item, and two items would be done by one reply."""
    machine = bought("a", "b")
    nowhere = Send(None, "elsewhere", "", 0, "do")
    machine.answer(LineReserved(order="o1"), nowhere, plain=True)
    assert machine.notes[-1] == ("unclear", "reserve", "LineReserved answers one of 2 items and names none")
    assert machine.state is not None and [each.phase for each in machine.state.steps[:2]] == ["sent", "sent"]
    alone = bought("a")
    alone.answer(LineReserved(order="o1"), nowhere, plain=True)
    assert alone.names[-1] == "Pay"


def test_reminders_are_of_each_item_that_is_not_done() -> None:
    machine = bought("a", "b", definition=Nudging.__definition__)
    machine.answer(LineReserved(order="o1"), machine.sent[0])
    machine.wait(10)
    assert commands(machine)[-1] == Nudge(order="o1", sku="b") and machine.names.count("Nudge") == 1
    machine.answer(Nudged(order="o1"))
    machine.answer(LineReserved(order="o1"), machine.sent[1])
    assert machine.names[-1] == "Confirm"
    machine.answer(Confirmed(order="o1"))
    assert machine.status == "completed"


class Hooked(Saga, start=Bought, deadline=minutes(15), undone=Cancelled, of=shop):
    seen: list[str] = []

    reserve = each("lines", step(ReserveLine, undo=ReleaseLine, timeout=seconds(30)))
    charge = pivot(Pay, undo=Repay, timeout=seconds(60))

    @reserve.command
    def _(self, item: Line) -> ReserveLine:
        return ReserveLine(order=self.start.order, sku=item.sku.upper(), count=item.count * 10)

    @reserve.undo_command
    def _(self, item: Line, reply: LineReserved | None) -> ReleaseLine:
        return ReleaseLine(order=self.start.order, sku=item.sku, place=reply.place if reply else "nowhere")

    @reserve.then
    def _(self, item: Line, reply: LineReserved) -> None:
        self.seen = [*self.seen, f"{item.sku} on {reply.place}"]

    @reserve.refused
    def _(self, item: Line, refusal: NoStock) -> None:
        self.seen = [*self.seen, f"no {item.sku}"]

    @charge.command
    def _(self) -> Pay:
        places = ",".join(reply.place for reply in self.replies["reserve"])
        return Pay(order=self.start.order, cents=len(self.seen), note=places)


def test_hooks_get_the_item_and_see_the_replies_in_the_order_of_the_items() -> None:
    machine = bought("a", "b", definition=Hooked.__definition__)
    assert commands(machine) == [ReserveLine(order="o1", sku="A", count=10), ReserveLine(order="o1", sku="B", count=20)]
    machine.answer(LineReserved(order="o1", place="2"), machine.sent[1])
    machine.answer(LineReserved(order="o1", place="1"), machine.sent[0])
    assert commands(machine)[-1] == Pay(order="o1", cents=2, note="1,2")
    assert machine.state is not None and machine.state.user["seen"] == ["b on 2", "a on 1"]


def test_a_hook_sees_none_where_an_item_has_no_reply() -> None:
    machine = bought("a", "b", definition=Hooked.__definition__)
    machine.answer(LineReserved(order="o1", place="2"), machine.sent[1])
    assert machine.state is not None
    saga = seen_by_hooks(definition_for(machine.definition, machine.state), machine.state)
    assert saga.replies == {"reserve": [None, LineReserved(order="o1", place="2")]}


def test_the_hook_of_an_undo_gets_the_reply_to_its_own_item() -> None:
    machine = bought("a", "a", definition=Hooked.__definition__)
    machine.answer(LineReserved(order="o1", place="1"), machine.sent[0])
    machine.act("cancel")
    assert commands(machine)[-1] == ReleaseLine(order="o1", sku="a", place="nowhere")
    machine.answer(LineReleased(order="o1"))
    assert commands(machine)[-1] == ReleaseLine(order="o1", sku="a", place="1")


def test_its_pictures_have_one_box_for_the_items() -> None:
    shown = text(Buying.__definition__)
    assert "for each   of lines, at most 5" in shown and "for each   of codes, at most 5" in shown
    drawn = mermaid(Buying.__definition__)
    assert "  reserve: ReserveLine (step) for each of lines" in drawn
    assert "  undo_reserve: ReleaseLine for each of lines" in drawn
    assert "  reserve --> undo_reserve: NoStock" in drawn  # the other items may have been done
    assert "reserve/0" not in drawn + shown


def test_the_form_for_a_length_is_made_once_and_the_forms_are_bounded() -> None:
    from partita.sagas.unfolding import KEPT_STEPS_MAX, unfolded

    definition = OnlyLines.__definition__
    assert unfolded(definition, {"reserve": 3}) is unfolded(definition, {"reserve": 3})
    for count in range(1, 101):
        unfolded(definition, {"reserve": count})
    assert sum(len(form.steps) for form in definition.unfolded.values()) <= KEPT_STEPS_MAX
    assert unfolded(definition.scaled(2.0), {"reserve": 3}).steps[2].timeout_s == 60.0


def test_a_saga_without_lists_keeps_nothing_more() -> None:
    from tests.unit.sagas.machine import DEFINITION

    from partita.sagas.state import state_to_bytes

    machine = Machine().start()
    assert machine.state is not None and b"sizes" not in state_to_bytes(machine.state)
    assert not DEFINITION.has_lists and not DEFINITION.unfolded


class World:
    """Participants for each item, which answer in a drawn order."""

    def __init__(self, machine: Machine, refusing: set[int]) -> None:
        self.machine = machine
        self.items: dict[str, Participant] = {}
        self.refusing = refusing

    def of(self, sent: Send) -> Participant:
        if sent.step not in self.items:
            if sent.step == "charge":
                made = Participant(Paid, Repaid, None, False)
            elif sent.step.startswith("mail"):
                made = Participant(Mailed, Mailed, None, False)
            else:
                number = int(sent.step.partition("/")[2])
                made = Participant(LineReserved, LineReleased, NoStock(sku="?"), number in self.refusing)
            self.items[sent.step] = made
        return self.items[sent.step]


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_whatever_the_order_each_item_has_its_effect_or_is_undone(data: st.DataObject) -> None:
    count = data.draw(st.integers(0, 5))
    refusing = data.draw(st.sets(st.integers(0, 4), max_size=2))
    machine = bought(*"abcde"[:count], codes="xy")
    world = World(machine, refusing)
    handled = 0
    answers: list[tuple[Any, Send]] = []
    lost = data.draw(st.sets(st.integers(0, 30), max_size=4))
    for _ in range(400):
        assert machine.state is not None
        open_sends = machine.sent[handled:]
        if machine.state.is_over and not open_sends and not answers:
            break
        if open_sends and (not answers or data.draw(st.booleans())):
            sent = open_sends[0]
            handled += 1
            reply = world.of(sent).handle(sent)
            if reply is not None and handled not in lost:
                answers.append((reply, sent))
        elif answers:
            reply, sent = answers.pop(data.draw(st.integers(0, len(answers) - 1)))
            machine.answer(reply, sent)
        else:
            machine.wait(40)
    assert machine.status in ("completed", "undone")
    effects = {name: one.has for name, one in world.items.items()}
    if machine.status == "completed":
        assert all(effects.values()) and len(effects) == count + 3
    else:
        assert not any(effects.values())
        undone = [sent.step for sent in machine.sent if sent.kind == "undo" and sent.step.startswith("reserve")]
        order = list(dict.fromkeys(undone))
        assert order == sorted(order, reverse=True)
