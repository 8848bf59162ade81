"""The reading path of a document: the order of its parts, and the minutes that each takes."""

from __future__ import annotations

from collections.abc import Sequence as Many
from dataclasses import replace

from partita.design.document.block import (
    A,
    Block,
    Bullets,
    Calculations,
    Code,
    Figure,
    Heading,
    Paragraph,
    Pointer,
    Section,
    Sequence,
    Table,
)

PROSE_PER_MINUTE = 230
"""The words that adults read of prose in silence, in a language that many of them learnt."""
CELLS_PER_MINUTE = 450
"""A table is skimmed: its names and numbers are compared, and few of its rows are read to the end."""
CODE_PER_MINUTE = 600
"""A schema is scanned for a field."""
PARTS = (
    ("this page", ("0",)),
    ("flows (3, 4)", ("3", "4")),
    ("messages (1, 2)", ("1", "2")),
    ("failures (10, 11)", ("10", "11")),
    ("bus and storage (5 to 9)", ("5", "6", "7", "8", "9")),
    ("operation (12, 13)", ("12", "13")),
)
"""First what happens, then its messages, then what goes wrong; then the machinery behind it."""


def minutes(section: Section) -> float:
    """The minutes for a section."""
    return sum(_minutes(block) for block in section.blocks) + _words(section.title) / PROSE_PER_MINUTE


def with_path(sections: Many[Section]) -> tuple[Section, ...]:
    """The sections, the first page with the path after its purpose."""
    first, *rest = sections
    purpose, *others = first.blocks
    by_number = {each.number: minutes(each) for each in sections}
    parts = _rounded([(title, sum(by_number[each] for each in numbers)) for title, numbers in PARTS])
    said = ", ".join(f"{title} {count}" for title, count in parts)
    together = sum(count for _, count in parts)
    path = Paragraph(f"Minutes to read, in this order: {said}; together {together}. Appendices are looked up.", A)
    return (replace(first, blocks=(purpose, path, *others)), *rest)


def _rounded(parts: list[tuple[str, float]]) -> list[tuple[str, int]]:
    """Whole minutes, whose sum is the rounded sum: the largest remainders are rounded up."""
    left = round(sum(each for _, each in parts)) - sum(int(each) for _, each in parts)
    up = sorted(range(len(parts)), key=lambda at: parts[at][1] % 1, reverse=True)[:left]
    return [(title, int(each) + (at in up)) for at, (title, each) in enumerate(parts)]


def _minutes(block: Block) -> float:
    match block:
        case Heading(text) | Paragraph(text, _) | Pointer(_, text):
            return _words(text) / PROSE_PER_MINUTE
        case Bullets(items):
            return sum(_words(item.text) for item in items) / PROSE_PER_MINUTE
        case Table(columns, rows, common):
            cells = [
                *columns,
                *(cell for row in rows for cell in row.cells),
                *(each for pair in common for each in pair),
            ]
            return sum(_words(cell) for cell in cells) / CELLS_PER_MINUTE
        case Calculations(of):
            texts = [text for each in of for text in (each.name, each.formula, each.values, each.result)]
            return sum(_words(text) for text in texts) / CELLS_PER_MINUTE
        case Code(_, text, caption, _):
            return _words(text) / CODE_PER_MINUTE + _words(caption) / PROSE_PER_MINUTE
        case Figure(_, _, caption, _) | Sequence(_, _, _, caption, _):
            return _words(caption) / PROSE_PER_MINUTE


def _words(text: str) -> int:
    return sum(any(letter.isalnum() for letter in word) for word in text.split())
