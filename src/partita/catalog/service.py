"""`Service`: the owner of messages and handlers, one database, one consumer group.

Walk 2: handlers are registered here with what they subscribe to and what they ask for.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import (
    Annotated,
    Any,
    Concatenate,
    Literal,
    ParamSpec,
    Protocol,
    TypeVar,
    Union,
    get_args,
    get_origin,
    overload,
)

from partita.amount import check_count, check_seconds
from partita.catalog.contract import Contract, Place, caller_place, contract_of
from partita.catalog.event import Event
from partita.catalog.fault import contract_in, is_fault
from partita.catalog.injection import Depends, Meta, Tx
from partita.catalog.retry import Retry
from partita.catalog.service_name import check_name, check_namespace
from partita.errors import DeclarationError

CONCURRENCY_MAX = 10_000
P = ParamSpec("P")
C = TypeVar("C")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])
C_co = TypeVar("C_co", covariant=True)
R_co = TypeVar("R_co", covariant=True)


class CommandClass(Protocol[C_co, R_co]):
    """A command class seen by the type checker: what it is and what answers it."""

    @classmethod
    def _me(cls) -> C_co: ...
    @classmethod
    def _reply(cls) -> R_co: ...


@dataclass(frozen=True, slots=True)
class Binding:
    """One handler: its function, the messages it takes, what each parameter is, how it dedupes and runs."""

    service: Service
    function: Callable[..., Any]
    kind: Literal["on", "handles"]
    contracts: tuple[Contract, ...]
    wants: tuple[tuple[str, str | Depends], ...]  # (parameter, "message" | "tx" | "meta" | Depends)
    dedupe_by: str | None
    concurrency: int
    place: Place

    @property
    def name(self) -> str:
        """The function's name, as shown to people."""
        return self.function.__name__

    @property
    def is_async(self) -> bool:
        """Whether the handler is a coroutine function; a plain function runs in a worker thread."""
        return inspect.iscoroutinefunction(self.function)


@dataclass(slots=True)
class Declarations:
    """What a service has declared so far."""

    contracts: dict[str, Contract] = field(default_factory=dict)
    bindings: list[Binding] = field(default_factory=list)
    sagas: list[Any] = field(default_factory=list)


