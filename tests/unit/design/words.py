"""The words that a reader of a document reads: headings, prose, cells, captions, code, and the lines above tables.

A word is a run between spaces that has a letter or a digit. Marks, rules of tables and pictures count for nothing; the main part is the first page
and the thirteen sections, without the appendices.
"""

from __future__ import annotations

from collections.abc import Iterator

from partita.design.document.block import (
    Block,
    Bullets,
    Calculations,
    Code,
    Document,
    Figure,
    Heading,
    Paragraph,
    Pointer,
    Section,
    Sequence,
    Table,
)
from partita.design.rendering.legend import said_once, shown_sums


def of_main_part(document: Document) -> int:
    """The words of the first page and the thirteen sections."""
    return sum(of_section(section) for section in document.sections if not section.is_appendix)


def of_section(section: Section) -> int:
    """The words of a section, its heading included."""
    texts = [section.title, *(text for block in section.blocks for text in _texts(block))]
    return sum(any(letter.isalnum() for letter in word) for text in texts for word in text.split())


def _texts(block: Block) -> Iterator[str]:
    match block:
        case Heading(text) | Paragraph(text, _) | Pointer(_, text):
            yield text
        case Bullets(items):
            yield from (item.text for item in items)
        case Table():
            yield from _cells(block)
        case Calculations():
            yield from _cells(shown_sums(block))
        case Code(_, code, caption, _):
            yield from (code, caption)
        case Figure(_, _, caption, _) | Sequence(_, _, _, caption, _):
            yield caption


def _cells(block: Table) -> Iterator[str]:
    yield from block.columns
    yield from (cell for row in block.rows for cell in row.cells)
    if block.common:
        yield said_once(block.common)
