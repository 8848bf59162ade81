"""A line is as sure as the weakest value in it: each number of a brief is assumed once, and the marks of the document follow."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from tests.unit.design.domains import text_of
from tests.unit.design.numbers import UNITS
from tests.unit.design.sentences import DURATION
from tests.unit.design.sentences import NUMBER as IN_BRIEF

from partita.design.brief.reading import read_brief
from partita.design.brief.refused import BriefRefused
from partita.design.document.block import (
    PLANNED,
    A,
    Bullets,
    Calculations,
    Code,
    D,
    Document,
    Figure,
    Mark,
    Paragraph,
    R,
    Sequence,
    Table,
    weakest,
)
from partita.design.document.building import document_of
from partita.design.model.origin import Origin

COMMENT = re.compile(r"  # .*")
IDENTIFIER = re.compile(r"[AQ]-\d+")
AMOUNT = re.compile(rf"\d[\d.,]*(?: ?(?:{UNITS})\b)?")
ASSUMED = "  # assumed"


def lines_of(document: Document) -> Iterator[tuple[tuple[str, str], Mark]]:
    """Each line that has a mark, with its section; the numbers of assumptions and questions count for nothing."""
    for section in document.sections:
        for block in section.blocks:
            match block:
                case Paragraph(text, mark) | Code(_, _, text, mark):
                    found = [(text, mark)]
                case Figure(_, _, text, mark) | Sequence(_, _, _, text, mark):
                    found = [(text, mark)]
                case Bullets(items):
                    found = [(item.text, item.mark) for item in items]
                case Table(_, rows, _):
                    found = [(" | ".join(row.cells), row.mark) for row in rows]
                case Calculations(of):
                    found = [(f"{one.name}: {one.values} = {one.result}", one.mark) for one in of]
                case _:
                    found = []
            yield from (((section.number, IDENTIFIER.sub("", text)), mark) for text, mark in found)


def other_numbers(line: str) -> Iterator[str]:
    """A line of a brief, each time with one other number."""
    for found in DURATION.finditer(line):
        yield f"{line[: found.start()]}{int(found[1]) * 2 + 1}{found[2]}{line[found.end() :]}"
    for found in IN_BRIEF.finditer(line):
        yield f"{line[: found.start()]}{int(found[1]) * 3 + 1}{line[found.end() :]}"


def too_sure(brief: str) -> list[str]:
    """The lines of a document whose numbers follow from an assumed line of the brief, and that do not say so."""
    lines = brief.split("\n")
    found = {}
    for at, line in enumerate(lines):
        others = [] if line.lstrip().startswith("#") else list(other_numbers(line))
        before = _lines([*lines[:at], line + ASSUMED, *lines[at + 1 :]]) if others else []
        known = {text for text, _ in before}
        shapes = {(section, AMOUNT.sub("#", text)) for section, text in known}
        for other in others:
            for (section, text), mark in _lines([*lines[:at], other + ASSUMED, *lines[at + 1 :]]):
                is_changed = (section, text) not in known and (section, AMOUNT.sub("#", text)) in shapes
                if is_changed and mark not in (A, PLANNED):
                    found[f"{section}: {text}"] = f"{section} {mark.value}: {text}, from {other.strip()}"
    return list(found.values())


def _lines(brief: list[str]) -> list[tuple[tuple[str, str], Mark]]:
    try:
        return list(lines_of(document_of(read_brief("\n".join(brief), "brief"))))
    except BriefRefused:
        return []


@pytest.mark.parametrize("name", ["orders", pytest.param("claims", marks=pytest.mark.long)])
def test_a_line_with_an_assumed_number_is_assumed(name: str) -> None:
    """Each number of the brief is assumed and changed; where a line of the document changes with it, it is an assumption too."""
    assert too_sure(COMMENT.sub("", text_of(name))) == []


def test_a_value_of_several_has_the_weakest_of_their_marks() -> None:
    """Computed is never declared; of one assumed value follows an assumed one."""
    assert weakest(D, D) is R
    assert weakest(D, R, Origin("declared")) is R
    assert weakest(D, Origin("assumed"), R) is A
