"""Describing: the services, messages and sagas of an app as they are declared; no database is needed."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

from partita.catalog.catalog import Absent
from partita.catalog.contract import Contract, contract_of
from partita.errors import NotFound
from partita.observability.declarations import Declarations, sagas_of
from partita.sagas.definition import SagaDefinition
from partita.sagas.lost_delays import lost_delays
from partita.schemas.fields.field import latest_revision


@dataclass(frozen=True, slots=True)
class ServiceLine:
    """A service in the list of all services, with the numbers of messages that it owns and handles."""

    name: str
    team: str
    namespace: str
    messages: int
    handles: int
    sagas: int


@dataclass(frozen=True, slots=True)
class AppDescription:
    """The services of an app, the names of its sagas, and the services that it needs and does not have."""

    services: tuple[ServiceLine, ...]
    sagas: tuple[str, ...]
    absent: tuple[Absent, ...]


@dataclass(frozen=True, slots=True)
class Named:
    """A message by the name of its class, its name on the wire, and its type: the name with namespace and version."""

    message: str
    wire_name: str
    type: str

    @classmethod
    def of(cls, contract: Contract) -> Named:
        """The names of a contract."""
        return cls(contract.name, contract.wire_name, contract.full_name)


@dataclass(frozen=True, slots=True)
class Owned:
    """A message that a service owns, by the name of its class and its name on the wire."""

    message: str
    wire_name: str
    kind: str
    topic: str
    key: str


@dataclass(frozen=True, slots=True)
class Handled:
    """A message that a handler of a service takes, by the name of its class and its name on the wire, and the events that the
    handler publishes."""

    message: str
    wire_name: str
    handler: str
    dedupe_by: str
    concurrency: int
    emits: tuple[Named, ...]


@dataclass(frozen=True, slots=True)
class SagaLine:
    """A saga of a service: the message that starts it, and the events that it publishes."""

    name: str
    starts_with: Named
    emits: tuple[Named, ...]


@dataclass(frozen=True, slots=True)
class ServiceDescription:
    """A service with its messages, its handlers, its sagas and the topics it reads."""

    name: str
    team: str
    order: str
    reads: tuple[str, ...]
    owns: tuple[Owned, ...]
    handles: tuple[Handled, ...]
    sagas: tuple[SagaLine, ...]


FORMATS = {"avro": "avro", "json-schema": "json", "protobuf": "protobuf"}
"""The schema languages by the names that people use, and those that `codec=` has."""
FORMAT_OF = {language: name for name, language in FORMATS.items()}


@dataclass(frozen=True, slots=True)
class SchemaLine:
    """A message in the list of schemas: its language as `--format` names it, and the newest version of its schema."""

    message: str
    type: str
    kind: str
    owner: str
    format: str
    version: int


def schema_lines(app: Declarations) -> tuple[SchemaLine, ...]:
    """The messages of an app by their types on the wire."""
    return tuple(
        SchemaLine(
            contract.name,
            contract.full_name,
            contract.kind,
            contract.service.name,
            FORMAT_OF[contract.shape.language],
            latest_revision(contract.shape.struct),
        )
        for _, contract in sorted(app.catalog.contracts.items())
        if contract.kind != "fault"
    )


@dataclass(frozen=True, slots=True)
class TimerDescription:
    """A timer of a step: the command that it sends when the step has waited that long."""

    after_s: float
    command: str


@dataclass(frozen=True, slots=True)
class HeardDescription:
    """An event that a saga hears while it runs: it cancels the saga, or a hook decides."""

    event: str
    cancels: bool


@dataclass(frozen=True, slots=True)
class StepDescription:
    """A step of a saga. `note` says why no delayed retry can save it; empty = one can."""

    name: str
    kind: str
    command: str
    reply: str
    refusals: tuple[str, ...]
    undo: str | None
    ask: str | None
    timeout_s: float
    on_timeout: str
    note: str
    timers: tuple[TimerDescription, ...]
    beside: str
    each: str  # the list for each item of which it is sent
    at_most: int
    child: str  # the saga that carries its command out


@dataclass(frozen=True, slots=True)
class SagaDescription:
    """A saga, by the types of its messages on the wire."""

    name: str
    version: int
    service: str
    deadline_s: float
    starts_with: str
    undone: str | None
    steps: tuple[StepDescription, ...]
    hears: tuple[HeardDescription, ...]


def describe_app(app: Declarations) -> AppDescription:
    """All services in one list."""
    lines = []
    for service in app.services:
        declared = service.declared
        handled = sum(len(binding.contracts) for binding in declared.bindings)
        messages = sum(contract.upcaster is None for contract in service.contracts.values())
        lines.append(ServiceLine(service.name, service.team, service.namespace, messages, handled, len(declared.sagas)))
    return AppDescription(tuple(lines), tuple(definition.name for definition in sagas_of(app)), app.catalog.absent())


def describe_service(app: Declarations, name: str) -> ServiceDescription:
    """One service.

    Raises:
        NotFound: there is none of that name; the hint lists the existing names.
    """
    service = next((s for s in app.services if s.name == name), None)
    if service is None:
        raise NotFound(
            f"There is no service {name!r}.", hint=f"The services are: {', '.join(s.name for s in app.services)}."
        )
    return ServiceDescription(
        service.name,
        service.team,
        service.order,
        tuple(app.catalog.topics_of(service)),
        tuple(
            Owned(c.name, c.wire_name, c.kind, c.topic, c.key_field or "")
            for c in service.contracts.values()
            if c.upcaster is None
        ),
        tuple(
            Handled(c.name, c.wire_name, b.name, b.dedupe_by or "", b.concurrency, tuple(map(Named.of, b.emits)))
            for b in service.declared.bindings
            for c in b.contracts
        ),
        tuple(SagaLine(d.name, Named.of(d.start), tuple(map(Named.of, d.emits))) for d in service.declared.sagas),
    )


def describe_saga(app: Declarations, name: str) -> SagaDescription:
    """The newest declared version of a saga.

    Raises:
        NotFound: there is none of that name; the hint has those there are.
    """
    saga = saga_named(app, name)
    lost = {each.step.name: each.why for each in lost_delays(saga)}
    steps = tuple(
        StepDescription(
            spec.name,
            spec.kind,
            spec.command.full_name,
            "" if spec.command.reply is None else contract_of(spec.command.reply).full_name,
            tuple(contract_of(refusal).full_name for refusal in spec.command.refusals),
            spec.undo.full_name if spec.undo else None,
            spec.ask.full_name if spec.ask else None,
            spec.timeout_s,
            spec.on_timeout,
            lost.get(spec.name, ""),
            tuple(TimerDescription(timer.after_s, timer.command.full_name) for timer in spec.timers),
            spec.beside,
            spec.each.label if spec.each is not None else "",
            spec.each.at_most if spec.each is not None else 1,
            spec.child,
        )
        for spec in saga.steps
    )
    end = saga.undone if saga.answers is None else saga.answers.refusal
    undone = end.full_name if end is not None else None
    hears = tuple(HeardDescription(each.event.full_name, each.cancels) for each in saga.listeners)
    return SagaDescription(
        saga.name, saga.version, saga.service.name, saga.deadline_s, saga.start.full_name, undone, steps, hears
    )


def contract_named(app: Declarations, name: str) -> Contract:
    """The contract of a message by its type, its name on the wire or the name of its class; where no
    message is written so, in any case. Of several versions of one message it is the newest.

    Raises:
        NotFound: there is none of that name, or several services have one.
    """
    contracts = tuple(app.catalog.contracts.values())
    for same in (str, str.casefold):
        found = [c for c in contracts if same(name) == same(c.full_name)]
        found = found or [c for c in contracts if same(name) == same(c.wire_name)]
        found = found or [c for c in contracts if same(name) == same(c.name)]
        if len({(c.service.name, c.wire_name) for c in found}) > 1:
            types = ", ".join(c.full_name for c in found)
            raise NotFound(f"There are {len(found)} messages {name!r}.", hint=f"Name one by its type: {types}.")
        if found:
            return max(found, key=lambda contract: contract.version)
    names = sorted({called for c in contracts for called in (c.name, c.wire_name)})
    near = get_close_matches(name, names, 1) or get_close_matches(name.casefold(), map(str.casefold, names), 1)
    near = [each for each in names if each.casefold() in (near[0], near[0].casefold())] if near else []
    raise NotFound(
        f"There is no message {name!r}.",
        hint=f"Did you mean {near[0]}?" if near else f"The messages are: {', '.join(names) or 'none'}.",
    )


def saga_named(app: Declarations, name: str) -> SagaDefinition:
    """The newest declared version of a saga.

    Raises:
        NotFound: there is none of that name.
    """
    found = [definition for definition in sagas_of(app) if definition.name == name]
    if not found:
        names = ", ".join(dict.fromkeys(definition.name for definition in sagas_of(app))) or "none"
        raise NotFound(f"There is no saga {name!r}.", hint=f"The sagas are: {names}.")
    return max(found, key=lambda definition: definition.version)
