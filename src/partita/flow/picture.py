"""The picture of a flow map before it is drawn: boxes with their texts, and lines between them.

A command that a saga sends is a line of the saga's box, and its answer is the way back of the same arrow: so the picture shows
the events that other services hear, and not each message of a conversation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from partita.flow.flow import flows_of
from partita.flow.flow_map import FlowMap, Kind, Style
from partita.flow.layered import Box
from partita.flow.reaction import Directed
from partita.flow.story import duration, listed
from partita.flow.text_width import shortened, text_width

NAME_SIZE = 13.0
SMALL_SIZE = 11.0
NAME_WIDTH_MAX = 190.0
PAD = 12.0
STEP_HEIGHT = 19.0
HEAD_HEIGHT = 42.0
HEIGHTS: dict[Kind, float] = {"service": 40.0, "event": 28.0, "command": 28.0, "saga": HEAD_HEIGHT}
BADGE_PITCH = 26.0


@dataclass(frozen=True, slots=True)
class StepText:
    """A line of a saga's box: number, command, undo, and whether it is the last one that can be undone."""

    number: str
    command: str
    undo: str
    is_last_undone: bool


@dataclass(frozen=True, slots=True)
class Card:
    """A box with its texts. `full` has the text that did not fit, `sub` a second line."""

    box: Box
    kind: Kind
    name: str
    sub: str
    full: str
    steps: tuple[StepText, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """A line between two boxes; `badge` has the numbers of the steps that a saga directs along it."""

    origin: str
    to: str
    style: Style
    badge: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """Boxes and lines in an order that is the same for the same map."""

    cards: tuple[Card, ...]
    lines: tuple[Line, ...]
    summary: str


def picture_of(found: FlowMap) -> Picture:
    """The picture of a map. Faults are left out: they are no part of a flow."""
    lines = tuple(dict.fromkeys(_lines(found)))
    ends = dict.fromkeys(end for line in lines for end in (line.origin, line.to))
    ports = {end: max(sum(each.origin == end for each in lines), sum(each.to == end for each in lines)) for end in ends}
    order: dict[str, None] = {}
    for flow in flows_of(found):
        order.update(dict.fromkeys(flow.messages))
    names = [name for name in (*order, *(node.id for node in found.nodes)) if name in ends or name in found.sagas]
    alone = [node.id for node in found.nodes if node.kind == "service" and node.id not in ends]
    kinds: dict[str, Kind] = {node.id: node.kind for node in found.nodes}
    cards = (_card(found, name, kinds[name], ports.get(name, 0)) for name in dict.fromkeys([*names, *alone]))
    return Picture(tuple(cards), lines, _summary(found))


def _lines(found: FlowMap) -> Iterator[Line]:
    sent = {name for each in found.reactions for name in each.gives if found.messages[name].kind == "command"}
    for each in found.reactions:
        message = found.messages[each.takes]
        if message.fault_of:
            continue
        directed = bool(found.directing(each.takes))
        if each.kind == "on" or not directed or each.takes in sent:
            yield Line(each.takes, each.service, "choreography")
        for given in each.gives:
            if _is_shown(found, given):
                answers = directed and given == message.reply
                yield Line(each.service, given, "orchestration" if answers else "choreography")
    for saga in found.sagas.values():
        yield Line(saga.start, saga.id, "orchestration")
        for service in saga.participants:
            numbers = [str(number) for number, step in enumerate(saga.steps, 1) if step.service == service]
            yield Line(saga.id, service, "orchestration", ", ".join(numbers))
        if saga.undone:
            yield Line(saga.id, saga.undone, "orchestration")
    for name, message in found.messages.items():
        if message.is_foreign and name in sent:
            yield Line(name, message.owner, "choreography")
        if message.is_foreign and message.kind == "event" and _is_shown(found, name):
            yield Line(message.owner, name, "choreography")


def _is_shown(found: FlowMap, name: str) -> bool:
    """Whether a message has a box of its own: it is heard, starts a saga, or should be heard and is not."""
    message = found.messages[name]
    if message.fault_of:
        return False
    if message.kind == "command":
        return True
    return bool(found.hearers(name) or found.started(name)) or name not in found.answers


def _card(found: FlowMap, name: str, kind: Kind, ports: int) -> Card:
    short = shortened(name, NAME_SIZE, NAME_WIDTH_MAX)
    if kind == "saga":
        return _saga(found.sagas[name], short)
    sub = _below(found, name) if kind == "service" else ""
    full = name if short != name else ""
    if kind in ("event", "command") and found.messages[name].meaning:
        full = f"{name}: {found.messages[name].meaning}"
    widest = max(text_width(short, NAME_SIZE), text_width(sub, SMALL_SIZE))
    width = max(widest + 2 * PAD + (10 if kind != "service" else 0), ports * BADGE_PITCH + PAD)
    return Card(Box(name, round(width, 1), HEIGHTS[kind]), kind, short, sub, full)


def _below(found: FlowMap, service: str) -> str:
    """The second line of a service: whether it is another app's, or calls outside."""
    if any(each.is_foreign and each.owner == service for each in found.messages.values()):
        return "another app"
    calls = any(each.service == service and each.calls_out for each in found.reactions)
    return "service, calls outside" if calls else "service"


def _saga(saga: Directed, name: str) -> Card:
    steps = tuple(
        StepText(
            str(number),
            shortened(
                f"{step.command} for each of {step.each}" if step.each else step.command, SMALL_SIZE, NAME_WIDTH_MAX
            ),
            shortened(f"undo {step.undo}", SMALL_SIZE, NAME_WIDTH_MAX) if step.undo else "",
            number == sum(each.kind != "retriable" for each in saga.steps) < len(saga.steps),
        )
        for number, step in enumerate(saga.steps, 1)
    )
    sub = f"saga of {saga.service}, {duration(saga.deadline_s)} at most"
    commands = max(text_width(step.command, SMALL_SIZE) for step in steps)
    undos = max(text_width(step.undo, SMALL_SIZE) for step in steps)
    inner = max(text_width(name, NAME_SIZE), text_width(sub, SMALL_SIZE), 20 + commands + (18 + undos if undos else 0))
    box = Box(saga.id, round(inner + 2 * PAD, 1), HEAD_HEIGHT + STEP_HEIGHT * len(steps) + 6)
    return Card(box, "saga", name, sub, saga.why, steps)


def _summary(found: FlowMap) -> str:
    """The flows in words, for readers who do not see the picture."""
    said = []
    for flow in flows_of(found):
        sagas = [f"the saga {saga.id}, which directs {listed(saga.participants)}" for saga in flow.sagas]
        heard = [name for name in flow.messages if found.hearers(name)]
        hearing = [
            f"{name} is heard by {listed(sorted({each.service for each in found.hearers(name)}))}" for name in heard
        ]
        said.append(
            f"{flow.entry} {'starts ' + listed(sagas) if sagas else 'is handled'}. {'. '.join(hearing)}".strip()
        )
    return " ".join(f"{each.removesuffix('.')}." for each in said)
