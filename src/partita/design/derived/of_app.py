"""The design of an app, from its declarations alone: nothing runs, and no database is opened."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from partita.catalog.client import is_client
from partita.catalog.contract import Contract, contract_of
from partita.catalog.place import Place
from partita.catalog.service import Service
from partita.design.derived.beside import Beside
from partita.design.derived.fields import fields_in
from partita.design.model.choreography import Choreography, Reaction
from partita.design.model.delivery import BusDesign, FailurePolicy
from partita.design.model.design import Design
from partita.design.model.message import CommandDesign, EventDesign
from partita.design.model.origin import Fact, Origin
from partita.design.model.saga import SagaDesign, StepDesign
from partita.design.model.service import ServiceDesign, ServiceKind
from partita.flow.flow_map import FlowMap, flow_map
from partita.observability.catalog.meaning import meaning_of
from partita.observability.declarations import Declarations, sagas_of
from partita.sagas.definition import SagaDefinition, StepSpec
from partita.topics.declared import DeclaredTopic, declared_topics


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
        self._beside = beside
        self._map: FlowMap = flow_map(app.catalog)
        self._topics = {topic.name: topic for topic in declared_topics(app.catalog, app.topics)}
        self._newest = {d.name: d for d in sorted(sagas_of(app), key=lambda each: each.version)}
        self._services = [service for service in app.services if not is_client(service)]

    def design(self) -> Design:
        events = [contract for contract in self._contracts() if contract.kind != "command"]
        replies = {each.reply for each in self._contracts() if each.reply is not None}
        return Design(
            source=self._source,
            domain=self._beside.domain or self._source.partition(":")[0],
            purpose=self._beside.purpose,
            namespace=self._services[0].namespace.partition(".")[0] if self._services else "",
            load=self._beside.load,
            services=tuple(self._service(service) for service in self._services),
            events=tuple(self._event(each, is_reply=each.cls in replies) for each in events),
            commands=tuple(self._command(each) for each in self._contracts() if each.kind == "command"),
            sagas=tuple(_saga(definition) for definition in self._newest.values()),
            choreographies=tuple(self._choreographies()),
            aggregates=self._beside.aggregates,
            read_models=self._beside.read_models,
            rules=self._beside.rules,
            failure=self._failure(),
            compatibility=self._compatibility(),
            bus=self._bus(),
            questions=self._beside.questions(),
        )

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
            owns=tuple(each.name for each in self._beside.aggregates if each.service == service.name),
            doc="",
            origin=_declared(service.place),
        )

    def _event(self, contract: Contract, *, is_reply: bool) -> EventDesign:
        origin = _declared(contract.place)
        topic = self._topics.get(contract.topic)
        return EventDesign(
            name=contract.name,
            by=contract.service.name,
            key=contract.key_field or "",
            fields=fields_in(contract.shape, contract.key_field, origin),
            meaning=Fact(meaning_of(contract), origin),
            kind="refusal" if contract.kind == "refusal" else "reply" if is_reply else "event",
            rate=Fact(0.0, Origin("assumed", why="no load is declared")),
            bytes=Fact(0, Origin("assumed", why="no message was measured")),
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
        levels = sorted({str(contract.compatibility) for contract in self._contracts()})
        return Fact(", ".join(levels), Origin("declared", self._source))

    def _bus(self) -> BusDesign:
        url = self._app.settings.bus
        kind = "kafka" if url.startswith("kafka") else "database"
        cluster = self._app.topics.cluster
        events = [topic for topic in self._topics.values() if topic.kind == "events"]
        return BusDesign(
            use=Fact("kafka" if kind == "kafka" else "database", Origin("declared", "PARTITA_BUS")),
            partitions=Fact(max((topic.partitions for topic in events), default=1), _why(events)),
            replication=Fact(
                1 if cluster is None else cluster.replication,
                Origin("assumed", why="no cluster is declared")
                if cluster is None
                else Origin("declared", self._source),
            ),
        )


def _declared(place: Place) -> Origin:
    """The origin of a declaration: its folder and file, without the line, so that a moved line is no change, and without
    the folders above, which are those of one machine."""
    return Origin("declared", "/".join(PurePath(place.file).parts[-2:]))


def _why(events: list[DeclaredTopic]) -> Origin:
    return Origin("derived", why=max(events, key=lambda topic: topic.partitions).why) if events else Origin("derived")


def _saga(definition: SagaDefinition) -> SagaDesign:
    origin = _declared(definition.place)
    return SagaDesign(
        name=definition.name,
        at=definition.service.name,
        start=definition.start.name,
        key=definition.start.key_field or "",
        deadline=Fact(definition.deadline_s, origin),
        failed=definition.undone.name if definition.undone is not None else "",
        why=Fact(definition.why, origin),
        steps=tuple(_step(spec) for spec in definition.steps),
        origin=origin,
    )


def _step(spec: StepSpec) -> StepDesign:
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
    )
