"""The rule about answers: each part that keeps a clause is there."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from partita.design.brief.matching import shown
from partita.design.checking.indexed import Indexed, finding
from partita.design.model.finding import Finding
from partita.design.model.keeper import keepers_of


def keepers(of: Indexed) -> Iterator[Finding]:
    """A clause names parts of the design: one that was renamed or left out keeps nothing any more."""
    known = keepers_of(of.design) if of.design.clauses else {}
    for clause in of.design.clauses:
        for name in (each for each in clause.kept if each not in known):
            near = get_close_matches(name, known, 1)
            written = f"`{near[0]}` in `kept:`, " if near else ""
            yield finding(
                "clause-not-kept", clause.origin, clause.said, f'"{clause.said}" is kept by {shown(name)}, which is not there.',
                "The part was renamed or left out, and a reader would believe that it still keeps what was said.",
                f"{written}the line of that part again, or `kept: none`, which asks what keeps it.",
            )  # fmt: skip