class Service:
    """A part of the system with a database of its own: `orders = Service("order-service", namespace="shop.order")`.

    Args:
        name: unique; the consumer group and the database file carry it.
        namespace: of its messages on the wire; topics are `<namespace>.events` and `<namespace>.commands`.
        team: who is asked when it hurts.
        tables: the service's own tables as SQL (`CREATE TABLE IF NOT EXISTS ...;`), for SQLite and PostgreSQL alike.
        order: "key" handles each key in commit order and drops what is older; "none" dedupes by id alone,
            so a later message may pass an earlier one of its key.
        retry: what happens to a message whose handler fails.
        window_s: how long message ids and business keys are remembered, in seconds (24 h).

    Raises:
        DeclarationError: a name or a value that cannot be.
    """

    def __init__(
        self,
        name: str,
        *,
        namespace: str,
        team: str = "",
        tables: str = "",
        order: Literal["key", "none"] = "key",
        retry: Retry | None = None,
        window_s: float = 86_400.0,
    ) -> None:
        self.place = caller_place(2)
        check_name(name, self.place)
        check_namespace(namespace, self.place)
        check_seconds(DeclarationError, f"{self.place}: window_s", window_s)
        if order not in ("key", "none"):
            raise DeclarationError(f"{self.place}: order={order!r} cannot be.", hint='order="key" or order="none".')
        self.name = name
        self.namespace = namespace
        self.team = team
        self.tables = tables
        self.order: Literal["key", "none"] = order
        self.retry = retry or Retry()
        self.window_s = window_s
        self.declared = Declarations()

    def __repr__(self) -> str:
        return f"Service({self.name!r})"

    @property
    def events_topic(self) -> str:
        """The topic of the events this service owns."""
        return f"{self.namespace}.events"

    @property
    def commands_topic(self) -> str:
        """The topic of the commands this service handles."""
        return f"{self.namespace}.commands"

    @property
    def faults_topic(self) -> str:
        """The topic of the faults of this service's messages."""
        return f"{self.namespace}.faults"

    def own(self, contract: Contract) -> None:
        """Take a message class as this service's.

        Raises:
            DeclarationError: another class has the same name and version.
        """
        held = self.declared.contracts.get(contract.full_name)
        if held is not None and held.place != contract.place:
            raise DeclarationError(
                f"{contract.place}: {contract.full_name} is declared already at {held.place}.",
                hint="Rename one, or give the newer contract version=2.",
            )
        self.declared.contracts[contract.full_name] = contract

    @overload
    def on(self, function: F, /) -> F: ...
    @overload
    def on(self, /, *, dedupe_by: str | None = None, concurrency: int = 1) -> Callable[[F], F]: ...
    def on(
        self, function: Callable[..., Any] | None = None, /, *, dedupe_by: str | None = None, concurrency: int = 1
    ) -> Any:
        """Subscribe a handler to the events its first parameter is annotated with, also `Fault[Message]`; a union is
        several.

        Args:
            function: the handler, when used without brackets.
            dedupe_by: a field (orderId) that with the event's type names the effect: a second event of that
                type and value within the window is a duplicate even under another id.
            concurrency: how many may run at once, each in a transaction of its own; for handlers that call outside.

        Raises:
            DeclarationError: the annotation names no event, or a parameter cannot be filled.
        """
        place = caller_place(2)

        def register(fn: Callable[..., Any]) -> Callable[..., Any]:
            hints = _hints(fn, place)
            first = _first_parameter(fn, place)
            contracts = tuple(contract_in(c) for c in _union_members(hints.get(first)))
            if not contracts or any(c.kind == "command" for c in contracts):
                raise DeclarationError(
                    f"{place}: {fn.__name__} subscribes to {hints.get(first)!r}.",
                    hint=f"Annotate its first parameter with events: async def {fn.__name__}({first}: OrderPlaced).",
                )
            self._bind(fn, "on", contracts, hints, dedupe_by, concurrency, place)
            return fn

        return register if function is None else register(function)

    def handles(
        self, command: CommandClass[C, R], /, *, dedupe_by: str | None = None, concurrency: int = 1
    ) -> Callable[[Callable[Concatenate[C, P], Awaitable[R] | R]], Callable[Concatenate[C, P], Awaitable[R] | R]]:
        """Handle a command of this service: the handler returns the reply or raises the declared refusal.

        Raises:
            DeclarationError: the command is another service's, has a handler already, or a parameter cannot be filled.
        """
        place = caller_place(2)
        contract = contract_of(typing.cast("type[Any]", command))

        def register(fn: Callable[Concatenate[C, P], Awaitable[R] | R]) -> Any:
            if contract.service is not self:
                raise DeclarationError(
                    f"{place}: {contract.name} belongs to {contract.service.name}, not to {self.name}.",
                    hint=f"A command is handled by its owner: @{contract.service.name}.handles, or declare it of={self.name}.",
                )
            held = next((b for b in self.declared.bindings if contract in b.contracts and b.kind == "handles"), None)
            if held is not None:
                raise DeclarationError(
                    f"{place}: {contract.name} is handled already by {held.name} at {held.place}.",
                    hint="A command has exactly one handler.",
                )
            self._bind(fn, "handles", (contract,), _hints(fn, place), dedupe_by, concurrency, place)
            return fn

        return register

    def _bind(
        self,
        fn: Callable[..., Any],
        kind: Literal["on", "handles"],
        contracts: tuple[Contract, ...],
        hints: dict[str, Any],
        dedupe_by: str | None,
        concurrency: int,
        place: Place,
    ) -> None:
        check_count(DeclarationError, f"{place}: concurrency of {fn.__name__}", concurrency, most=CONCURRENCY_MAX)
        for contract in contracts:
            if dedupe_by is not None and dedupe_by not in contract.hints:
                raise DeclarationError(
                    f"{place}: {fn.__name__} dedupes by {dedupe_by!r}, which {contract.name} does not have.",
                    hint=f"Its fields are {', '.join(contract.hints)}.",
                )
        wants = _wants(fn, hints, place)
        self.declared.bindings.append(Binding(self, fn, kind, contracts, wants, dedupe_by, concurrency, place))


def _hints(fn: Callable[..., Any], place: Place) -> dict[str, Any]:
    try:
        return typing.get_type_hints(fn, include_extras=True)
    except NameError as error:
        raise DeclarationError(
            f"{place}: an annotation of {fn.__name__} cannot be read: {error}.",
            hint="Import the name at run time, not only under TYPE_CHECKING: the annotation is the subscription.",
        ) from error


def _first_parameter(fn: Callable[..., Any], place: Place) -> str:
    first = next(iter(inspect.signature(fn).parameters), None)
    if first is None:
        raise DeclarationError(f"{place}: {fn.__name__} takes no message.", hint="Its first parameter is the message.")
    return first


def _union_members(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) in (Union, types.UnionType):
        return get_args(annotation)
    event = isinstance(annotation, type) and issubclass(annotation, Event)
    return (annotation,) if event or is_fault(annotation) else ()


def _wants(fn: Callable[..., Any], hints: dict[str, Any], place: Place) -> tuple[tuple[str, str | Depends], ...]:
    """What each parameter is filled with; by type only for our own things, `Depends` for the user's."""
    wants: list[tuple[str, str | Depends]] = []
    for position, name in enumerate(inspect.signature(fn).parameters):
        hint = hints.get(name)
        if position == 0:
            wants.append((name, "message"))
        elif hint is Tx:
            wants.append((name, "tx"))
        elif hint is Meta:
            wants.append((name, "meta"))
        elif get_origin(hint) is Annotated and any(isinstance(m, Depends) for m in get_args(hint)[1:]):
            wants.append((name, next(m for m in get_args(hint)[1:] if isinstance(m, Depends))))
        else:
            raise DeclarationError(
                f"{place}: nothing can fill parameter {name!r} of {fn.__name__}.",
                hint="Annotate it with Tx or Meta, or write Annotated[YourType, Depends(your_function)].",
            )
    return tuple(wants)
