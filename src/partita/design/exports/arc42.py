"""The document of a design under the twelve headings of arc42 (https://arc42.org), for teams that know where to look there."""

from __future__ import annotations

import re
from collections.abc import Iterator

from partita.design.document.block import Block, Document, Heading, Section

ONE_PAGE = "0"
CHAPTERS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    ("Introduction and Goals", ((ONE_PAGE, ""), (ONE_PAGE, "Five numbers"), ("A", "What must hold"))),
    (
        "Architecture Constraints",
        (
            (ONE_PAGE, "Assumptions"),
            ("A", "Assumptions"),
        ),
    ),
    ("System Scope and Context", (("1", "*"),)),
    ("Solution Strategy", (("3", "*"),)),
    ("Building Block View", (("2", "*"), ("7", "*"), ("8", "*"), ("C", "*"), ("E", "*"))),
    ("Runtime View", (("4", "*"), ("B", "*"))),
    ("Deployment View", (("5", "*"), ("6", "*"), ("D", "*"))),
    ("Cross-cutting Concepts", (("9", "*"), ("10", "*"), ("11", "*"), ("12", "*"))),
    ("Architecture Decisions", (("F", "*"),)),
    ("Quality Requirements", (("13", "*"), ("H", "*"))),
    (
        "Risks and Technical Debts",
        ((ONE_PAGE, "Top risks"), (ONE_PAGE, "Open questions"), ("A", "Open questions"), ("G", "*")),
    ),
    ("Glossary", (("I", "*"),)),
)
"""Each chapter with its parts: (section, a pattern of its headings). "" = the blocks before the first heading, "*" = all."""


def arc42(document: Document) -> Document:
    """The same blocks in the chapters of arc42. Parts that no chapter names follow the glossary: nothing is left out."""
    sections = {section.number: section for section in document.sections}
    used: set[tuple[str, str]] = set()
    chapters: list[Section] = []
    for number, (title, parts) in enumerate(CHAPTERS, 1):
        blocks: list[Block] = []
        for section, pattern in parts:
            if section in sections:
                blocks += _part(sections[section], pattern, used)
        chapters.append(Section(str(number), title, tuple(blocks)))
    last = chapters.pop()
    chapters.append(Section(last.number, last.title, (*last.blocks, *_unused(document, used))))
    return Document(document.title, document.source, tuple(each for each in chapters if each.blocks))


def _part(section: Section, pattern: str, used: set[tuple[str, str]]) -> Iterator[Block]:
    if pattern == "*":
        yield Heading(section.title)
    for name, blocks in _parts(section):
        if pattern == "*" or re.fullmatch(pattern, name):
            used.add((section.number, name))
            yield from blocks


def _unused(document: Document, used: set[tuple[str, str]]) -> Iterator[Block]:
    for section in document.sections:
        for name, blocks in _parts(section):
            if (section.number, name) not in used:
                yield from blocks


def _parts(section: Section) -> list[tuple[str, list[Block]]]:
    """The parts of a section by their headings, each with its heading; the first is without one."""
    found: list[tuple[str, list[Block]]] = [("", [])]
    for block in section.blocks:
        if isinstance(block, Heading):
            found.append((block.text, []))
        found[-1][1].append(block)
    return [(name, blocks) for name, blocks in found if blocks]
