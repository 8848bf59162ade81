"""The pictures of a design as Mermaid text: the services with the messages between them, and each saga."""

from __future__ import annotations

import re
from collections.abc import Iterator

from partita.design.document.quantity import span
from partita.design.exports.edges import edges
from partita.design.model.design import Design
from partita.design.model.saga import SagaDesign


def context(design: Design) -> str:
    """The services, and what goes from one to the next; of a saga with a full line, else with a dotted one."""
    lines = ["flowchart LR"]
    for service in design.services:
        shape = (
            ("[(", ")]") if service.kind == "projection" else ("([", "])") if service.kind == "human" else ("[", "]")
        )
        lines.append(f"  {_id(service.name)}{shape[0]}{_label(service.name)}{shape[1]}")
    between: dict[tuple[str, str, str], list[str]] = {}
    for edge in edges(design):
        between.setdefault((edge.origin, edge.to, edge.style), []).append(edge.message)
    for (origin, to, style), messages in between.items():
        arrow = "-->" if style == "orchestration" else "-.->"
        lines.append(f"  {_id(origin)} {arrow}|{_label('<br>'.join(messages))}| {_id(to)}")
    return "\n".join([*lines, ""])


def saga(drawn: SagaDesign) -> str:
    """The states of a saga, with its undo and timeout edges."""
    return "\n".join([*_states(drawn), ""])


def _states(drawn: SagaDesign) -> Iterator[str]:
    yield "stateDiagram-v2"
    yield f"  [*] --> {_id(drawn.steps[0].name)}: {_text(drawn.start)}"
    undoable: list[str] = []
    for step in drawn.steps:
        name, group = _id(step.name), drawn.together(step)
        after = drawn.steps.index(group[-1]) + 1
        following = _id(drawn.steps[after].name) if after < len(drawn.steps) else "completed"
        back = undoable[-1] if undoable else "undone"
        yield f"  {name}: {_text(step.do)} ({step.kind}, {_text(step.at)})"
        yield f"  {name} --> {following}: {_text(step.ok)}"
        if step.fail:
            yield f"  {name} --> {back}: {_text(' or '.join(step.fail))}"
        if step.kind == "retriable" or step.on_timeout.value == "retry":
            yield f"  {name} --> {name}: no answer in {span(step.timeout.value)}, sent again"
        if step.undo:
            undo = f"undo_{name}"
            yield f"  {name} --> {undo}: no answer in {span(step.timeout.value)}"
            yield f"  {undo}: {_text(step.undo)}"
            yield f"  {undo} --> {back}: {_text(step.undone)}"
            undoable.append(undo)
    yield "  completed --> [*]"
    if drawn.failed:
        yield f"  undone --> [*]: {_text(drawn.failed)}"


def _id(name: str) -> str:
    return "n_" + re.sub(r"[^A-Za-z0-9]", "_", name)


def _label(text: str) -> str:
    """A label in quotes: entities keep quotes and brackets of names from being read as markup."""
    parts = [_entities(part) for part in text.split("<br>")]
    return '"' + "<br>".join(parts) + '"'


def _text(text: str) -> str:
    """A text behind a colon, in which a colon or a semicolon would end it."""
    return _entities(text, ":;")


def _entities(text: str, more: str = "") -> str:
    plain = " ".join(text.split())
    return "".join(f"#{ord(c)};" if c in '"<>[](){}|#`\\' or c in more else c for c in plain)
