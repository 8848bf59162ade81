"""The traffic of a design: each message's rate at steady load and at the peak, and its bytes on the wire."""

from __future__ import annotations

from dataclasses import dataclass, replace

from partita.design.document.assumed import COMMAND_BYTES
from partita.design.document.block import Mark, R, weakest
from partita.design.model.design import Design
from partita.design.model.message import CommandDesign, EventDesign


@dataclass(frozen=True, slots=True)
class Traffic:
    """Messages per second, steady and at the peak, and the mean bytes of one with its envelope. `mark` is that of the rates."""

    steady: float
    peak: float
    bytes_each: float
    mark: Mark


def of_event(design: Design, event: EventDesign) -> Traffic:
    """The traffic of an event."""
    factor, mark = _factor(design, event.name)
    return Traffic(event.rate.value, event.rate.value * factor, float(event.bytes.value), weakest(event.rate, mark))


def of_command(design: Design, command: CommandDesign) -> Traffic:
    """The traffic of a command: as often as its saga begins; an undo as often as its reply, a question as its refusal."""
    origin = command.refusals[0] if command.asks and command.refusals else command.reply
    for saga, step in design.steps:
        if step.do == command.name:
            origin = saga.start
        elif step.undo == command.name:
            origin = step.undone or command.reply
    event = next((each for each in design.events if each.name == origin), None)
    if event is None:
        return Traffic(0.0, 0.0, float(COMMAND_BYTES), R)
    found = of_event(design, event)
    return replace(found, bytes_each=float(COMMAND_BYTES))


def together(parts: list[Traffic]) -> Traffic:
    """The traffic of several messages in one topic."""
    steady, peak = sum(part.steady for part in parts), sum(part.peak for part in parts)
    weight = steady or float(len(parts) or 1)
    bytes_each = sum(part.bytes_each * (part.steady if steady else 1.0) for part in parts) / weight
    return Traffic(steady, peak, bytes_each, weakest(*(part.mark for part in parts)))


def on_topics(design: Design) -> tuple[EventDesign, ...]:
    """The events on topics. A refusal is one too: it leaves by the topic of its service, as the answer to a command."""
    return design.events


def parts_of_all(design: Design) -> list[Traffic]:
    """The traffic of each event and each command."""
    events = [of_event(design, event) for event in on_topics(design)]
    return events + [of_command(design, command) for command in design.commands]


def parts_of_consumer(design: Design, service: str) -> list[Traffic]:
    """The traffic of each message that a service handles."""
    events = [of_event(design, event) for event in on_topics(design) if service in design.consumers(event.name)]
    return events + [of_command(design, each) for each in design.commands if each.to == service]


def parts_of_producer(design: Design, service: str) -> list[Traffic]:
    """The traffic of each message that a service commits to its outbox; a lossy event goes past it."""
    events = [of_event(design, each) for each in on_topics(design) if each.by == service and not each.lossy]
    sent = {name for saga, step in design.steps if saga.at == service for name in step.sends}
    return events + [of_command(design, each) for each in design.commands if each.name in sent]


def total(design: Design) -> Traffic:
    """All messages of a design: its events and its commands."""
    return together(parts_of_all(design))


def of_consumer(design: Design, service: str) -> Traffic:
    """The messages that a service handles, together."""
    return together(parts_of_consumer(design, service))


def of_producer(design: Design, service: str) -> Traffic:
    """The messages that a service commits to its outbox, together."""
    return together(parts_of_producer(design, service))


def _factor(design: Design, event: str) -> tuple[float, Mark]:
    """Peak by steady load of the stream that leads to an event, and its mark: directly, or by sagas; else of the first stream."""
    loads = [stream for stream in design.load.streams if stream.steady.value > 0]
    leads = (stream for stream in loads if event in _led_to(design, stream.begins))
    found = next(leads, None) or next(iter(loads), None)
    if found is None:
        return 1.0, R
    return found.peak.value / found.steady.value, weakest(found.peak, found.steady, found.origin)


def _led_to(design: Design, begins: str) -> dict[str, None]:
    """The events that follow from one by sagas and reactions, itself included."""
    found = {begins: None}
    waiting = [begins]
    while waiting:
        for name in design.followers.get(waiting.pop(), ()):
            if name not in found:
                found[name] = None
                waiting.append(name)
    return found
