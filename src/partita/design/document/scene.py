"""Pictures of a design that are no flow map: boxes with lines between them, for the same layout and the same drawing."""

from __future__ import annotations

from partita.design.document.quantity import span
from partita.design.document.topic import TopicDesign, topics_of
from partita.design.model.design import Design
from partita.design.model.saga import SagaDesign, StepDesign
from partita.flow.flow_map import Kind, Style
from partita.flow.layered import Box
from partita.flow.picture import HEIGHTS, NAME_SIZE, PAD, SMALL_SIZE, Card, Line, Picture
from partita.flow.text_width import shortened, text_width

SUB_WIDTH_MAX = 260.0
TOPICS_MAX = 6


def context(design: Design, *, is_small: bool = False) -> Picture:
    """The services of a domain, and the lines along which their messages go: a thick one where a saga directs. A small one has
    the names alone."""
    lines: dict[tuple[str, str], Style] = {}
    for saga, step in design.steps:
        if step.at != saga.at:
            lines[saga.at, step.at] = "orchestration"
    for event in design.events:
        for consumer in design.consumers(event.name):
            if consumer != event.by and event.kind != "refusal" and (consumer, event.by) not in lines:
                lines.setdefault((event.by, consumer), "choreography")
    cards = []
    for service in design.services:
        kinds = {"service": "", "projection": "read models", "human": "people decide", "external": "another company"}
        about = [", ".join(service.owns), f"team {service.team}", kinds[service.kind]]
        cards.append(_card(service.name, "service", "" if is_small else " · ".join(part for part in about if part)))
    said = f"The services of {design.domain}: {', '.join(service.name for service in design.services)}."
    return _picture(cards, [Line(origin, to, style) for (origin, to), style in lines.items()], said)


def states(saga: SagaDesign) -> Picture:
    """The states of a saga: a step until its answer, an undo until its acknowledgement, and the ends."""
    cards = [_card(saga.start, "event", "")]
    lines = []
    for number, step in enumerate(saga.steps, 1):
        cards.append(
            _card(step.name, "saga", f"{number}. {step.do}{step.times}, {_kind(step)}, {span(step.timeout.value)}")
        )
    done = f"completed: {saga.steps[-1].ok}"
    cards.append(_card(done, "event", ""))
    before = [saga.start]
    for names in [*([step.name for step in group] for group in saga.groups()), [done]]:
        lines += [Line(first, then, "orchestration") for first in before for then in names]
        before = names
    failed = f"undone: {saga.failed}" if saga.failed else ""
    if failed:
        cards.append(_card(failed, "event", ""))
    undoable: list[str] = []
    for position, step in enumerate(saga.steps):
        if position > saga.pivot:
            break
        back = f"undo {undoable[-1]}" if undoable else failed
        if back and (step.fail or step.kind == "pivot"):
            lines.append(Line(step.name, back, "choreography"))
        if step.undo:
            own = f"undo {step.name}"
            cards.append(_card(own, "service", f"{step.undo} until {step.undone or 'it is acknowledged'}"))
            lines.append(Line(step.name, own, "choreography"))
            lines.append(Line(own, back, "choreography"))
            undoable.append(step.name)
    lines = [line for line in dict.fromkeys(lines) if line.to and line.origin != line.to]
    said = f"The saga {saga.name}: {', then '.join(step.do for step in saga.steps)}; then {saga.steps[-1].ok}."
    return _picture(cards, lines, said)


def topology(design: Design) -> Picture:
    """The bus between its writers and its groups: a topic is a pill, a service a box. Of many topics those of commands are left
    out: the map of section 3 has the same lines."""
    cards: dict[str, Card] = {}
    lines: dict[Line, None] = {}
    every = topics_of(design)
    drawn = [topic for topic in every if topic.kind != "commands" or len(every) <= TOPICS_MAX]
    for topic in drawn:
        for producer in topic.producers:
            cards.setdefault(f"{producer} writes", _card(f"{producer} writes", "service", "", shown=producer))
            lines[Line(f"{producer} writes", topic.name, "choreography")] = None
        cards[topic.name] = _card(topic.name, "command" if topic.kind == "commands" else "event", "")
        for group in topic.groups:
            cards.setdefault(f"{group} reads", _card(f"{group} reads", "service", "", shown=group))
            lines[Line(topic.name, f"{group} reads", "choreography")] = None
    return _picture(list(cards.values()), list(lines), "; ".join(_read(topic) for topic in drawn))


def crash_points(service: str, event: str, consumer: str) -> Picture:
    """The way of an event from its transaction to its consumer, with the six places of a crash between."""
    stations = (
        ("handler", "service", f"1 {service}: handler runs", "before anything is written"),
        ("rows", "service", "2 rows are written", f"the state and {event}, one transaction"),
        ("commit", "saga", "3 commit", "from here on it is promised"),
        ("relay", "service", "4 relay appends", "to the bus, by key"),
        ("mark", "service", "5 relay marks", "the row leaves the queue"),
        ("consumer", "service", f"6 {consumer} handles", "effect and mark, one transaction"),
    )
    cards = [_card(name, kind, sub, shown=shown) for name, kind, shown, sub in stations]  # type: ignore[arg-type]  # kinds
    names = [name for name, *_ in stations]
    lines = [Line(a, b, "choreography") for a, b in zip(names, names[1:], strict=False)]
    return _picture(cards, lines, f"{event} of {service} on its way to {consumer}.")


def _read(topic: TopicDesign) -> str:
    return f"{', '.join(topic.producers)} to {topic.name} to {', '.join(topic.groups) or 'no group'}"


def _kind(step: StepDesign) -> str:
    if step.kind == "pivot":
        return "pivot"
    return "retriable" if step.kind == "retriable" else "compensatable"


def _card(name: str, kind: Kind, sub: str, *, shown: str = "") -> Card:
    short = shortened(shown or name, NAME_SIZE, SUB_WIDTH_MAX)
    under = shortened(sub, SMALL_SIZE, SUB_WIDTH_MAX) if sub else ""
    width = max(text_width(short, NAME_SIZE), text_width(under, SMALL_SIZE)) + 2 * PAD + 10
    height = 40.0 if sub else HEIGHTS.get(kind, 28.0)
    return Card(
        Box(name, round(width, 1), height), kind, short, under, (shown or name) if short != (shown or name) else ""
    )


def _picture(cards: list[Card], lines: list[Line], said: str) -> Picture:
    return Picture(tuple(cards), tuple(lines), said)
