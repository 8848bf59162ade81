"""Instances with steps for items go on when the message with the list, or its items, are of a newer version."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from tests.unit.sagas.machine import Machine

from partita import Command, Event, Key, Saga, Service, minutes, seconds, step
from partita.runtime.path.renewing import unfit
from partita.sagas import each
from partita.sagas.unfolding import definition_for
from partita.schemas import Alias


class Line(msgspec.Struct):
    sku: str


class Named(msgspec.Struct):
    article: Annotated[str, Alias("sku")]
    gift: bool = True


class Numbered(msgspec.Struct):
    sku: str
    number: int


def message(kind: Any, called: str, fields: dict[str, Any], **options: Any) -> Any:
    """A message class with these fields."""
    body = {"__module__": __name__, "__annotations__": fields}
    return types.new_class(called, (kind,), options, lambda namespace: namespace.update(body))


def declared(item: Any, wanted: dict[str, Any], upcast: Callable[[Any], list[Any]] | None = None) -> Any:
    """A saga over lists of these items, whose commands have these fields; with an upcaster it is of the start event's version 2."""
    shop = Service("each-old-shop", namespace="each.old.shop")
    bought = message(Event, "Bought", {"order": Key[str], "lines": list[item]}, of=shop, version=2 if upcast else 1)
    if upcast is not None:
        fields = {"order": Key[str], "lines": list[Line]}
        old = message(Event, "OldBought", fields, of=shop, version=1, name="Bought")

        def newer(message: Any) -> Any:
            return bought(order=message.order, lines=upcast(message.lines))

        newer.__annotations__ = {"message": old, "return": bought}
        shop.upcast(newer)

    class Taken(Event, of=shop):
        order: Key[str]

    class Given(Event, of=shop):
        order: Key[str]

    class Over(Event, of=shop):
        order: Key[str]

    Take = message(Command[Taken], "Take", {"order": Key[str], **wanted}, of=shop)
    Give = message(Command[Given], "Give", {"order": Key[str], **wanted}, of=shop)

    class Buying(Saga, start=bought, deadline=minutes(15), undone=Over, of=shop):
        take = each("lines", step(Take, undo=Give, timeout=seconds(30)))

    return Buying.__definition__, bought


def begun() -> Any:
    """An instance with two items of the first version."""
    definition, bought = declared(Line, {"sku": str})
    machine = Machine(definition=definition).start(bought(order="o1", lines=[Line("a"), Line("b")]))
    assert machine.state is not None and len(machine.sent) == 2
    return machine


def undone_by(machine: Machine, definition: Any) -> list[Any]:
    """The undos that newer code sends after a timeout."""
    machine.definition = definition
    sent = len(machine.sent)
    machine.wait(30)
    return [each.command for each in machine.sent[sent:]]


def test_a_renamed_field_of_an_item_is_read_by_its_earlier_name_and_a_new_one_has_its_default() -> None:
    machine = begun()
    definition, _ = declared(Named, {"article": str, "gift": bool})
    assert unfit(definition, machine.state) == ("", "")
    (undo,) = undone_by(machine, definition)
    assert (undo.article, undo.gift) == ("b", True)


def test_an_upcaster_of_the_message_changes_the_items_that_were_sent() -> None:
    machine = begun()
    definition, _ = declared(
        Numbered, {"number": int}, lambda lines: [Numbered(sku=each.sku, number=ord(each.sku)) for each in lines]
    )
    assert unfit(definition, machine.state) == ("", "")
    (undo,) = undone_by(machine, definition)
    assert undo.number == ord("b")


def test_an_upcaster_that_changes_the_number_of_items_is_refused_while_their_steps_are_in_flight() -> None:
    machine = begun()
    definition, _ = declared(Numbered, {"number": int}, lambda lines: [Numbered(sku="all", number=0)])
    why, mend = unfit(definition, machine.state)
    assert why == "take was sent for 2 items, and lines has 1 after its upcaster"
    assert "keeps the length and the order" in mend


def test_an_item_that_its_type_no_longer_takes_is_refused() -> None:
    machine = begun()
    definition, _ = declared(Numbered, {"number": int})
    why, _ = unfit(definition, machine.state)
    assert "Bought.lines" in why and "no longer takes" in why


def test_the_form_of_a_state_is_that_of_its_lists() -> None:
    machine = begun()
    assert machine.state is not None
    names = [spec.name for spec in definition_for(machine.definition, machine.state).steps]
    assert names == ["take/0", "take/1"] == list(machine.state.names)
