"""The signature of a handler: the form that its function must have, and the source of each of its parameters.

All of it is read once, at import: an error is raised there, and not at the first message.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from partita.catalog.contract import Contract, contract_of
from partita.catalog.event import Event
from partita.catalog.fault import is_fault
from partita.catalog.injection import Depends, Meta, Tx
from partita.catalog.place import Place
from partita.catalog.scope import UNREADABLE, hints_of
from partita.errors import DeclarationError

Want = str | Depends
"""What a parameter is filled with: "message", "tx", "meta", or what a provider of the user's gives."""
UNSAID: Any = inspect.Signature.empty


class Signature(NamedTuple):
    """`first` is the annotation of the message, `returns` that of the result, `name` how people know the handler."""

    name: str
    first: Any
    parameter: str
    wants: tuple[tuple[str, Want], ...]
    is_async: bool
    returns: Any  # UNSAID = it has no annotation


def signature_of(function: Callable[..., Any], place: Place) -> Signature:
    """The signature of a handler.

    Raises:
        DeclarationError: it is no function that can be a handler, or one of its parameters cannot be filled.
    """
    name = _name_of(function, place)
    try:
        hints = hints_of(function)
    except UNREADABLE as error:
        raise DeclarationError(
            f"{place}: an annotation of {name} cannot be read: {error}.",
            hint="Declare the name above the handler, or import it at run time, not only under TYPE_CHECKING: the annotation is "
            "the subscription.",
        ) from error
    parameters = list(inspect.signature(function).parameters.values())
    if not parameters:
        raise DeclarationError(f"{place}: {name} takes no message.", hint="Its first parameter is the message.")
    wants = tuple(
        (each.name, _want(name, each, hints.get(each.name), place) if position else "message")
        for position, each in enumerate(parameters)
    )
    first = parameters[0].name
    # A decorator's plain function that returns the coroutine of the wrapped one is good enough.
    is_async = inspect.iscoroutinefunction(inspect.unwrap(function))
    if not is_async and any(want == "tx" for _, want in wants):
        raise DeclarationError(
            f"{place}: {name} asks for Tx and is a plain function, which runs in a thread: it cannot await a statement.",
            hint=f"async def {name}(...), with `await tx.execute(...)`; blocking calls go into asyncio.to_thread.",
        )
    return Signature(name, hints.get(first), first, wants, is_async, hints.get("return", UNSAID))


def events_in(annotation: Any) -> tuple[Any, ...]:
    """The events and faults that an annotation names; a union is several, anything else none."""
    if get_origin(annotation) in (Union, types.UnionType):
        return get_args(annotation)
    event = isinstance(annotation, type) and issubclass(annotation, Event)
    return (annotation,) if event or is_fault(annotation) else ()


def is_of_another(annotation: Any, contract: Contract) -> bool:
    """Whether a handler is annotated with another message than the given one."""
    if not (isinstance(annotation, type) and "__partita__" in vars(annotation)):
        return False
    return contract_of(annotation).full_name != contract.full_name


def _name_of(function: Callable[..., Any], place: Place) -> str:
    name = getattr(function, "__name__", None)
    if not callable(function) or isinstance(function, type) or not isinstance(name, str):
        kind = f"the class {name}" if isinstance(function, type) else f"a {type(function).__name__}"
        raise DeclarationError(
            f"{place}: {kind} is not a handler.", hint="A handler is a function or a method: async def handler(...)."
        )
    inner = inspect.unwrap(function)
    if inspect.isgeneratorfunction(inner) or inspect.isasyncgenfunction(inner):
        raise DeclarationError(
            f"{place}: {name} is a generator: called, it runs nothing.",
            hint="Return the events in a list, or publish each with tx.publish(...).",
        )
    return name


def _want(handler: str, parameter: inspect.Parameter, hint: Any, place: Place) -> Want:
    """The source of a parameter; by type only for Partita's own types, `Depends` for the user's."""
    if parameter.kind is parameter.KEYWORD_ONLY:
        raise DeclarationError(
            f"{place}: {handler} takes {parameter.name!r} by keyword only.",
            hint="Its parameters are filled in their order: leave the `*` out.",
        )
    if hint is Tx:
        return "tx"
    if hint is Meta:
        return "meta"
    found = [m for m in get_args(hint)[1:] if isinstance(m, Depends)] if get_origin(hint) is Annotated else []
    if not found:
        raise DeclarationError(
            f"{place}: nothing can fill parameter {parameter.name!r} of {handler}.",
            hint="Annotate it with Tx or Meta, or write Annotated[YourType, Depends(your_function)].",
        )
    _check_provider(handler, found[0].provider, place)
    return found[0]


def _check_provider(handler: str, provider: Callable[..., Any], place: Place) -> None:
    if not callable(provider):
        raise DeclarationError(
            f"{place}: {handler} depends on a {type(provider).__name__}, which cannot be called.",
            hint="Depends(your_function), without calling it.",
        )
    try:
        parameters = inspect.signature(provider).parameters.values()
    except (TypeError, ValueError):
        return  # the signature of some built-in callables cannot be read
    needed = [p.name for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    if needed:
        raise DeclarationError(
            f"{place}: {handler} depends on {getattr(provider, '__name__', 'a provider')}, "
            f"and nothing can fill its parameter {needed[0]!r}.",
            hint="A provider is called without arguments; Tx and Meta are parameters of the handler.",
        )
