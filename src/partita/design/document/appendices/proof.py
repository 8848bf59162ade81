"""Appendix H, tests: the name of each test, the fields of each contract, and the commands that keep statements true."""

from __future__ import annotations

from partita.design.document.block import PLANNED, Block, Heading, Paragraph, Row, Section, row, table
from partita.design.document.sections.testing import ran
from partita.design.document.shown import about_schema
from partita.design.document.staying_true import staying_true
from partita.design.document.traffic import on_topics
from partita.design.document.view import View
from partita.design.model.section import APPENDICES


def section(view: View) -> Section:
    """The tests by their names."""
    shown = view.shown
    rows = [
        row(shown.mark([each]), f"`{each.node}`", each.plays, each.kind, shown.result([each])) for each in shown.tests
    ]
    blocks: list[Block] = [
        Heading("Tests of the project"),
        *ran(view),
        *table("test | plays | kind | last result", rows),
    ]
    if not rows:
        blocks.append(Paragraph(f"No test of {view.design.domain} is named here: {shown.missing}.", PLANNED))
    contracts = _contracts(view)
    if contracts:
        blocks += [
            Heading("Consumer contracts"),
            *table("consumer | event | fields that it reads | verified by", contracts),
        ]
    blocks += staying_true(view.design)
    return Section("H", APPENDICES["H"], tuple(blocks))


def _contracts(view: View) -> list[Row]:
    found = []
    for event in on_topics(view.design):
        fields = ", ".join(field.name for field in event.fields if field.since == 1)
        for consumer in view.design.consumers(event.name):
            if consumer != event.by:
                claim = about_schema(event.name)
                tests, mark = view.shown.cell(claim), view.shown.mark(view.shown.of(claim))
                found.append(row(mark, consumer, f"`{event.name}`", fields, tests))
    return found
