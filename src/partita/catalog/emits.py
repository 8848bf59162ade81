"""The events that a handler publishes, as it declares them: by its return annotation and by `emits=`.

The declaration is complete, since a handler that publishes another event fails. So the catalog knows the publishers of each event
without running anything.
"""

from __future__ import annotations

from collections import abc
from collections.abc import Iterator, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Never, NewType, NoReturn, Union, get_args, get_origin

from typing_extensions import TypeAliasType

from partita.catalog.binding import Binding
from partita.catalog.contract import Contract, contract_of
from partita.catalog.event import Command, Event
from partita.catalog.fault import is_fault
from partita.catalog.place import Place
from partita.catalog.rejection import Rejection
from partita.catalog.signature import UNSAID, Signature
from partita.catalog.type_text import type_text
from partita.errors import DeclarationError, PartitaError
from partita.waiting.later import Later

Emits = type[Event] | UnionType | Sequence[type[Event]]
"""An event, a union of events, or several of them."""

UNIONS = (Union, UnionType)
AWAITED = (abc.Awaitable, abc.Coroutine)
LISTS = (tuple, list, abc.Sequence, abc.MutableSequence, abc.Collection, abc.Iterable, abc.Reversible)
"""Annotations of what may be a list or a tuple: several events."""
NOTHING = (NoneType, Never, NoReturn)
BUILT_IN = ("builtins", "collections.abc", "types")
HOW = "emits=OrderShipped, emits=(OrderShipped, OrderSplit), or the union OrderShipped | OrderSplit."


def emitted_on(signature: Signature, emits: Emits | None, service: str, place: Place) -> tuple[Contract, ...]:
    """The events that a handler of events publishes.

    Raises:
        DeclarationError: it does not declare them, or returns what is not an event.
    """
    name, returns = signature.name, signature.returns
    given = [] if emits is None else _given(emits, name, place)
    if returns is UNSAID:
        if emits is None:
            raise DeclarationError(
                f"{place}: {name} does not declare the events that it publishes.",
                hint="`-> None` where it publishes none, `-> OrderShipped` for an event that it returns, "
                f"@{service}.on(emits=OrderShipped) for one that it gives to tx.publish.",
            )
        return _contracts(given)
    returned = list(_returned(signature, place))
    if emits is None and None in returned:
        raise DeclarationError(
            f"{place}: {name} returns {type_text(returns)}, which does not name the events that it publishes.",
            hint=f"-> OrderShipped | None, -> list[OrderShipped | OrderSplit], or @{service}.on(emits=(OrderShipped, "
            "OrderSplit)); emits=() where it publishes none.",
        )
    return _contracts([*(event for event in returned if event is not None), *given])


def emitted_by(command: Contract, signature: Signature, emits: Emits | None, place: Place) -> tuple[Contract, ...]:
    """The events that the handler of a command publishes: the reply that the command declares, and those of `emits=`.

    Raises:
        DeclarationError: it returns something else than the reply.
    """
    reply, name, returns = command.reply, signature.name, signature.returns
    assert reply is not None
    for each in () if returns is UNSAID else _members(returns):
        if each is Later:
            continue
        if each is NoneType or _is_list(each) or _is_no_event(each) or _is_another(each, reply):
            raise DeclarationError(
                f"{place}: {name} returns {type_text(returns)}, and {command.name} is answered by {reply.__name__}.",
                hint=f"-> {reply.__name__}. A refusal is raised; another event is given to tx.publish and declared: "
                f"@{command.service.name}.handles({command.name}, emits=OrderShipped).",
            )
    return _contracts([reply, *([] if emits is None else _given(emits, name, place))])


def answers_later(signature: Signature) -> bool:
    """Whether the handler of a command may return `later()`, as its annotation says."""
    return signature.returns is not UNSAID and Later in _members(signature.returns)


def optional_on(signature: Signature, emits: Emits | None, place: Place) -> tuple[Contract, ...]:
    """The events without which a handler of events may end, as its return annotation says: beside None or another event, or
    in a list. An event of `emits=` is none of them: nothing says when the handler publishes it."""
    if signature.returns is UNSAID:
        return ()
    members = list(_members(signature.returns))
    given = [] if emits is None else _given(emits, signature.name, place)
    parts = [part for each in members if _is_list(each) or len(members) > 1 for part in _optional_parts(each)]
    return _contracts([part for part in parts if part not in given])


def optional_by(command: Contract) -> tuple[Contract, ...]:
    """The reply of a command, where the command may be refused."""
    return (contract_of(command.reply),) if command.reply is not None and command.refusals else ()


