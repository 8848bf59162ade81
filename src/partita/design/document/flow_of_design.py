"""The flow map of a design, as `partita flow` has it of an app: the same pictures and decisions come from both."""

from __future__ import annotations

from partita.catalog.flow_notes import NO_NOTES, FlowNotes
from partita.catalog.place import Place
from partita.design.document.message_shape import field_name
from partita.design.document.traffic import on_topics
from partita.design.model.design import Design
from partita.design.model.field import FieldDesign
from partita.design.model.message import CommandDesign, EventDesign
from partita.flow.flow_map import ORDER, FlowMap, Hop, Node
from partita.flow.message import Message
from partita.flow.reaction import Directed, Reaction, Step

_NOWHERE = Place("", 0)


def flow_of(design: Design) -> FlowMap:
    """The flow map of a design."""
    found = FlowMap()
    people = {step.do for _, step in design.steps if step.human}
    messages = [_event(event) for event in on_topics(design)] + [_command(each, people) for each in design.commands]
    found.messages = {each.id: each for each in sorted(messages, key=lambda each: each.id)}
    found.reactions = tuple(
        sorted((*_handlers(design), *_hearers(design)), key=lambda each: (each.takes, each.service, each.name))
    )
    found.sagas = {saga.name: _saga(design, saga.name) for saga in sorted(design.sagas, key=lambda saga: saga.name)}
    nodes = [Node(service.name, "service") for service in design.services]
    nodes += [Node(saga.name, "saga") for saga in design.sagas]
    nodes += [Node(each.id, each.kind) for each in found.messages.values()]
    found.nodes = tuple(sorted(nodes, key=lambda node: (ORDER[node.kind], node.id)))
    found.hops = tuple(dict.fromkeys(_hops(found)))
    return found


def _event(event: EventDesign) -> Message:
    return Message(
        event.name,
        "event",
        event.by,
        "",
        (),
        "",
        False,
        event.meaning.value,
        _money(event.name, event.fields),
        NO_NOTES,
        _NOWHERE,
    )


def _command(command: CommandDesign, people: set[str]) -> Message:
    notes = FlowNotes(("human",)) if command.name in people else NO_NOTES
    return Message(
        command.name,
        "command",
        command.to,
        command.reply,
        command.refusals,
        "",
        False,
        command.meaning.value,
        _money(command.name, command.fields),
        notes,
        _NOWHERE,
    )


def _money(name: str, fields: tuple[FieldDesign, ...]) -> str:
    return next((f"{name}.{field_name(field)}" for field in fields if field.type == "money"), "")


def _handlers(design: Design) -> list[Reaction]:
    known = {event.name for event in on_topics(design)}
    return [
        Reaction(
            service=each.to,
            name=each.name,
            kind="handles",
            takes=each.name,
            gives=(each.reply,) if each.reply in known else (),
            optional=frozenset(),
            calls_out=False,
            why="",
            place=_NOWHERE,
        )
        for each in design.commands
    ]


def _hearers(design: Design) -> list[Reaction]:
    return [
        Reaction(
            service=each.who,
            name=each.does,
            kind="on",
            takes=event,
            gives=each.gives,
            optional=frozenset(),
            calls_out=False,
            why=choreography.why.value,
            place=_NOWHERE,
        )
        for choreography in design.choreographies
        for each in choreography.reactions
        for event in each.when
    ]


def _saga(design: Design, name: str) -> Directed:
    saga = next(each for each in design.sagas if each.name == name)
    steps = tuple(
        Step(
            name=step.name,
            kind=step.kind,
            command=step.do,
            service=step.at,
            undo=step.undo,
            ask="",
            timeout_s=step.timeout.value,
            each=step.each,
        )
        for step in saga.steps
    )
    known = {command.name for command in design.commands}
    sends = tuple(dict.fromkeys(name for step in saga.steps for name in step.sends if name in known))
    return Directed(
        id=saga.name,
        service=saga.at,
        start=saga.start,
        hears=(),
        steps=steps,
        sends=sends,
        undone=saga.failed,
        deadline_s=saga.deadline.value,
        why=saga.why.value,
        place=_NOWHERE,
    )


def _hops(found: FlowMap) -> list[Hop]:
    directed = {command for saga in found.sagas.values() for command in saga.sends}
    hops: list[Hop] = []
    for each in found.reactions:
        style = "orchestration" if each.takes in directed else "choreography"
        hops.append(Hop(each.takes, each.service, each.takes, style))  # type: ignore[arg-type]  # one of both styles
        hops += [Hop(each.service, name, name, style) for name in each.gives]  # type: ignore[arg-type]  # as above
    for saga in found.sagas.values():
        hops.append(Hop(saga.start, saga.id, saga.start, "orchestration"))
        hops += [Hop(saga.id, name, name, "orchestration") for name in saga.sends]
        hops += [Hop(saga.id, saga.undone, saga.undone, "orchestration")] if saga.undone else []
    return hops
