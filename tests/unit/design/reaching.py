"""The mutants of a brief that reach most of its document's sentences: tried first, so that few documents are built.

`reaching.json` has their places among the mutants. They decide nothing: when a brief or its document has changed, more mutants
are tried, and the test is slower until these are found again: `python -m tests.unit.design.reaching`.
"""

from __future__ import annotations

import json
from pathlib import Path

from tests.unit.design.domains import DOMAINS, text_of
from tests.unit.design.sentences import in_turn, is_enough, reached, sentences

from partita.design.brief.reading import read_brief
from partita.design.document.building import document_of

FOUND = Path(__file__).with_suffix(".json")


def reaching(name: str) -> list[int]:
    """The places of the mutants to try first."""
    places: list[int] = json.loads(FOUND.read_text(encoding="utf-8"))[name]
    return places


def found(brief: str, name: str, share: float) -> list[int]:
    """Of the mutants that are tried without a hint, each time that which reaches most of the sentences that are left."""
    every = sentences(document_of(read_brief(brief, name)))
    reaches: dict[int, set[str]] = {}
    left = set(every)
    for place, mutant in in_turn(brief):
        reaches[place] = reached(every, mutant, name, document_of)
        left -= reaches[place]
        if is_enough(left, every, share):
            break
    places, left = list[int](), set(every)
    while reaches and not is_enough(left, every, share):
        best = max(reaches, key=lambda place: len(left & reaches[place]))
        places.append(best)
        left -= reaches.pop(best)
    return places


if __name__ == "__main__":
    lines = [f'  "{name}": {json.dumps(found(text_of(name), name, 0.1))}' for name in DOMAINS]
    FOUND.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
