"""Handlers and messages may be declared within a function, as in a test, also when annotations are texts: the names
have the meaning that they have in that function."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import date
from enum import Enum
from typing import Annotated, Any, NewType

import msgspec
import pytest

from partita import App, Command, DeclarationError, Depends, Event, Fault, Key, Meta, Rejection, Service, Tx
from partita.catalog.contract import contract_of
from partita.catalog.rejection import from_struct, to_struct

Unit = int


class Taken(Event, of=Service("top", namespace="scope.top")):
    """Of the module; functions below have an event of this name of their own."""

    id: Key[str]


def service() -> Service:
    """A service without handlers."""
    return Service("local", namespace="scope.local")


def heard(svc: Service) -> list[type[Any]]:
    """The classes that its one handler handles."""
    (binding,) = svc.declared.bindings
    return [contract.cls for contract in binding.contracts]


# --- handlers


def test_a_handler_hears_an_event_that_is_declared_beside_it() -> None:
    """As a test declares both. A name of the module means something else there."""
    svc = service()

    class Taken(Event, of=svc):
        id: Key[str]

    @svc.on
    async def hear(event: Taken) -> None: ...

    assert heard(svc) == [Taken]


def test_a_union_a_fault_and_what_is_injected_are_found_beside_it() -> None:
    """Every annotation of a handler is read, also that of its result."""
    svc = service()

    class One(Event, of=svc):
        id: Key[str]

    class Two(Event, of=svc):
        id: Key[str]

    class Mailer: ...

    @svc.on
    async def hear(
        event: One | Fault[Two], tx: Tx, meta: Meta, mailer: Annotated[Mailer, Depends(Mailer)]
    ) -> Two | None: ...

    (binding,) = svc.declared.bindings
    assert [contract.name for contract in binding.contracts] == ["One", "Fault[Two]"]
    assert [want for _, want in binding.wants] == ["message", "tx", "meta", Depends(Mailer)]


def test_a_function_within_the_function_sees_what_is_around_it() -> None:
    """The inner function does not use the name in its code, so only the frame around it has the name."""
    svc = service()

    class Made(Event, of=svc):
        id: Key[str]

    def declare() -> None:
        @svc.on
        async def hear(event: Made) -> None: ...

    declare()
    assert heard(svc) == [Made]


def test_the_nearest_name_counts() -> None:
    """As it does for the code of the handler."""
    svc = service()

    class Made(Event, of=svc):
        id: Key[str]

    def declare() -> type[Any]:
        class Made(Event, of=svc, version=2):
            id: Key[str]

        @svc.on
        async def hear(event: Made) -> None: ...

        return Made

    nearest = declare()
    assert heard(svc) == [nearest] != [Made]


def in_a_function_that_has_ended(svc: Service) -> Callable[[], None]:
    """Its local names are gone when the returned function is called; those that the handler's code uses are kept."""

    class Made(Event, of=svc):
        id: Key[str]

    def declare() -> None:
        @svc.on
        async def hear(event: Made) -> Made:
            return Made(id=event.id)

    return declare


def test_what_the_handler_uses_is_found_after_the_function_around_it_has_ended() -> None:
    """It is kept in its closure."""
    svc = service()
    in_a_function_that_has_ended(svc)()
    assert [cls.__name__ for cls in heard(svc)] == ["Made"]


def test_methods_of_a_class_beside_the_events_are_handlers() -> None:
    """Bound after the class was made, and in its body, among its own names."""
    svc = service()

    class Made(Event, of=svc):
        id: Key[str]

    class Desk:
        class Sold(Event, of=svc):
            id: Key[str]

        async def hear(self, event: Made) -> None: ...

        @svc.on
        async def sold(event: Sold) -> None: ...  # type: ignore[misc]  # registered as a function

    svc.on(Desk().hear)
    assert [b.contracts[0].name for b in svc.declared.bindings] == ["Sold", "Made"]


def test_a_handler_behind_a_decorator_sees_its_own_scope() -> None:
    """And not that of the decorator."""
    svc = service()

    class Made(Event, of=svc):
        id: Key[str]

    @svc.on
    @traced
    async def hear(event: Made) -> None: ...

    assert heard(svc) == [Made]


