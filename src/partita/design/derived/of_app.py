"""The design of an app, from its declarations alone: nothing runs, and no database is opened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import PurePath
from typing import cast

from partita.catalog.client import is_client
from partita.catalog.contract import Contract, contract_of
from partita.catalog.place import Place
from partita.catalog.service import Service
from partita.design.brief.deriving.fields import ENVELOPE_BYTES, bytes_of
from partita.design.brief.deriving.ledger import Ledger
from partita.design.brief.deriving.load import load_of, rates_of
from partita.design.brief.deriving.questions import ask_all
from partita.design.brief.deriving.services import ARCHITECT
from partita.design.brief.deriving.storage import accepted_of, aggregates_of, rules_of
from partita.design.brief.part import Part, Value
from partita.design.derived.beside import Beside
from partita.design.derived.fields import fields_in
from partita.design.model.choreography import Choreography, Reaction
from partita.design.model.delivery import BusDesign, BusKind, FailurePolicy
from partita.design.model.design import Design
from partita.design.model.message import CommandDesign, EventDesign
from partita.design.model.origin import Fact, Origin
from partita.design.model.rule import Rule
from partita.design.model.saga import SagaDesign, StepDesign, TimerDesign
from partita.design.model.service import ServiceDesign, ServiceKind
from partita.design.model.storage import ReadModelDesign
from partita.flow.flow_map import FlowMap, flow_map
from partita.observability.catalog.meaning import meaning_of
from partita.observability.declarations import Declarations, sagas_of
from partita.sagas.definition import SagaDefinition, StepSpec
from partita.topics.declared import declared_topics


def design_of(app: Declarations, source: str, beside: Beside) -> Design:
    """The design of an app.

    Args:
        app: its declarations.
        source: its name for people, as "shop.app:app".
        beside: the facts that its code cannot know.
    """
    return _Derivation(app, source, beside).design()


class _Derivation:
    """One derivation: the declarations under the names of the flow map, which are unique."""

    def __init__(self, app: Declarations, source: str, beside: Beside) -> None:
        self._app = app
        self._source = source
        self._said = beside.part
        self._ledger = Ledger(beside.source or source)
        self._map: FlowMap = flow_map(app.catalog)
        self._topics = {topic.name: topic for topic in declared_topics(app.catalog, app.topics)}
        self._newest = {d.name: d for d in sorted(sagas_of(app), key=lambda each: each.version)}
        self._services = [service for service in app.services if not is_client(service)]

    def design(self) -> Design:
        ledger, said = self._ledger, self._said
        sagas = tuple(_saga(definition) for definition in self._newest.values())
        choreographies = tuple(self._choreographies())
        with_events = self._with_events(said)
        load = load_of(with_events, sagas, ledger)
        services = tuple(self._service(service) for service in self._services)
        rates = rates_of(with_events, load, sagas, choreographies, ledger, services)
        replies = {each.reply for each in self._contracts() if each.reply is not None}
        events = tuple(
            self._event(each, rates, is_reply=each.cls in replies)
            for each in self._contracts()
            if each.kind != "command"
        )
        rules = rules_of(said, ledger)
        design = Design(
            source=self._source,
            domain=said.text("domain") or self._source.partition(":")[0].rpartition(".")[0].rpartition(".")[2] or "app",
            purpose=self._purpose(),
            namespace=self._services[0].namespace.partition(".")[0] if self._services else "",
            load=load,
            services=services,
            events=events,
            commands=tuple(self._command(each) for each in self._contracts() if each.kind == "command"),
            sagas=sagas,
            choreographies=choreographies,
            aggregates=aggregates_of(said, services, events, ledger),
            read_models=self._read_models(rules),
            rules=rules,
            failure=self._failure(),
            compatibility=self._compatibility(),
            bus=self._bus(),
            accepted=accepted_of(said, ledger),
        )
        ask_all(design, ledger)
        return replace(design, assumptions=ledger.assumptions(), questions=ledger.questions())

    def _with_events(self, said: Part) -> Part:
        """The facts beside the app, with the events that its code declares: load is said of events."""
        events = {
            each.name: Value(0, Part(0, {"key": Value(0, each.key_field or "")}))
            for each in self._contracts()
            if each.kind == "event"
        }
        return Part(said.line, {**said.entries, "events": Value(0, Part(0, events))})

    def _purpose(self) -> Fact[str]:
        if self._said.has("purpose"):
            return self._ledger.fact(self._said, "purpose", self._said.text("purpose"))
        self._ledger.ask(
            "What is the purpose of the system, in one sentence?",
            ARCHITECT,
            "The first page of the document. Write purpose: beside the app.",
        )
        return Fact("", self._ledger.derived("nothing is declared beside the app"))

    def _read_models(self, rules: tuple[Rule, ...]) -> tuple[ReadModelDesign, ...]:
        found = []
        for name, part in self._said.named("read_models"):
            bound = next((each for each in rules if each.kind == "staleness" and each.read == name), None)
            limit = Fact(bound.max, bound.bound) if bound else Fact(None, self._ledger.derived("no rule bounds it"))
            origin = self._ledger.declared(part.line)
            found.append(ReadModelDesign(name, part.text("of"), part.texts("from"), limit, origin))
        return tuple(found)

    def _contracts(self) -> Iterator[Contract]:
        """Every message that is written today: an old shape is its newest class."""
        for service in self._services:
            yield from (each for each in service.contracts.values() if each.upcaster is None)

    def _service(self, service: Service) -> ServiceDesign:
        kinds = {binding.kind for binding in service.declared.bindings}
        gives = any(binding.emits or binding.sends for binding in service.declared.bindings)
        human = any("human" in c.notes.concerns for c in service.contracts.values() if c.kind == "command")
        kind: ServiceKind = "human" if human else "projection" if kinds == {"on"} and not gives else "service"
        return ServiceDesign(
            name=service.name,
            namespace=service.namespace,
            team=service.team,
            kind=kind,
            database=Fact("own database", Origin("derived", why="each service has one of its own")),
            owns=tuple(name for name, part in self._said.named("storage") if part.text("of") == service.name),
            doc="",
            origin=_declared(service.place),
        )

    def _event(self, contract: Contract, rates: Mapping[str, Fact[float]], *, is_reply: bool) -> EventDesign:
        origin = _declared(contract.place)
        fields = fields_in(contract.shape, contract.key_field, origin)
        size = bytes_of(fields) + ENVELOPE_BYTES
        refused = Fact(0.0, Origin("derived", why="it is an answer, and has no topic of its own"))
        topic = self._topics.get(contract.topic)
        return EventDesign(
            name=contract.name,
            by=contract.service.name,
            key=contract.key_field or "",
            fields=fields,
            meaning=Fact(meaning_of(contract), origin),
            kind="refusal" if contract.kind == "refusal" else "reply" if is_reply else "event",
            rate=rates.get(contract.name, refused),
            bytes=Fact(size, Origin("derived", why=f"the sum of {len(fields)} fields and the envelope")),
            retention=Fact(None if topic is None else topic.retention_s, _declared(contract.place)),
            origin=origin,
            version=contract.version,
        )

    def _command(self, contract: Contract) -> CommandDesign:
        origin = _declared(contract.place)
        undone = next(
            (spec.command.name for d in self._newest.values() for spec in d.steps if spec.undo is contract), ""
        )
        return CommandDesign(
            name=contract.name,
            to=contract.service.name,
            key=contract.key_field or "",
            fields=fields_in(contract.shape, contract.key_field, origin),
            reply=contract_of(contract.reply).name if contract.reply is not None else "",
            refusals=tuple(contract_of(each).name for each in contract.refusals),
            meaning=Fact(meaning_of(contract), origin),
            origin=origin,
            undoes=undone,
        )

    def _choreographies(self) -> Iterator[Choreography]:
        """The reactions to each event, under the event's name."""
        events: dict[str, list[Reaction]] = {}
        reasons: dict[str, list[str]] = {}
        for each in self._map.reactions:
            if each.kind != "on" or self._map.messages[each.takes].fault_of:
                continue
            reaction = Reaction(
                (each.takes,),
                each.service,
                each.name.replace("_", " "),
                _declared(each.place),
                gives=each.gives,
            )
            events.setdefault(each.takes, []).append(reaction)
            reasons.setdefault(each.takes, []).extend([each.why] if each.why else [])
        for event, reactions in events.items():
            origin = reactions[0].origin
            why = "; ".join(dict.fromkeys(reasons[event]))
            yield Choreography(f"After {event}", Fact(why, origin), tuple(reactions), origin)

    def _failure(self) -> FailurePolicy:
        service = self._services[0]
        origin = _declared(service.place)
        return FailurePolicy(
            retry_topics=Fact(tuple(service.retry.delays), origin),
            then=Fact("dead-letter", Origin("derived", why="a message that no retry helps is kept with its cause")),
            alert=Fact("team", Origin("derived", why="each alert names the team of the service")),
            window=Fact(min(each.window_s for each in self._services), origin),
        )

    def _compatibility(self) -> Fact[str]:
        levels = sorted({contract.compatibility.name for contract in self._contracts()})
        return Fact(", ".join(levels), Origin("declared", self._source))

    def _bus(self) -> BusDesign:
        part = self._said.part("bus")
        events = [topic for topic in self._topics.values() if topic.kind == "events"]
        largest = max(events, key=lambda topic: topic.partitions, default=None)
        cluster = self._app.topics.cluster
        copies = Fact(
            1 if cluster is None else cluster.replication, Origin("declared", self._source, "of the topic plan")
        )
        use: Fact[BusKind]
        if part.has("use"):
            use = Fact(cast(BusKind, part.text("use")), self._ledger.declared(part.line_of("use"), part.text("why")))
        else:
            kafka = self._app.settings.bus.startswith("kafka")
            use = Fact("kafka" if kafka else "database", Origin("declared", "PARTITA_BUS"))
        return BusDesign(
            use=use,
            partitions=Fact(
                1 if largest is None else largest.partitions,
                Origin("derived", why="" if largest is None else largest.why),
            ),
            replication=self._ledger.fact(part, "replication", part.whole("replication", 1))
            if part.has("replication")
            else copies,
        )


