"""Appendix C, schemas: each event as Avro, in each revision, and as JSON Schema; each command as Avro."""

from __future__ import annotations

from partita.design.document.block import Block, Code, Heading, Paragraph, R, Section, mark_of, weakest
from partita.design.document.message_shape import avro_of, json_of, revisions
from partita.design.document.schema_text import avro_text, json_text
from partita.design.document.traffic import on_topics
from partita.design.document.view import View
from partita.design.model.section import APPENDICES


def section(view: View) -> Section:
    """The schemas of all messages."""
    design = view.design
    blocks: list[Block] = [Heading("Events, as Avro")]
    for event in on_topics(design):
        mark = weakest(*(field.origin for field in event.fields))
        newest = revisions(event)
        for revision in (1, newest) if newest > 1 else (1,):
            which = f"revision {revision} of {newest}" if newest > 1 else f"of {event.by}"
            text = avro_text(avro_of(design, event, revision))
            blocks.append(Code("json", text, f"Avro schema of `{event.name}`, {which}.", mark))
    blocks.append(Heading("Events, as JSON Schema"))
    for event in on_topics(design):
        text = json_text(json_of(design, event))
        mark = weakest(*(field.origin for field in event.fields))
        blocks.append(
            Code(
                "json",
                text,
                f"JSON Schema of `{event.name}`, as readers of {event.by} validate it.",
                mark,
            )
        )
    blocks.append(Heading("Commands, as Avro"))
    for each in design.commands:
        text = avro_text(avro_of(design, each))
        blocks.append(
            Code("json", text, f"Avro schema of `{each.name}`, which `{each.to}` takes.", mark_of(each.origin))
        )
    if not design.commands:
        blocks.append(Paragraph(f"{design.domain} sends no command.", R))
    return Section("C", APPENDICES["C"], tuple(blocks))
