"""The definition of a saga: its compiled class, for the engine, the runtime and the pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from partita.catalog.contract import Contract, contract_of
from partita.catalog.place import Place
from partita.catalog.service import Service
from partita.sagas.answers import Answers
from partita.sagas.filling import Plan
from partita.sagas.items import ITEM, Items
from partita.sagas.listener import ListenerSpec
from partita.sagas.step import Kind, OnTimeout
from partita.sagas.timer import TimerSpec
from partita.schemas.fields.field import fields_of


@dataclass(frozen=True, slots=True)
class StepSpec:
    """A compiled step."""

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
    timers: tuple[TimerSpec, ...] = ()
    beside: str = ""  # the first step of those that are sent together with it; empty = it is sent alone
    each: Items | None = None  # it is sent for each item of this list
    item: int = -1  # the number of its item; -1 = its list has not been reached, or has no items
    child: str = ""  # the saga that carries its command out; empty = none that this process knows
    child_s: float = 0.0  # the deadline of that saga
    answered_later: bool = False  # a handler that this process knows may answer its command later

    @property
    def declared(self) -> str:
        """Its declared name: `reserve` of `reserve/3`."""
        return self.name.partition("/")[0]

    @property
    def sends(self) -> tuple[Contract, ...]:
        """All commands that the saga may send for this step."""
        others = (self.undo, self.ask, *(timer.command for timer in self.timers))
        return (self.command, *(command for command in others if command is not None))


@dataclass(frozen=True, slots=True)
class SagaDefinition:
    """A compiled saga: everything the engine, the runtime and the pictures need."""

    cls: type[Any]  # a Saga; that class is defined above this module
    name: str
    version: int
    service: Service
    start: Contract
    steps: tuple[StepSpec, ...]
    deadline_s: float
    undone: Contract | None
    undone_plan: Plan | None
    place: Place
    facts: frozenset[str]  # "source.field" of every field that a plan uses
    attributes: dict[str, Any] = field(compare=False)  # the user's own state with its defaults
    pivot_index: int = 0  # steps up to here may be undone, later ones are retried; -1 = all are retried
    listeners: tuple[ListenerSpec, ...] = ()
    why: str = ""  # why a saga directs this, and no service reacts by itself
    answers: Answers | None = None  # of a saga that starts with a command: the answers to it
    declared: SagaDefinition | None = field(
        default=None, compare=False
    )  # of which this is the form for lists of one length each
    unfolded: dict[tuple[tuple[str, int], ...], SagaDefinition] = field(
        init=False, compare=False, default_factory=dict
    )  # the forms for the lengths of its lists that were met lately (`sagas/unfolding.py`)
    has_lists: bool = field(init=False, compare=False)  # a step is sent for each item of a list
    hooked: bool = field(init=False, compare=False)
    first: tuple[int, ...] = field(init=False, compare=False)  # of each step: the first of those sent with it
    behind: tuple[int, ...] = field(init=False, compare=False)  # of each step: the number behind the last of them
    index_of: dict[str, int] = field(init=False, compare=False)  # of a step, by its name
    cancelling: dict[str, str] = field(init=False, compare=False)  # type of an event that cancels -> its name
    kept: dict[str, tuple[tuple[str, str], ...]] = field(
        init=False, compare=False
    )  # source -> (field, fact) that a plan uses
    sources: dict[str, Contract] = field(init=False, compare=False)  # the messages whose values a state keeps
    wanted: tuple[tuple[int, frozenset[str]], ...] = field(
        init=False, compare=False
    )  # the facts of each source, by the number of its step; -1 = the start

    versions: dict[str, int] = field(
        init=False, compare=False
    )  # source -> the version of its message, where it is not 1

    def __post_init__(self) -> None:
        sources = {"start": self.start}
        sources |= {spec.name: contract_of(spec.command.reply) for spec in self.steps if spec.command.reply is not None}
        versions = {source: contract.version for source, contract in sources.items() if contract.version > 1}
        object.__setattr__(self, "versions", versions)
        kept: dict[str, tuple[tuple[str, str], ...]] = {}
        for fact in sorted(self.facts):
            source, _, name = fact.partition(".")
            kept[source] = (*kept.get(source, ()), (name, fact))
        object.__setattr__(self, "kept", kept)
        object.__setattr__(self, "sources", sources)
        numbers = {"start": -1, **{spec.name: number for number, spec in enumerate(self.steps)}}
        wanted = [
            (numbers[source], frozenset(fact for _, fact in kept[source])) for source in sources if source in kept
        ]
        object.__setattr__(self, "wanted", tuple(wanted))
        object.__setattr__(self, "index_of", {spec.name: number for number, spec in enumerate(self.steps)})
        groups = [spec.beside or spec.name for spec in self.steps]
        object.__setattr__(self, "first", tuple(groups.index(group) for group in groups))
        object.__setattr__(self, "behind", tuple(len(groups) - groups[::-1].index(group) for group in groups))
        object.__setattr__(self, "has_lists", any(spec.each is not None for spec in self.steps))
        hooked = any(spec.hooks for spec in self.steps) or any(each.hook is not None for each in self.listeners)
        hooked = hooked or (self.answers is not None and self.answers.hooked)
        object.__setattr__(self, "hooked", hooked)
        cancelling = {each.event.full_name: each.event.wire_name for each in self.listeners if each.cancels}
        object.__setattr__(self, "cancelling", cancelling)

    def step_named(self, name: str) -> StepSpec:
        """A step by its name."""
        return self.steps[self.index_of[name]]

    @property
    def consumes(self) -> tuple[Contract, ...]:
        """The event or command that starts it, all messages that may answer, and the events that it hears."""
        found = [self.start, *(listener.event for listener in self.listeners)]
        for spec in self.steps:
            for command in spec.sends:
                if command.reply is not None:
                    found.append(contract_of(command.reply))
                    found += [contract_of(refusal) for refusal in command.refusals]
        return tuple(dict.fromkeys(found))

    @property
    def sends(self) -> tuple[Contract, ...]:
        """All messages it may send or publish."""
        commands = [command for spec in self.steps for command in spec.sends]
        return tuple(dict.fromkeys([*commands, *self.emits]))

    @property
    def sent_for_items(self) -> dict[Contract, frozenset[str]]:
        """The commands that are sent for each item of a list, with their fields that are filled from the item. One that is
        filled by hand is not among them."""
        found: dict[Contract, frozenset[str]] = {}
        for spec in self.steps:
            for plan in (spec.plan, spec.undo_plan, spec.ask_plan) if spec.each is not None else ():
                if plan is not None:
                    own = (ITEM, spec.name)
                    wires = {wire for wire, fact in plan.fills if fact.partition(".")[0] in own}
                    names = {field.name for field in fields_of(plan.contract.shape.struct) if field.wire_name in wires}
                    found[plan.contract] = frozenset(names)
        return found

    @property
    def answered_at_once(self) -> tuple[Contract, ...]:
        """The undos and the questions: their handlers do not answer later."""
        return tuple(dict.fromkeys(c for s in self.steps for c in (s.undo, s.ask) if c is not None))

    @property
    def emits(self) -> tuple[Contract, ...]:
        """The events that it publishes."""
        return (self.undone,) if self.undone is not None else ()

    @property
    def digest(self) -> str:
        """The definition's digest: it changes if an instance in flight would be decided otherwise; times may change freely, and
        so may the versions of its messages: the facts of older ones are upcast (`sagas/older_facts.py`)."""
        return hashlib.sha256(self.describe().encode()).hexdigest()[:16]

    def describe(self) -> str:
        """The saga as text, a line a step."""
        lines = [f"{self.name} version {self.version} starts with {self.start.identity}"]
        for spec in self.steps:
            undo = f", undo {spec.undo.identity}" if spec.undo else ""
            lines.append(f"  {spec.kind} {spec.name}: {spec.command.identity}{undo}, on timeout {spec.on_timeout}")
            if spec.beside:
                lines.append(f"    beside {spec.beside}")
            if spec.each is not None:  # its bound is not part of a state
                lines.append(f"    for each of {spec.each.source}.{spec.each.wire}")
            if spec.timers:  # their order is part of a state, their times are not
                lines.append(f"    timers {', '.join(timer.command.identity for timer in spec.timers)}")
        lines += [f"  {listener.describe()}" for listener in self.listeners]
        if self.answers is not None:
            return "\n".join([*lines, *self.answers.describe()])
        return "\n".join([*lines, f"  undone: {self.undone.identity if self.undone else 'never'}"])

    def key_of(self, start: Any) -> str:
        """The id of the instance for the message that starts it."""
        key = self.start.key_of(start)
        assert key is not None
        return key

    def scaled(self, factor: float) -> SagaDefinition:
        """The same saga with all its times multiplied."""
        steps = tuple(
            replace(
                spec,
                timeout_s=spec.timeout_s * factor,
                child_s=spec.child_s * factor,
                timers=tuple(replace(timer, after_s=timer.after_s * factor) for timer in spec.timers),
            )
            for spec in self.steps
        )
        return replace(self, steps=steps, deadline_s=self.deadline_s * factor)
