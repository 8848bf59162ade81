"""Declaring a saga: a class whose attributes are its steps, compiled and checked when the module is imported.

    class Checkout(Saga, start=OrderPlaced, deadline=minutes(15), undone=OrderCancelled, of=orders):
        reserve = step(ReserveStock, undo=ReleaseStock, timeout=seconds(30))
        charge = pivot(ChargePayment, undo=RefundPayment, timeout=seconds(60))
        confirm = retriable(ConfirmOrder)

Terms: C. Richardson, Microservices Patterns (compensatable, pivot and retriable transactions); H. Garcia-Molina,
K. Salem, Sagas (1987).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, Never, TypeVar, get_args

from partita.amount import check_seconds
from partita.catalog.contract import Contract, Place, caller_place, contract_of
from partita.catalog.event import Command, Event
from partita.catalog.service import Service
from partita.errors import DeclarationError
from partita.sagas.filling import Plan

Kind = Literal["step", "pivot", "retriable"]
OnTimeout = Literal["undo", "retry", "ask"]
Hook = TypeVar("Hook", bound=Callable[..., Any])


class Step:
    """A step as declared; its decorators fill commands by hand and look at replies and refusals."""

    def __init__(
        self,
        kind: Kind,
        command: type[Any],
        *,
        undo: type[Any] | None,
        ask: type[Any] | None,
        timeout: float,
        on_timeout: OnTimeout,
        no_effect: bool,
    ) -> None:
        self.kind: Kind = kind
        self.command_class = command
        self.undo_class = undo
        self.ask_class = ask
        self.timeout_s = timeout
        self.on_timeout: OnTimeout = on_timeout
        self.no_effect = no_effect
        self.name = ""
        self.place = caller_place(3)
        check_seconds(DeclarationError, f"{self.place}: timeout", timeout)
        if on_timeout not in get_args(OnTimeout):
            raise DeclarationError(
                f"{self.place}: on_timeout={on_timeout!r} cannot be.", hint=f"One of: {', '.join(get_args(OnTimeout))}."
            )
        self.hooks: dict[str, Callable[..., Any]] = {}

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self.name = name

    def command(self, hook: Hook) -> Hook:
        """Fill the command by hand: `def _(self) -> ReserveStock`; pure, called again for every resend."""
        self.hooks["command"] = hook
        return hook

    def undo_command(self, hook: Hook) -> Hook:
        """Fill the undo by hand: `def _(self) -> ReleaseStock`; the step's reply may never have come."""
        self.hooks["undo"] = hook
        return hook

    def then(self, hook: Hook) -> Hook:
        """Keep something of the reply in the saga's state: `def _(self, reply: StockReserved) -> None`."""
        self.hooks["then"] = hook
        return hook

    def refused(self, hook: Hook) -> Hook:
        """Look at the refusal: `def _(self, refusal: CardDeclined) -> None`."""
        self.hooks["refused"] = hook
        return hook


def step(
    command: type[Command[Event, Any]],
    *,
    undo: type[Command[Event, Never]] | None = None,
    timeout: float = 30.0,
    on_timeout: OnTimeout = "undo",
    ask: type[Command[Event, Any]] | None = None,
    no_effect: bool = False,
) -> Step:
    """A step that can be undone, before the pivot. Its undo is a command that nobody can refuse.

    Args:
        command: what is asked of the participant.
        undo: takes its effect back; must be safe before, after or without the command.
        timeout: seconds until the outcome counts as unknown.
        on_timeout: "undo" owes the undo of this step too, "retry" sends the same command again, "ask" sends `ask`.
        ask: answered with the command's reply when it was done, refused when not.
        no_effect: the step changes nothing and needs no undo.
    """
    return Step("step", command, undo=undo, ask=ask, timeout=timeout, on_timeout=on_timeout, no_effect=no_effect)


def pivot(
    command: type[Command[Event, Any]],
    *,
    undo: type[Command[Event, Never]] | None = None,
    timeout: float = 60.0,
    on_timeout: OnTimeout = "undo",
    ask: type[Command[Event, Any]] | None = None,
) -> Step:
    """The point of no return: after its success the saga must complete.

    `undo` is for an unknown outcome: the deadline may pass, or a person may cancel, before an answer comes. A command
    that cannot be taken back and that nobody can refuse is a `retriable`.
    """
    return Step("pivot", command, undo=undo, ask=ask, timeout=timeout, on_timeout=on_timeout, no_effect=False)


def retriable(command: type[Command[Event, Never]], *, timeout: float = 30.0) -> Step:
    """A step after the point of no return: nobody can refuse it, and it is sent again until it is done.

    Where there is no pivot the first retriable is the point of no return: once its command is sent nothing is undone.
    """
    return Step("retriable", command, undo=None, ask=None, timeout=timeout, on_timeout="retry", no_effect=False)


