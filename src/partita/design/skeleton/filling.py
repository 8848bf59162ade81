"""`FILL.md` of a project: everything that a person has to write or to decide, from the texts as they are now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from partita.design.model.design import Design
from partita.design.skeleton.file import WholeFile

FILL = "FILL:"
_MARKUP = frozenset("\\`*_{}[]<>#|!&")


@dataclass(frozen=True, slots=True)
class Open:
    """A place in the code that a person has to fill."""

    path: str
    line: int
    what: str


def open_places(texts: Mapping[str, str]) -> list[Open]:
    """Every comment with the mark, by file and line."""
    return [
        Open(path, number, line.partition(FILL)[2].strip())
        for path, text in sorted(texts.items())
        if path.endswith(".py")
        for number, line in enumerate(text.split("\n"), start=1)
        if f"# {FILL}" in line
    ]


def fill_file(places: Iterable[Open], notes: Iterable[str]) -> WholeFile:
    """The page: the places in the code, then the parts of the design that no code carries yet."""
    places, notes = list(places), list(notes)
    lines = [
        "# Parts for a person to fill",
        "",
        f"{len(places)} places in the code. Replace the mark by your code, and `partita design build` keeps the part.",
        "",
        *(["| place | what to write |", "|---|---|"] if places else []),
        *(f"| `{each.path}:{each.line}` | {inert(each.what)} |" for each in places),
        *(["", "The design asks for these too, and no code here carries them yet:", ""] if notes else []),
        *(f"- {inert(note)}" for note in notes),
    ]
    return WholeFile("FILL.md", "\n".join(lines) + "\n")


def notes_of(design: Design) -> Iterator[str]:
    """The parts of a design that no code of the skeleton carries, then its open questions."""
    for event in design.events:
        if event.compact:
            yield f"{event.name}: its topic is to keep the last event of each key alone; Partita declares no compaction yet."
    if design.bus.use.value not in ("kafka", "database"):
        yield f"The bus is to be {design.bus.use.value}, which Partita does not run yet."
    for aggregate in design.aggregates:
        if aggregate.stored.value == "event-sourced":
            yield (
                f"{aggregate.name}: its events are stored in a plain table; the state that follows from them, its snapshots "
                "and the erasure of a person's data in them are to be written."
            )
    for rule in design.rules:
        match rule.kind:
            case "invariant":
                yield f'The rule "{rule.text}": write the query over {", ".join(rule.across)} that finds a breach of it.'
            case "audit":
                yield f'The rule "{rule.text}": nothing deletes the journals; keep their backups for as long.'
            case "staleness" | "strong-read":
                yield f'The rule "{rule.text}": `partita consumers list` shows how far {rule.read} is behind; set the alert.'
    for question in design.questions:
        yield f"{question.id} ({question.owner}): {question.text}"


def inert(text: str) -> str:
    """Words of a brief as plain words of Markdown, on one line."""
    plain = "".join(each if each.isprintable() else " " for each in text)
    return " ".join("".join(f"\\{each}" if each in _MARKUP else each for each in plain).split())
