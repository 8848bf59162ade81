"""Section 2, schemas and evolution: the fields of each event, its Avro schema, and which changes its consumers bear."""

from __future__ import annotations

import copy
import json
from typing import Any

from partita.design.document.block import (
    PLANNED,
    Block,
    Code,
    Heading,
    Paragraph,
    Pointer,
    R,
    Row,
    Section,
    compact,
    mark_of,
    row,
    table,
    weakest,
)
from partita.design.document.message_shape import avro_of, revisions, wire_name
from partita.design.document.quantity import listed, one, sentence, span
from partita.design.document.schema_text import avro_text
from partita.design.document.traffic import on_topics
from partita.design.document.view import View
from partita.design.model.field import FieldDesign
from partita.design.model.message import EventDesign
from partita.schemas.evolution.checking import Version, check
from partita.schemas.evolution.connect import rules_of
from partita.schemas.evolution.level import Level


def section(view: View) -> Section:
    """The schemas."""
    design = view.design
    blocks: list[Block] = [Heading("Fields"), *_fields(view)]
    first = next((design.event(saga.start) for saga in design.sagas), next(iter(on_topics(design)), None))
    if first is not None:
        newest = revisions(first)
        mark = weakest(*(field.origin for field in first.fields))
        for revision in (1, newest) if newest > 1 else (1,):
            which = f"revision {revision} of {newest}" if newest > 1 else f"of {first.by}"
            text = avro_text(avro_of(design, first, revision))
            blocks.append(Code("json", text, f"Avro schema of `{first.name}`, {which}.", mark))
    every = f"{len(on_topics(design))} events and {len(design.commands)} commands of {design.domain}"
    blocks.append(Pointer("C", f"the {every} as Avro, the events as JSON Schema too"))
    blocks += _evolution(view)
    return Section("2", "Schemas and evolution", tuple(blocks))


def _fields(view: View) -> tuple[Block, ...]:
    """The fields of all events; one that several events have is one row."""
    every = on_topics(view.design)
    rows: dict[Row, list[str]] = {}
    for event in every:
        for field in event.fields:
            rows.setdefault(_field_row(field), []).append(event.name)
    found = [
        Row(
            (each.cells[0], "each event" if len(names) == len(every) > 1 else ", ".join(names), *each.cells[1:]),
            each.mark,
        )
        for each, names in rows.items()
    ]
    return compact("field | of | type | meaning | default | since revision | PII", found)


def _field_row(field: FieldDesign) -> Row:
    kind = field.type if not field.fields else f"{field.type} of ({', '.join(inner.name for inner in field.fields)})"
    kind = f"{kind} of {field.of}" if field.of and not field.fields else kind
    kind = f"one of {', '.join(field.values)}" if field.values else kind
    kind += f", {field.unit}" if field.unit else ""
    default = "-" if field.default is None else repr(field.default)
    default = "[]" if field.type == "list" and field.since > 1 and field.default is None else default
    since = str(field.since)
    return row(
        mark_of(field.origin),
        f"`{wire_name(field)}`",
        kind,
        field.doc or "-",
        default,
        since,
        "yes" if field.pii else "-",
    )


