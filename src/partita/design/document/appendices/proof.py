"""Appendix H, tests: the name of each test, the fields of each contract, and the commands that keep statements true."""

from __future__ import annotations

from partita.design.document.block import PLANNED, Block, Heading, Paragraph, Row, Section, row, table
from partita.design.document.failure_matrix import shown_by
from partita.design.document.sections.testing import requirements
from partita.design.document.staying_true import staying_true
from partita.design.document.traffic import on_topics
from partita.design.document.view import View
from partita.design.model.section import APPENDICES


def section(view: View) -> Section:
    """The tests by their names."""
    rows = [
        row(PLANNED, f"`{shown_by(words)}_{kind}`", requirement, kind)
        for requirement, words, kinds in requirements(view)
        for kind in kinds
    ]
    blocks: list[Block] = [Heading("Requirements"), *table("test | requirement | kind", rows)]
    contracts = _contracts(view)
    if contracts:
        blocks += [
            Heading("Consumer contracts"),
            *table("consumer | event | fields that it reads | verified by", contracts),
        ]
    if not rows:
        blocks.append(Paragraph(f"{view.design.domain} declares nothing that a test could show.", PLANNED))
    blocks += staying_true(view.design)
    return Section("H", APPENDICES["H"], tuple(blocks))


def _contracts(view: View) -> list[Row]:
    found = []
    for event in on_topics(view.design):
        fields = ", ".join(field.name for field in event.fields if field.since == 1)
        for consumer in view.design.consumers(event.name):
            if consumer != event.by:
                name = f"`{shown_by(consumer, event.name)}_contract`"
                found.append(row(PLANNED, consumer, f"`{event.name}`", fields, name))
    return found