@dataclass(frozen=True, slots=True)
class StepSpec:
    """A step as compiled."""

    name: str
    kind: Kind
    command: Contract
    undo: Contract | None
    ask: Contract | None
    timeout_s: float
    on_timeout: OnTimeout
    no_effect: bool
    place: Place
    hooks: dict[str, Callable[..., Any]] = field(compare=False)
    plan: Plan | None = None
    undo_plan: Plan | None = None
    ask_plan: Plan | None = None


@dataclass(frozen=True, slots=True)
class SagaDefinition:
    """A saga as compiled: everything the engine, the runtime and the pictures need."""

    cls: type[Saga]
    name: str
    version: int
    service: Service
    start: Contract
    steps: tuple[StepSpec, ...]
    deadline_s: float
    undone: Contract | None
    undone_plan: Plan | None
    place: Place
    facts: frozenset[str]  # "source.field" of everything a plan uses
    attributes: dict[str, Any] = field(compare=False)  # the user's own state with its defaults
    pivot_index: int = 0  # steps up to here may be undone, later ones are retried; -1 = all are retried
    hooked: bool = field(init=False, compare=False)
    index_of: dict[str, int] = field(init=False, compare=False)  # of a step, by its name
    kept: dict[str, tuple[tuple[str, str], ...]] = field(
        init=False, compare=False
    )  # source -> (field, fact) a plan uses

    def __post_init__(self) -> None:
        kept: dict[str, tuple[tuple[str, str], ...]] = {}
        for fact in sorted(self.facts):
            source, _, name = fact.partition(".")
            kept[source] = (*kept.get(source, ()), (name, fact))
        object.__setattr__(self, "kept", kept)
        object.__setattr__(self, "index_of", {spec.name: number for number, spec in enumerate(self.steps)})
        object.__setattr__(self, "hooked", any(spec.hooks for spec in self.steps))

    @property
    def consumes(self) -> tuple[Contract, ...]:
        """The start event and everything that may answer."""
        found = [self.start]
        for spec in self.steps:
            for command in (spec.command, spec.undo, spec.ask):
                if command is not None and command.reply is not None:
                    found.append(contract_of(command.reply))
                    found += [contract_of(refusal) for refusal in command.refusals]
        return tuple(dict.fromkeys(found))

    @property
    def sends(self) -> tuple[Contract, ...]:
        """Everything it may send or publish."""
        commands = [c for s in self.steps for c in (s.command, s.undo, s.ask) if c is not None]
        return tuple(dict.fromkeys([*commands, *([self.undone] if self.undone else [])]))

    @property
    def digest(self) -> str:
        """Changes when an instance in flight would be decided otherwise; times may change freely."""
        return hashlib.sha256(self.describe().encode()).hexdigest()[:16]

    def describe(self) -> str:
        """The saga as text, a line a step."""
        lines = [f"{self.name} version {self.version} starts with {self.start.full_name}"]
        for spec in self.steps:
            undo = f", undo {spec.undo.full_name}" if spec.undo else ""
            lines.append(f"  {spec.kind} {spec.name}: {spec.command.full_name}{undo}, on timeout {spec.on_timeout}")
        return "\n".join([*lines, f"  undone: {self.undone.full_name if self.undone else 'never'}"])

    def key_of(self, start_event: Any) -> str:
        """The instance a start event is for."""
        key = self.start.key_of(start_event)
        assert key is not None
        return key

    def scaled(self, factor: float) -> SagaDefinition:
        """The same saga with all its times multiplied."""
        steps = tuple(replace(spec, timeout_s=spec.timeout_s * factor) for spec in self.steps)
        return replace(self, steps=steps, deadline_s=self.deadline_s * factor)


class Saga:
    """A process of steps that all happen, or are undone in reverse. Subclass it and assign its steps.

    Annotated attributes with defaults are the saga's own state. In hooks, `self.start` is the start event and
    `self.replies` the replies so far by step name.
    """

    __definition__: ClassVar[SagaDefinition]
    start: Any
    replies: dict[str, Any]

    def __init_subclass__(
        cls,
        *,
        start: type[Event],
        of: Service,
        deadline: float,
        undone: type[Event] | None = None,
        version: int = 1,
        name: str = "",
    ) -> None:
        """Compile and check the saga.

        Args:
            start: the event that starts an instance; its key is the instance's id.
            of: the service whose database keeps the instances.
            deadline: seconds; when they pass before the point of no return, the saga is undone; after it a person is
                told, and the saga goes on.
            undone: the event published when everything was undone; a saga of retriables only needs none.
            version: raise it when steps change while instances are in flight.
            name: of the saga, when an old version is kept under another class name.

        Raises:
            DeclarationError: with file, line and what to write.
        """
        from partita.sagas.compiling import compile_saga

        cls.__definition__ = compile_saga(
            cls,
            name=name or cls.__name__,
            start=start,
            service=of,
            deadline_s=deadline,
            undone=undone,
            version=version,
            place=caller_place(2),
        )
        of.declared.sagas.append(cls.__definition__)
