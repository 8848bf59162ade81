"""The sentences of a document, and those that no change of a brief's line alters or removes: the boilerplate."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from collections.abc import Sequence as Many

from partita.design.brief.reading import read_brief
from partita.design.brief.refused import BriefRefused
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
from partita.design.model.design import Design

WORDS_MIN = 5
"""A cell or a line with fewer words is a value, a name or a label, and no sentence."""
STRIDE = 7
COMMAND = re.compile(r"`[^`]*`")
"""A cell that is code as a whole is a command to type."""
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
DURATION = re.compile(r"\b(\d+)(s|m|h|d|y)\b")
NUMBER = re.compile(r"(?<=[\s:\[{])(\d+)(?=[\s,}\]]|$)")
WORD_FOR = {
    "orchestration": "choreography", "event-sourced": "crud", "crud": "event-sourced", "kafka": "database", "true": "false",
    "BACKWARD_TRANSITIVE": "FULL", "FULL_TRANSITIVE": "BACKWARD", "retriable": "pivot", "pivot": "retriable", "string": "int", "money": "int", "id": "string",
    "projection": "service", "human": "service",
}  # fmt: skip


def sentences(document: Document) -> list[str]:
    """The sentences of the prose, captions and cells of a document, each as often as it is there."""
    return [
        part.strip()
        for section in document.sections
        for block in section.blocks
        for text in texts_of(block)
        for part in re.split(r"(?<=[.!?])\s+(?=[A-Z`])", text)
        if len(part.split()) >= WORDS_MIN and not COMMAND.fullmatch(text)
    ]


def texts(document: Document) -> Iterator[str]:
    """Each text of a document: prose, captions, cells."""
    for section in document.sections:
        for block in section.blocks:
            yield from texts_of(block)


def texts_of(block: Block) -> Iterator[str]:
    match block:
        case Paragraph(text, _):
            yield text
        case Bullets(items):
            yield from (item.text for item in items)
        case Pointer(_, text):
            yield text
        case Table(_, rows, common):
            yield from (cell for row in rows for cell in row.cells)
            yield from (value for _, value in common)
        case Calculations(of):
            yield from (f"{one.name}: {one.values} = {one.result}" for one in of)
        case Code(_, _, caption, _) | Figure(_, _, caption, _) | Sequence(_, _, _, caption, _):
            yield caption


def mutants(brief: str) -> Iterator[str]:
    """A brief with one line changed or removed, and without one name: each line is changed in every way that its words allow.
    No mutant renames anything."""
    lines = brief.split("\n")
    for number, line in enumerate(lines):
        for changed in _changes(line):
            yield "\n".join([*lines[:number], *([changed] if changed else []), *lines[number + 1 :]])
    for name in sorted(set(NAME.findall(brief))):
        kept = [line for line in lines if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", line)]
        if 0 < len(lines) - len(kept) < len(lines) / 2:
            yield "\n".join(kept)
    yield from _rewired(brief)


def _changes(line: str) -> Iterator[str]:
    if not line.strip() or line.lstrip().startswith("#"):
        return
    yield ""
    for found in DURATION.finditer(line):
        yield f"{line[: found.start()]}{int(found[1]) * 2 + 1}{found[2]}{line[found.end() :]}"
    for found in NUMBER.finditer(line):
        yield f"{line[: found.start()]}{int(found[1]) * 3 + 1}{line[found.end() :]}"
    for word, other in WORD_FOR.items():
        if re.search(rf"(?<![\w-]){word}(?![\w-])", line):
            yield re.sub(rf"(?<![\w-]){word}(?![\w-])", other, line, count=1)
    for found in re.finditer(r"(why|purpose|doc|rule|does): ([^,}{\[\]]+)", line):
        yield f"{line[: found.start()]}{found[1]}: another text altogether{line[found.end() :]}"
    for part in re.finditer(r", \w+: (?:\[[^\]]*\]|\{[^}]*\}|[^,{}\[\]]+)(?=[,}])", line):
        yield line[: part.start()] + line[part.end() :]
    for part in re.finditer(r"(?<=\{)\w+: [^,{}\[\]]+, ", line):
        yield line[: part.start()] + line[part.end() :]
    for part in re.finditer(r"(?<=\[)[\w-]+, |, [\w-]+(?=\])", line):
        yield line[: part.start()] + line[part.end() :]


def _rewired(brief: str) -> Iterator[str]:
    """A brief with one word replaced by another of its own: an event comes from elsewhere, a step goes elsewhere, another event
    begins a saga or is heard, another field is the key."""
    kinds = {
        "by|at|who": r"^  ([\w-]+): +\{team",
        "start|when|failed|ok": r"^  (\w+): +\{by",
        "key": r"[{ ](\w+_id): id",
    }
    for keys, names in kinds.items():
        others = list(dict.fromkeys(re.findall(names, brief, re.M)))
        for found in re.finditer(rf"\b(?:{keys}): ([\w-]+)", brief):
            for other in others:
                if other != found[1]:
                    yield brief[: found.start(1)] + other + brief[found.end(1) :]


def boilerplate(
    brief: str, source: str, build: Callable[[Design], Document], share: float, first: Many[int] = ()
) -> tuple[list[str], int]:
    """The sentences that survive the mutants of a brief, and the number of all. It ends as soon as no more than that share of them
    is left, counted as often as they are there and each once. The mutants at the places of `first` come first."""
    every = sentences(build(read_brief(brief, source)))
    left = set(every)
    for _, mutant in in_turn(brief, first):
        left -= reached(every, mutant, source, build)
        if is_enough(left, every, share):
            break
    return [sentence for sentence in every if sentence in left], len(every)


def in_turn(brief: str, first: Many[int] = ()) -> list[tuple[int, str]]:
    """Each mutant and its place: those of `first`, then the others, mixed of all lines, so that few are needed."""
    found = list(enumerate(mutants(brief)))
    mixed = [each for start in range(STRIDE) for each in found[start::STRIDE]]
    return [found[place] for place in first if place < len(found)] + [each for each in mixed if each[0] not in first]


def reached(every: Many[str], mutant: str, source: str, build: Callable[[Design], Document]) -> set[str]:
    """The sentences that a mutant alters or removes."""
    try:
        return set(every).difference(sentences(build(read_brief(mutant, source))))
    except (BriefRefused, KeyError):  # no brief, or one whose parts do not fit: its check refuses it
        return set()


def is_enough(left: set[str], every: Many[str], share: float) -> bool:
    """Whether no more than that share is left, of the sentences as often as they are there, and of each once."""
    return len(left) <= share * len(set(every)) and sum(each in left for each in every) <= share * len(every)
