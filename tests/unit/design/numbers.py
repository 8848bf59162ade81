"""The numbers of a document that nothing explains: neither a declared or assumed fact, nor a calculation of the document."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import Any

from partita.alerts.rules import RULES
from partita.design.document import assumed
from partita.design.document.block import (
    Block,
    Bullets,
    Calculations,
    Code,
    Document,
    Figure,
    Paragraph,
    Pointer,
    Sequence,
    Table,
)
from partita.design.document.quantity import count, rate, size, span
from partita.design.document.view import view_of
from partita.design.model.design import Design

UNITS = "%|/s|/d|B|kB|MB|GB|TB|PB|ms|s|min|h|d|y|million|billion|points"
NUMBER = re.compile(rf"(?<![\w.\-,])(\d+(?:,\d{{3}})*(?:\.\d+)?)( ?(?:{UNITS})(?![\w]))?(?![\w])")
CODE = re.compile(r"`[^`]*`|A-\d+")
SMALL = 20
"""Up to so much, a number without a unit is a count of things beside it, or the number of a section."""


def unexplained(design: Design, document: Document) -> list[str]:
    """Each number that nothing explains, with its text."""
    known = {token for text in (*_facts(design), *_results(document)) for token in _tokens(text)}
    return [
        f"{token}: {text}"
        for section in document.sections
        for block in section.blocks
        for text, is_arithmetic in _texts(block)
        for token in _tokens(text)
        if token not in known and not (is_arithmetic and token[-1].isdigit())
    ]


def _tokens(text: str) -> Iterator[str]:
    for found in NUMBER.finditer(CODE.sub("", text)):
        number, unit = found[1], (found[2] or "").strip()
        if unit or float(number.replace(",", "")) > SMALL:
            yield f"{number} {unit}".strip()


def _texts(block: Block) -> Iterator[tuple[str, bool]]:
    match block:
        case Paragraph(text, _):
            yield text, False
        case Bullets(items):
            yield from ((item.text, False) for item in items)
        case Pointer(_, text):
            yield text, False
        case Table(_, rows, common):
            yield from ((cell, False) for row in rows for cell in row.cells)
            yield from ((value, False) for _, value in common)
        case Calculations(of):
            yield from ((one.values, True) for one in of)
        case Code(_, _, caption, _) | Figure(_, _, caption, _) | Sequence(_, _, _, caption, _):
            yield caption, False


def _results(document: Document) -> Iterator[str]:
    for section in document.sections:
        for block in section.blocks:
            if isinstance(block, Calculations):
                yield from (one.result for one in block.of)
            if isinstance(block, Table | Paragraph | Bullets):
                yield from (part for text, _ in _texts(block) for part in re.findall(r"= ([^;|]+)", text))


def _facts(design: Design) -> Iterator[str]:
    """Every number of the design and of the assumed constants, in each form of a quantity; and every text of the design."""
    values = [*_leaves(design), *(held for name, held in vars(assumed).items() if name.isupper())]
    for value in (*values, *assumed.BUS_MESSAGES_PER_S.values()):
        if isinstance(value, str):
            yield value
        elif isinstance(value, int | float):
            yield from (span(value), rate(value), size(value), count(value), f"{value:,.10g}", f"{value:,.10g} B")
    for rule in RULES:
        yield from (span(rule.limit), span(rule.for_s))
    yield f"{len(view_of(design).ledger)} assumptions"
    for factor in (assumed.HANDLE_MS, assumed.HOP_MS):
        yield f"{factor:g} ms"
    yield f"{assumed.AVAILABILITY * 100:g} %, 5 MB/s, 30 d, 100 %, {assumed.SNAPSHOT_EVENTS} events, 1 y, {view_of(design).ledger}"


def _leaves(held: Any) -> Iterator[Any]:
    if dataclasses.is_dataclass(held):
        for field in dataclasses.fields(held):
            yield from _leaves(getattr(held, field.name))
    elif isinstance(held, tuple | list):
        for each in held:
            yield from _leaves(each)
    else:
        yield held
