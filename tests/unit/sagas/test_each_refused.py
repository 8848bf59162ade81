"""Steps for each item that could not work are refused when their module is imported, with the line to write."""

from __future__ import annotations

import types
from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, NewType

import msgspec
import pytest

from partita import Command, DeclarationError, Event, Key, Rejection, Saga, Service, minutes, pivot, retriable, step
from partita.sagas import each, parallel
from partita.sagas.sub_sagas import check_sub_sagas

svc = Service("each-refused", namespace="each.refused")
Sku = NewType("Sku", str)


class Line(msgspec.Struct):
    sku: Sku
    count: int = 1


class Size(Enum):
    BIG = "big"


class Started(Event, of=svc):
    id: Key[str]
    lines: list[Line]
    skus: list[Sku]
    texts: tuple[str, ...] = ()
    sizes: list[Size] = []
    prices: list[Decimal] | None = None
    kinds: Annotated[list[Literal["a", "b"]], msgspec.Meta(max_length=3)] = []
    tags: frozenset[str] = frozenset()
    nested: list[list[int]] = []
    total: int = 0


class Undone(Event, of=svc):
    id: Key[str]


class Done(Event, of=svc):
    id: Key[str]
    place: str = ""
    lines: list[Line] = []
    more: list[Line] = []


class Taken(Event, of=svc):
    id: Key[str]


class No(Rejection):
    why: str


class Quote(Command[Done, No], of=svc):
    id: Key[str]


class Unquote(Command[Undone], of=svc):
    id: Key[str]


class Take(Command[Taken, No], of=svc):
    id: Key[str]
    sku: Sku


class QuoteSku(Command[Done, No], of=svc):
    id: Key[str]
    sku: Sku


class Untake(Command[Undone], of=svc):
    id: Key[str]
    sku: Sku


class All(Command[Taken, No], of=svc):
    id: Key[str]


class UndoAll(Command[Undone], of=svc):
    id: Key[str]


class Wide(Command[Taken, No], of=svc):
    id: Key[str]
    sku: Sku
    other: Sku = Sku("")


class Sized(Command[Taken, No], of=svc):
    id: Key[str]
    size: Size
    note: str = ""


class Priced(Command[Taken, No], of=svc):
    id: Key[str]
    price: Decimal


class Kind(Command[Taken, No], of=svc):
    id: Key[str]
    kind: Literal["a", "b"]


def saga(**steps: Any) -> Any:
    """A saga class with these steps."""
    kinds = {one.kind for one in steps.values()}
    undone = None if kinds == {"retriable"} else Undone
    options = {"start": Started, "deadline": minutes(30), "undone": undone, "of": svc}
    return types.new_class("Drawn", (Saga,), options, lambda body: body.update(steps))


Lines = Callable[[], Any]


REFUSED: list[tuple[Lines, str, str]] = [
    (
        lambda: saga(a=each("none", step(Take, undo=Untake))),
        "no such list before it (looked in Started)",
        "lines: list[Line]",
    ),
    (lambda: saga(a=each("total", step(Take, undo=Untake))), "Started.total is int", ""),
    (lambda: saga(a=each("tags", step(Take, undo=Untake))), "Started.tags is frozenset[str]", ""),
    (lambda: saga(a=each("nested", step(Take, undo=Untake))), "neither a Struct nor plain values", ""),
    (lambda: saga(a=each("later.more", step(Take, undo=Untake))), "no such list before it", ""),
    (
        lambda: saga(q=step(Quote, undo=Unquote), a=each("lines", step(Take, undo=Untake))),
        "several lists have that name: Started.lines, Done.lines",
        'each("start.lines", ...) or each("q.lines", ...)',
    ),
    (
        lambda: saga(a=each("lines", step(All, undo=Untake))),
        "no field of All is filled from an item",
        "@a.command above def _(self, item) -> All",
    ),
    (
        lambda: saga(a=each("lines", step(Take, undo=UndoAll))),
        "no field of UndoAll is filled",
        "(self, item, reply) -> UndoAll",
    ),
    (lambda: saga(a=each("skus", step(Wide, undo=Untake))), "fits sku and other of Wide", "@a.command"),
    (lambda: saga(a=each("prices", step(Take, undo=Untake))), "nothing fills Take.sku", "@a.command"),
    (
        lambda: saga(a=each("skus", step(QuoteSku, undo=Untake)), b=each("a.lines", step(Take, undo=Untake))),
        "Done comes once for each of skus",
        "",
    ),
    (
        lambda: each("lines", pivot(Take, undo=Untake)),
        "could be done for one item while another is refused",
        'each("lines", step(Take, undo=UndoTake))',
    ),
    (lambda: each("lines", each("skus", step(Take, undo=Untake))), "sent together with others already", ""),
    (lambda: each("lines", step(Take, undo=Untake), at_most=0), "at_most", ""),
    (lambda: each("lines", step(Take, undo=Untake), at_most=1_001), "at_most", ""),
    (lambda: each("", step(Take, undo=Untake)), "the name of a list and a step", ""),
    (lambda: each("lines", Take), "the name of a list and a step", ""),  # type: ignore[arg-type]  # what a user may write
    (
        lambda: parallel(each("lines", step(Take, undo=Untake)), step(All, undo=UndoAll)),
        "together with other steps",
        "a group of its own",
    ),
]


