"""The blocks of a document: text, tables, numbers, code and pictures, each line with its mark.

A text is plain. Backticks in it enclose a name; nothing else has a meaning, so that a name of a brief is never markup.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import Any

from partita.design.model import origin
from partita.design.model.origin import Fact, Origin
from partita.design.model.section import APPENDICES
from partita.flow.picture import Picture


class Mark(enum.Enum):
    """The origin of a line. PLANNED = Partita does not run it yet, or no run has shown it yet."""

    DECLARED = "D"
    DERIVED = "R"
    ASSUMED = "A"
    MEASURED = "M"
    PLANNED = "planned"


D, R, A, M, PLANNED = Mark.DECLARED, Mark.DERIVED, Mark.ASSUMED, Mark.MEASURED, Mark.PLANNED
_OF_ORIGIN = {"declared": D, "derived": R, "assumed": A, "measured": M}


def mark_of(source: Origin | Fact[object]) -> Mark:
    """The mark of a fact, or of its origin."""
    return _OF_ORIGIN[(source.origin if isinstance(source, Fact) else source).mark]


def weakest(*sources: Mark | Origin | Fact[Any]) -> Mark:
    """The mark of a line made of several facts, each given by its mark, its origin or itself."""
    marks = [each if isinstance(each, Mark) else mark_of(each) for each in sources]
    found: list[origin.Mark] = ["assumed" if mark is A else "derived" for mark in marks]
    return _OF_ORIGIN[origin.weakest(*found)]


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading within a section."""

    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Some sentences."""

    text: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class Item:
    """An entry of a list."""

    text: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list."""

    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table, a text for each column."""

    cells: tuple[str, ...]
    mark: Mark


@dataclass(frozen=True, slots=True)
class Table:
    """A table; it has at least one row. `common` are further columns, each with the one value that it has in every row."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    common: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Pointer:
    """A line that leads to an appendix: its letter, and the contents that a reader finds there."""

    to: str
    text: str

    @property
    def title(self) -> str:
        """The title of the appendix."""
        return APPENDICES[self.to]


@dataclass(frozen=True, slots=True)
class Calculation:
    """A number with its arithmetic: the formula, the formula with its values, and the result."""

    name: str
    formula: str
    values: str
    result: str
    amount: float
    mark: Mark


@dataclass(frozen=True, slots=True)
class Calculations:
    """The arithmetic of some numbers."""

    of: tuple[Calculation, ...]


@dataclass(frozen=True, slots=True)
class Code:
    """A text for machines: a schema, a table's DDL, a command line."""

    language: str
    text: str
    caption: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture; its caption states its point, and `name` is the name of its file."""

    name: str
    picture: Picture
    caption: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class Sequence:
    """A sequence diagram: messages (from, to, text) between lifelines, in the order of time."""

    name: str
    lanes: tuple[str, ...]
    messages: tuple[tuple[str, str, str], ...]
    caption: str
    mark: Mark


Block = Heading | Paragraph | Bullets | Table | Calculations | Code | Figure | Sequence | Pointer


@dataclass(frozen=True, slots=True)
class Section:
    """A section: its number ("0" to "13", an appendix "A" and so on), its title and its blocks."""

    number: str
    title: str
    blocks: tuple[Block, ...]

    @property
    def is_appendix(self) -> bool:
        """Whether a reader looks it up instead of reading it."""
        return self.number in APPENDICES


@dataclass(frozen=True, slots=True)
class Document:
    """A document: the title, the file or app it is made of, and its sections."""

    title: str
    source: str
    sections: tuple[Section, ...]


def table(columns: str, rows: list[Row]) -> tuple[Block, ...]:
    """A table with the columns "a | b | c"; none where there are no rows."""
    names = tuple(part.strip() for part in columns.split("|"))
    assert all(len(row.cells) == len(names) for row in rows), f"a row has another number of cells than {columns}"
    return (Table(names, tuple(rows)),) if rows else ()


def compact(columns: str, rows: list[Row]) -> tuple[Block, ...]:
    """A table that says a repeated cell once: rows with the same answers are one row under all their names, and a column with one
    value is said above the table."""
    names = [part.strip() for part in columns.split("|")]
    merged: dict[tuple[Mark, tuple[str, ...]], list[str]] = {}
    for each in rows:
        merged.setdefault((each.mark, each.cells[1:]), []).append(each.cells[0])
    found = [Row((", ".join(dict.fromkeys(firsts)), *rest), mark) for (mark, rest), firsts in merged.items()]
    once = [at for at in range(1, len(names)) if len(found) > 1 and len({each.cells[at] for each in found}) == 1]
    kept = [at for at in range(len(names)) if at not in once]
    made = table(
        " | ".join(names[at] for at in kept),
        [Row(tuple(each.cells[at] for at in kept), each.mark) for each in found],
    )
    common = tuple((names[at], "none" if found[0].cells[at] == "-" else found[0].cells[at]) for at in once)
    return tuple(replace(each, common=common) for each in made if isinstance(each, Table))


def row(mark: Mark, *cells: str) -> Row:
    """A row of a table."""
    return Row(cells, mark)


def bullets(*items: Item) -> tuple[Block, ...]:
    """A list; none where there is no entry."""
    return (Bullets(items),) if items else ()


def sums(*calculations: Calculation) -> tuple[Block, ...]:
    """The arithmetic of some numbers; none where there is none."""
    return (Calculations(calculations),) if calculations else ()