def _evolution(view: View) -> list[Block]:
    design = view.design
    level = Level.__members__.get(design.compatibility.value, Level.FULL_TRANSITIVE)
    event = max(on_topics(design), key=lambda each: len(design.consumers(each.name)), default=None)
    if event is None:
        return []
    heard = design.consumers(event.name)
    blocks: list[Block] = [Heading(f"Compatibility: {design.compatibility.value}")]
    kept = span(design.load.retention.value)
    why = (
        f"`{event.name}` stays {kept} in its topic and {listed(heard)} read it, so a schema must agree with each that its "
        f"topic still holds. {level.order}"
        if level.is_transitive
        else f"{listed(heard)} read `{event.name}`, and only the latest schema counts. {level.order}"
    )
    blocks.append(Paragraph(why, weakest(design.compatibility, design.load.retention)))
    blocks.append(Heading(f"Changes of {event.name}, checked by the rules of Partita"))
    blocks += table(
        "change | verdict | why | instead", [_verdict(view, event, *each, level) for each in _changes(view, event)]
    )
    first, then = ("consumers", "producers") if level.is_backward else ("producers", "consumers")
    either = " (either order is allowed)" if level.is_backward and level.is_forward else ""
    rows = []
    for each in on_topics(design):
        parties = {"producers": each.by, "consumers": ", ".join(design.consumers(each.name)) or "none"}
        rows.append(row(R, f"`{each.name}`", parties[first] + either, parties[then]))
    blocks += [Heading("Who upgrades first"), *compact("event | first | then", rows)]
    late = [
        row(
            weakest(f.origin, e.retention),
            f"`{e.name}.{f.name}`",
            f"revision {f.since}",
            f"filled with {_filled(f)}",
            _retired(view, e, f),
        )
        for e in on_topics(design)
        for f in e.fields
        if f.since > 1
    ]
    blocks.append(Heading("Upcasters and retirement"))
    blocks += compact("field | added by | in an older event | last older event is gone", late)
    major = [each for each in on_topics(design) if each.version > 1]
    blocks += table(
        "event | contract | upcaster",
        [row(PLANNED, f"`{e.name}`", f"v{e.version}", f"v{e.version - 1} to v{e.version}, in {e.by}") for e in major],
    )
    if not late and not major:
        blocks.append(Paragraph(f"Each of {listed(e.name for e in on_topics(design))} is in its first revision.", R))
    return blocks


def _filled(field: FieldDesign) -> str:
    return "[]" if field.type == "list" and field.default is None else repr(field.default)


def _retired(view: View, event: EventDesign, field: FieldDesign) -> str:
    kept = event.retention.value
    end = (
        "never, the topic keeps all"
        if kept is None
        else f"{span(kept)} after the last {event.by} of revision {field.since - 1}"
    )
    return end


def _changes(view: View, event: EventDesign) -> list[tuple[str, dict[str, Any]]]:
    """Changes of a schema as they come up, made on the event's own fields."""
    now = avro_of(view.design, event)
    plain = [field for field in event.fields if field.name != event.key] or list(event.fields)
    last = wire_name(plain[-1])
    found = []
    taken = [field.name for field in event.fields]
    others = [field for each in view.design.events for field in each.fields if field.name not in taken]
    more = wire_name(others[0]) if others else "channel"
    added = copy.deepcopy(now)
    added["fields"].append({"name": more, "type": ["null", "string"], "default": None})
    found.append((f"add `{more}`, with a default", added))
    needed = copy.deepcopy(now)
    needed["fields"].append({"name": more, "type": "string"})
    found.append((f"add `{more}`, without a default", needed))
    found.append((f"remove `{last}`", now | {"fields": [each for each in now["fields"] if each["name"] != last]}))
    renamed = [each | {"name": f"{last}Text"} if each["name"] == last else each for each in now["fields"]]
    found.append((f"rename `{last}` to `{last}Text`", now | {"fields": renamed}))
    other = "string" if plain[-1].type == "bool" else "boolean"
    retyped = [{"name": last, "type": other} if each["name"] == last else each for each in now["fields"]]
    found.append((f"make `{last}` {one(other)}", now | {"fields": retyped}))
    return found


def _verdict(view: View, event: EventDesign, change: str, new: dict[str, Any], level: Level) -> Row:
    old = json.dumps(avro_of(view.design, event))
    found = check(json.dumps(new), [Version("today's schema", old)], level, rules_of("avro"))
    if not found:
        return row(R, change, "allowed", f"{level.value} holds", "-")
    first = found[0]
    return row(
        R,
        change,
        "forbidden",
        f"`{first.rule}`: it hurts {', '.join(first.hurts)}",
        sentence(first.instead),
    )
