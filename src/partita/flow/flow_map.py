"""The flow map: the services, messages and sagas of an app, and each hop of a message between them.

It is derived from declarations alone: nothing runs, no database is opened, and the same declarations give the same map in every
process.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from partita.catalog.catalog import Catalog
from partita.catalog.client import is_client
from partita.catalog.contract import Contract, contract_of
from partita.flow.message import Message, Names, message_of
from partita.flow.reaction import Directed, Reaction, Step
from partita.sagas.definition import SagaDefinition, StepSpec

Kind = Literal["service", "event", "command", "saga"]
Style = Literal["choreography", "orchestration"]


@dataclass(frozen=True, slots=True)
class Node:
    """A service, a message or a saga, under an id that is unique in the map."""

    id: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Hop:
    """The way of a message from one node to the next. It is orchestration where a saga sends or receives, and where a service
    handles the command of a saga or answers it; every other hop is choreography."""

    origin: str
    to: str
    message: str
    style: Style


@dataclass(slots=True)
class FlowMap:
    """The nodes and hops, sorted, and the declarations behind them by id."""

    nodes: tuple[Node, ...] = ()
    hops: tuple[Hop, ...] = ()
    messages: dict[str, Message] = field(default_factory=dict)
    reactions: tuple[Reaction, ...] = ()
    sagas: dict[str, Directed] = field(default_factory=dict)

    def hearers(self, event: str) -> list[Reaction]:
        """The handlers of an event, by service."""
        return [each for each in self.reactions if each.takes == event and each.kind == "on"]

    def handler(self, command: str) -> Reaction | None:
        """The handler of a command."""
        return next((each for each in self.reactions if each.takes == command and each.kind == "handles"), None)

    def started(self, event: str) -> list[Directed]:
        """The sagas that an event starts."""
        return [saga for saga in self.sagas.values() if saga.start == event]

    def publishers(self, event: str) -> list[str]:
        """The services and sagas that publish an event, as they declare it."""
        by_hand = [each.service for each in self.reactions if event in each.gives]
        return sorted({*by_hand, *(saga.id for saga in self.sagas.values() if saga.undone == event)})

    def directing(self, command: str) -> list[Directed]:
        """The sagas that send a command."""
        return [saga for saga in self.sagas.values() if command in saga.sends]

    @property
    def answers(self) -> frozenset[str]:
        """The events by which commands are answered: each has a hearer, the sender of its command."""
        return frozenset(message.reply for message in self.messages.values() if message.reply)


def flow_map(catalog: Catalog) -> FlowMap:
    """The map of all that the services of a catalog declare. Of a saga in several versions it shows the newest one's steps, and
    each message that any of them sends."""
    names = Names(catalog, _contracts(catalog))
    found = FlowMap()
    found.messages = {names.of(each): message_of(each, names) for each in names.contracts}
    found.messages = dict(sorted(found.messages.items()))
    found.reactions = tuple(sorted(_reactions(catalog, names), key=lambda each: (each.takes, each.service, each.name)))
    found.sagas = {saga.id: saga for saga in sorted(_sagas(catalog, names), key=lambda saga: saga.id)}
    found.hops = tuple(
        sorted(dict.fromkeys(_hops(found)), key=lambda hop: (hop.message, hop.origin, hop.to, hop.style))
    )
    found.nodes = tuple(
        sorted(dict.fromkeys(_nodes(catalog, found, names)), key=lambda node: (ORDER[node.kind], node.id))
    )
    return found


ORDER: dict[Kind, int] = {"service": 0, "saga": 1, "command": 2, "event": 3}


def _contracts(catalog: Catalog) -> Iterator[Contract]:
    """Every event and command that is declared, handled, published or sent here, also those of another app's service. All
    versions of a message are one, its newest."""
    for contract in catalog.contracts.values():
        if contract.kind in ("event", "command") and contract.upcaster is None:
            yield from _with_reply(contract)
    for service in catalog.services:
        for binding in service.declared.bindings:
            for contract in (*binding.contracts, *binding.emits, *(binding.sends or ())):
                yield from _with_reply(contract)
        for definition in service.declared.sagas:
            for contract in (definition.start, *definition.sends):
                yield from _with_reply(contract)


def _with_reply(contract: Contract) -> Iterator[Contract]:
    yield contract
    if contract.reply is not None:
        yield contract_of(contract.reply)


def _reactions(catalog: Catalog, names: Names) -> Iterator[Reaction]:
    for service in catalog.services:
        for binding in service.declared.bindings:
            for contract in binding.contracts:
                yield Reaction(
                    service=names.service(service.name),
                    name=binding.name,
                    kind=binding.kind,
                    takes=names.of(contract),
                    gives=tuple(names.of(each) for each in (*binding.emits, *(binding.sends or ()))),
                    optional=frozenset(names.of(each) for each in binding.optional),
                    calls_out=binding.concurrency > 1,
                    why=binding.why,
                    place=binding.place,
                )


def _sagas(catalog: Catalog, names: Names) -> Iterator[Directed]:
    for service in catalog.services:
        newest: dict[str, SagaDefinition] = {}
        sends: dict[str, dict[str, None]] = {}
        for definition in sorted(service.declared.sagas, key=lambda each: (each.name, each.version)):
            newest[definition.name] = definition
            commands = (command for spec in definition.steps for command in spec.sends)
            sends.setdefault(definition.name, {}).update(dict.fromkeys(map(names.of, commands)))
        for name, definition in newest.items():
            yield Directed(
                id=names.saga(service.name, name),
                service=names.service(service.name),
                start=names.of(definition.start),
                steps=tuple(_step(each, names) for each in definition.steps),
                sends=tuple(sends[name]),
                hears=tuple(names.of(listener.event) for listener in definition.listeners),
                undone=names.of(definition.undone) if definition.undone is not None else "",
                deadline_s=definition.deadline_s,
                why=definition.why,
                place=definition.place,
            )


def _step(spec: StepSpec, names: Names) -> Step:
    return Step(
        name=spec.name,
        kind=spec.kind,
        command=names.of(spec.command),
        service=names.service(spec.command.service.name),
        undo=names.of(spec.undo) if spec.undo is not None else "",
        ask=names.of(spec.ask) if spec.ask is not None else "",
        timeout_s=spec.timeout_s,
        each=spec.each.label if spec.each is not None else "",
    )


def _hops(found: FlowMap) -> Iterator[Hop]:
    directed = {command for saga in found.sagas.values() for command in saga.sends}
    for each in found.reactions:
        taken = found.messages[each.takes]
        style: Style = "orchestration" if each.takes in directed else "choreography"
        yield Hop(each.takes, each.service, each.takes, style)
        for name in each.gives:
            answers = style == "orchestration" and name == taken.reply
            yield Hop(each.service, name, name, "orchestration" if answers else "choreography")
            given = found.messages[name]
            if given.kind == "command" and given.is_foreign:
                yield Hop(name, given.owner, name, "choreography")
        if taken.fault_of:
            for service in _takers(found, taken.fault_of):
                yield Hop(service, each.takes, each.takes, "choreography")
    for saga in found.sagas.values():
        yield Hop(saga.start, saga.id, saga.start, "orchestration")
        for event in saga.hears:
            yield Hop(event, saga.id, event, "orchestration")
        if saga.undone:
            yield Hop(saga.id, saga.undone, saga.undone, "orchestration")
        if reply := found.messages[saga.start].reply:  # a command starts it
            yield Hop(saga.id, reply, reply, "orchestration")
        for command in saga.sends:
            message = found.messages[command]
            yield Hop(saga.id, command, command, "orchestration")
            yield Hop(command, message.owner, command, "orchestration")
            yield Hop(message.owner, message.reply, message.reply, "orchestration")
            yield Hop(message.reply, saga.id, message.reply, "orchestration")
            for refusal in message.refusals:
                yield Hop(message.owner, saga.id, refusal, "orchestration")
    for event, message in found.messages.items():
        heard = found.hearers(event) or found.started(event)
        if message.kind == "event" and message.is_foreign and heard:
            yield Hop(message.owner, event, event, "choreography")


def _takers(found: FlowMap, message: str) -> Iterable[str]:
    handlers = [each.service for each in found.reactions if each.takes == message]
    sagas = [s.service for s in found.sagas.values() if message == s.start or message in s.replies(found.messages)]
    return sorted({*handlers, *sagas})


def _nodes(catalog: Catalog, found: FlowMap, names: Names) -> Iterator[Node]:
    for service in catalog.services:
        if not is_client(service):  # the commands that it posts are sent from outside
            yield Node(names.service(service.name), "service")
    yield from (Node(saga, "saga") for saga in found.sagas)
    for name, message in found.messages.items():
        yield Node(name, message.kind)
        if message.is_foreign:
            yield Node(message.owner, "service")