@pytest.mark.parametrize(("declare", "says", "write"), REFUSED)
def test_it_is_refused_with_what_to_write(declare: Lines, says: str, write: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        declare()
    assert says in refused.value.what and write in refused.value.hint and "test_each_refused.py" in refused.value.what


@pytest.mark.parametrize("key", ["id", "sku"])
def test_items_that_one_sub_saga_would_carry_out_are_refused(key: str) -> None:
    """The key of a command that starts a saga is the id of its instance."""
    own = Service("each-of-sub-sagas", namespace="each.of.sub.sagas")
    fields = {name: Key[str] if name == key else str for name in ("id", "sku")}

    def message(kind: Any, name: str, fields: dict[str, Any]) -> Any:
        body = {"__module__": __name__, "__annotations__": fields}
        return types.new_class(name, (kind,), {"of": own}, lambda namespace: namespace.update(body))

    begun = message(Event, "Begun", {"id": Key[str], "skus": list[str]})
    done, sent = message(Event, "Shipped", fields), message(Event, "Sent", fields)
    ship, send = message(Command[done], "Ship", fields), message(Command[sent], "Send", fields)

    class Shipping(Saga, start=ship, deadline=minutes(5), of=own):
        send_it = retriable(send)

    class Buying(Saga, start=begun, deadline=minutes(30), of=own):
        ship_all = each("skus", retriable(ship, timeout=minutes(6)))

    if key == "sku":
        check_sub_sagas([own])
        return
    with pytest.raises(DeclarationError, match="would carry them all out as one: their key id is the same"):
        check_sub_sagas([own])


def test_a_step_in_parallel_is_sent_for_no_list() -> None:
    first, second = step(Take, undo=Untake), step(All, undo=UndoAll)
    parallel(first, second)
    with pytest.raises(DeclarationError, match="sent together with others already"):
        each("lines", first)


def test_a_step_under_two_names_is_refused() -> None:
    taken = step(Take, undo=Untake)
    with pytest.raises(DeclarationError, match="one step under two names"):
        saga(a=taken, b=each("lines", taken))


def test_a_reply_of_each_item_fills_no_later_command_by_name() -> None:
    class Placed(Command[Done], of=svc, name="PlacedOfEach"):
        id: Key[str]
        sku: Sku

    class Later(Command[Taken], of=svc, name="LaterOfEach"):
        id: Key[str]
        place: str = ""

    with pytest.raises(
        DeclarationError, match="could be of any of the replies Done: one comes for each of skus"
    ) as refused:
        saga(a=each("skus", retriable(Placed)), b=retriable(Later))
    assert "@b.command" in refused.value.hint


@pytest.mark.parametrize("hook", ["command", "undo_command", "then", "refused"])
def test_a_hook_that_takes_no_item_is_refused(hook: str) -> None:
    taken = step(Take, undo=Untake)
    getattr(taken, hook)(lambda self: None)
    with pytest.raises(DeclarationError, match="takes other arguments than its item") as refused:
        saga(a=each("lines", taken))
    assert "def _(self, item" in refused.value.hint


@pytest.mark.parametrize(
    ("items", "command"),
    [("skus", Take), ("sizes", Sized), ("prices", Priced), ("kinds", Kind), ("texts", Take), ("lines", Take)],
)
def test_lists_of_structs_and_of_plain_values_fill_by_type(items: str, command: Any) -> None:
    definition = saga(a=each(items, step(command, no_effect=True))).__definition__
    assert f"for each of start.{items}" in definition.describe()


def test_a_list_of_a_reply_is_named_by_its_field_alone_where_no_other_has_that_name() -> None:
    definition = saga(q=step(Quote, undo=Unquote), a=each("more", step(Take, undo=Untake))).__definition__
    assert "for each of q.more" in definition.describe()


def test_another_list_is_another_version_and_another_bound_is_not() -> None:
    def digest(step_of_list: Any) -> str:
        return str(saga(a=step_of_list).__definition__.digest)

    lines = digest(each("lines", step(Take, undo=Untake)))
    assert lines == digest(each("lines", step(Take, undo=Untake), at_most=7))
    assert lines != digest(each("skus", step(Take, undo=Untake)))
    assert lines != digest(step(Quote, undo=Unquote))