def check_emitted(binding: Binding, contract: Contract) -> None:
    """Refuse an event that a handler publishes without declaring it. A module that was executed again has made another class
    of the same event, so the names are compared here.

    Raises:
        PartitaError: which handler, which event, and what to write.
    """
    if any(contract.full_name == each.full_name for each in binding.emits):
        return
    handled = binding.contracts[0]
    others = [each.name for each in binding.emits if binding.kind == "on" or each.cls is not handled.reply]
    names = ", ".join([*others, contract.name])
    emits = f"emits=({names})" if others else f"emits={names}"
    raise PartitaError(
        f"{binding.place}: {binding.name} publishes {contract.name}, which it does not declare.",
        hint=f"@{binding.service}.handles({handled.name}, {emits})"
        if binding.kind == "handles"
        else f"Name it in the return annotation, or @{binding.service}.on({emits}).",
    )


def _contracts(events: Sequence[type[Any]]) -> tuple[Contract, ...]:
    return tuple({contract.full_name: contract for contract in map(contract_of, events)}.values())


def _given(emits: object, name: str, place: Place) -> list[type[Any]]:
    """The events of `emits=`."""
    found = [event for each in (emits if isinstance(emits, (tuple, list)) else (emits,)) for event in _members(each)]
    for event in found:
        if not _is_event(event):
            raise DeclarationError(
                f"{place}: {name} emits {type_text(event):.120}, which is not an event that it can publish.",
                hint=_instead(event) or HOW,
            )
    return found


def _returned(signature: Signature, place: Place) -> Iterator[type[Any] | None]:
    """The events that the annotation of a result names; None for each part of it that may be an event and names none."""
    for each in _members(signature.returns):
        listed = _is_list(each)
        for part in _items(each) if listed else (each,):
            if _is_event(part):
                yield part
            elif part in NOTHING and not listed:
                continue
            elif _is_no_event(part) or (listed and (part in NOTHING or _is_list(part))):
                raise DeclarationError(
                    f"{place}: {signature.name} returns {type_text(signature.returns)}, and {type_text(part)} is not an event.",
                    hint=_instead(part) or "A handler of events returns None, an event, or a list of events.",
                )
            else:
                yield None


def _optional_parts(annotation: Any) -> list[type[Any]]:
    return [part for part in (_items(annotation) if _is_list(annotation) else (annotation,)) if _is_event(part)]


def _members(annotation: Any) -> Iterator[Any]:
    """The members of a union, or the one thing that an annotation stands for."""
    origin = get_origin(annotation)
    if origin in UNIONS:
        for each in get_args(annotation):
            yield from _members(each)
    elif origin is Annotated:
        yield from _members(get_args(annotation)[0])
    elif origin in AWAITED and get_args(annotation):  # a plain function may return the coroutine of another one
        yield from _members(get_args(annotation)[-1])
    elif isinstance(annotation, TypeAliasType):
        yield from _members(annotation.__value__)
    elif isinstance(annotation, NewType):
        yield from _members(annotation.__supertype__)
    else:
        yield NoneType if annotation is None else annotation


def _items(annotation: Any) -> Iterator[Any]:
    """The types of the items of a list: `Any` where its annotation does not name them."""
    held = [each for each in get_args(annotation) if each is not Ellipsis]
    for each in held or ([] if annotation == tuple[()] else [Any]):
        yield from _members(each)


def _is_list(annotation: Any) -> bool:
    return annotation in LISTS or get_origin(annotation) in LISTS


def _is_event(annotation: Any) -> bool:
    """Whether it is an event with an owner: a class without one is a family of events, and no message."""
    event = isinstance(annotation, type) and issubclass(annotation, Event)
    return event and isinstance(vars(annotation).get("__partita__"), Contract)


def _is_no_event(annotation: Any) -> bool:
    """Whether no value of this type is an event. A class or a type variable of the user's own may be one."""
    origin = get_origin(annotation) or annotation
    if not isinstance(origin, type) or origin in (*LISTS, *AWAITED, *Event.__mro__) or issubclass(origin, Event):
        return False
    return origin.__module__ in BUILT_IN or bool(_instead(annotation))


def _is_another(annotation: Any, reply: type[Any]) -> bool:
    """Whether it is a message, and not this one."""
    message = isinstance(annotation, type) and isinstance(vars(annotation).get("__partita__"), Contract)
    return message and contract_of(annotation).full_name != contract_of(reply).full_name


def _instead(annotation: Any) -> str:
    """The line to write for what is a message and no event."""
    if is_fault(annotation):
        return "Partita itself publishes a fault, with the dead letter."
    if not isinstance(annotation, type):
        return ""
    if issubclass(annotation, Command):
        return "A command is sent with tx.send, and is not declared."
    if issubclass(annotation, Rejection):
        return "A refusal is raised, by the handler of a command that declares it."
    if issubclass(annotation, Event) and annotation is not Event:
        return f"class {annotation.__name__}(Event, of=service): the events of a family are named one by one."
    return ""
