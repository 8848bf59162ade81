"""Appendix I, the glossary of the domain's own words, and the exports for other tools."""

from __future__ import annotations

from partita.design.document.block import Block, Heading, Paragraph, R, Section, mark_of, row, table
from partita.design.document.quantity import sentence
from partita.design.document.traffic import on_topics
from partita.design.document.view import View
from partita.design.model.section import APPENDICES


def section(view: View) -> Section:
    """The words, and the exports."""
    design = view.design
    known = [(each.name, each.meaning) for each in design.events]
    known += [(each.name, each.meaning) for each in design.commands]
    rows = [row(mark_of(meaning), f"`{name}`", sentence(meaning.value)) for name, meaning in known]
    rows += [row(mark_of(each.origin), f"`{each.name}`", sentence(each.doc)) for each in design.services if each.doc]
    blocks: list[Block] = [Heading("Glossary"), *table("term | meaning", rows)]
    blocks.append(Heading("Exports"))
    blocks.append(
        Paragraph(
            f"`partita design export FORMAT` writes {design.domain} for other tools: its {len(on_topics(design))} events and "
            f"{len(design.commands)} commands as `asyncapi`, `eventcatalog` and `backstage`, its parts as `structurizr`, "
            "`mermaid`, `arc42` and `adr`.",
            R,
        )
    )
    return Section("I", APPENDICES["I"], tuple(blocks))