def traced(function: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator with a local name that is a name of the user's too."""
    Made = None  # noqa: F841

    @functools.wraps(function)
    async def around(*args: Any) -> Any:
        return await function(*args)

    return around


async def of_the_module(event: Taken) -> None:
    """Registered from another place, it keeps its own meaning."""


def test_a_handler_of_a_module_keeps_its_meaning_where_a_test_registers_it() -> None:
    """Otherwise it would handle another event than its annotation names."""
    svc = service()

    class Taken(Event, of=svc):
        id: Key[str]

    svc.on(of_the_module)
    assert heard(svc) == [contract_of(of_the_module.__globals__["Taken"]).cls] != [Taken]


def test_a_name_that_is_given_its_meaning_further_down_is_refused() -> None:
    """The handler is declared when its annotations can be resolved."""
    svc = service()
    with pytest.raises(DeclarationError, match=r"cannot be read(.|\n)*above the handler"):

        @svc.on
        async def hear(event: Later) -> None: ...

    class Later(Event, of=svc):
        id: Key[str]


# --- messages


def test_a_message_has_fields_of_types_that_are_declared_beside_it() -> None:
    """It is sent like any other message: its schema is read from the same annotations."""
    svc = service()
    Sku = NewType("Sku", str)

    class Colour(Enum):
        RED = "red"
        TEA = "tea"

    class Line(msgspec.Struct):
        sku: Sku
        colour: Colour | None = None

    class Ordered(Event, of=svc):
        id: Key[Sku]
        lines: list[Line]
        colours: dict[str, Colour] = {}

    App(svc)  # refuses a message of which a type cannot be read
    contract = contract_of(Ordered)
    assert contract.key_field == "id"
    made = Ordered(id=Sku("1"), lines=[Line(sku=Sku("2"), colour=Colour.TEA)], colours={"a": Colour.RED})
    assert msgspec.json.decode(msgspec.json.encode(made), type=Ordered) == made


def test_a_struct_that_holds_itself_is_read() -> None:
    """A struct with an unknown type is refused when the app is made, as always."""
    svc = service()

    class Node(msgspec.Struct):
        name: str
        children: list[Node]

    class Grown(Event, of=svc):
        id: Key[str]
        root: Node

    made = Grown(id="1", root=Node("a", [Node("b", [])]))
    assert msgspec.json.decode(msgspec.json.encode(made), type=Grown) == made

    class Broken(msgspec.Struct):
        children: list[Broken]
        missing: Missing  # type: ignore[name-defined]  # noqa: F821

    class Lost(Event, of=svc):
        id: Key[str]
        root: Broken

    with pytest.raises(DeclarationError, match=r"a type of Lost cannot be read(.|\n)*above the message"):
        App(svc)


def test_a_refusal_has_fields_of_types_that_are_declared_beside_it() -> None:
    """It is no struct of its own, and becomes one when a command names it."""
    svc = service()
    Sku = NewType("Sku", str)

    class Colour(Enum):
        RED = "red"

    class SoldOut(Rejection):
        sku: Sku
        colour: Colour

    class Sold(Event, of=svc):
        id: Key[Sku]

    class Sell(Command[Sold, SoldOut], of=svc):
        id: Key[Sku]
        colour: Colour

    @svc.handles(Sell)
    async def sell(cmd: Sell) -> Sold:
        raise SoldOut(sku=cmd.id, colour=cmd.colour)

    App(svc)
    assert contract_of(SoldOut).hints == {"sku": Sku, "colour": Colour}
    refusal = from_struct(SoldOut, to_struct(SoldOut(sku=Sku("1"), colour=Colour.RED)))
    assert vars(refusal) == {"sku": "1", "colour": Colour.RED}


def test_a_field_of_the_name_of_its_type_means_the_type() -> None:
    """The body of the class has already bound the name to a default."""
    svc = service()

    class day(Enum):
        MONDAY = "monday"

    monday = day.MONDAY

    class Dated(Event, of=svc):
        id: Key[str]
        date: date = date(2026, 11, 29)
        day: day = monday

    assert contract_of(Dated).hints == {"id": Key[str], "date": globals()["date"], "day": day}


def test_messages_are_declared_in_a_class_and_in_a_function_that_makes_them() -> None:
    """The class of a message may be local to a class or to a function that is called."""
    svc = service()
    Sku = NewType("Sku", str)

    class Desk:
        class Sold(Event, of=svc):
            id: Key[Sku]

    def make(unit: type[Any]) -> type[Any]:
        class Weighed(Event, of=svc):
            id: Key[Sku]
            weight: unit  # type: ignore[valid-type]

        return Weighed

    assert contract_of(Desk.Sold).hints == {"id": Key[Sku]}
    assert contract_of(make(int)).hints == {"id": Key[Sku], "weight": int}


def test_a_message_does_not_see_the_names_of_the_class_around_it() -> None:
    """As in Python: a name of the module has the module's meaning."""
    svc = service()

    class Desk:
        Unit = float

        class Sold(Event, of=svc):
            id: Key[str]
            number: Unit

    assert contract_of(Desk.Sold).hints["number"] is int


async def test_it_works_from_declaration_to_handling() -> None:
    """A whole app within a test: a command, its reply, a subscriber."""
    svc = service()
    Sku = NewType("Sku", str)
    seen = []

    class Sold(Event, of=svc):
        id: Key[Sku]

    class Sell(Command[Sold], of=svc):
        id: Key[Sku]

    @svc.handles(Sell)
    async def sell(cmd: Sell) -> Sold:
        return Sold(id=cmd.id)

    @svc.on
    async def count(event: Sold) -> None:
        seen.append(event)

    async with App(svc).testing() as t:
        await t.send(Sell(id=Sku("1")))
    assert seen == [Sold(id=Sku("1"))]