def _declared(place: Place) -> Origin:
    """The origin of a declaration: its folder and file, without the line, so that a moved line is no change, and without
    the folders above, which are those of one machine."""
    return Origin("declared", "/".join(PurePath(place.file).parts[-2:]))


def _saga(definition: SagaDefinition) -> SagaDesign:
    origin = _declared(definition.place)
    commands = {spec.name: spec.command.name for spec in definition.steps}
    return SagaDesign(
        name=definition.name,
        at=definition.service.name,
        start=definition.start.name,
        key=definition.start.key_field or "",
        deadline=Fact(definition.deadline_s, origin),
        failed=definition.undone.name if definition.undone is not None else "",
        why=Fact(definition.why, origin),
        steps=tuple(_step(spec, commands) for spec in definition.steps),
        origin=origin,
    )


def _step(spec: StepSpec, commands: Mapping[str, str]) -> StepDesign:
    origin = _declared(spec.place)
    command, undo = spec.command, spec.undo
    return StepDesign(
        name=spec.name,
        kind=spec.kind,
        do=command.name,
        at=command.service.name,
        ok=contract_of(command.reply).name if command.reply is not None else "",
        fail=tuple(contract_of(each).name for each in command.refusals),
        undo="" if undo is None else undo.name,
        undone=contract_of(undo.reply).name if undo is not None and undo.reply is not None else "",
        timeout=Fact(spec.timeout_s, origin),
        on_timeout=Fact(spec.on_timeout, origin),
        origin=origin,
        human="human" in command.notes.concerns,
        no_effect=spec.no_effect,
        timers=tuple(TimerDesign(each.after_s, each.command.name, "send") for each in spec.timers),
        beside=commands.get(spec.beside, ""),
        ask="" if spec.ask is None else spec.ask.name,
        each=spec.each.label if spec.each is not None else "",
        unrefusable=not command.refusals,
    )
