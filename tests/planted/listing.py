"""The list of planted bugs in docs/guides/planted-bugs.md: `python -m tests.planted.listing` writes it again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tests.planted.facts import FACTS
from tests.planted.planting import ROOT
from tests.planted.table import PLANTS

from partita.testing.generators.planted import PLANTS as IN_SAGAS
from partita.testing.generators.planted_answers import ANSWER_PLANTS
from partita.testing.generators.planted_children import CHILD_PLANTS

PAGE = ROOT / "docs" / "guides" / "planted-bugs.md"
LINE = "<!-- From here on written by `python -m tests.planted.listing`. -->\n"
GUARANTEES = {
    "G1": "state and events commit together",
    "G2": "published at least once, under one id",
    "G3": "effects once",
    "G4": "the order of a key",
    "G5": "sagas end in one declared state",
    "G6": "timers",
    "G7": "nothing is dropped silently",
    "Values": "what is accepted comes back equal, names one thing, and is bounded",
    "Versions": "an old message is read as the newest one, wherever it waits",
    "Webhooks": "a webhook goes where it may, signed, until it is taken",
    "Handlers": "the user's code ends nothing, sees only its own, and is not begun for ever",
    "Watch": "whoever watches is told, and an operator's act is done whole",
    "Runs": "a seed leaves the same bytes",
}


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(cells)} |" for cells in [head, ["---"] * len(head), *rows]]
    return "\n".join(lines) + "\n"


def listing() -> str:
    """The planted bugs by guarantee, with the tests that find them; then those that the demo's ledger must find."""
    parts = [LINE]
    for guarantee, words in GUARANTEES.items():
        rows = [
            (f"`{name}`", plant.meaning, f"`{plant.target}`", f"`{plant.found_by}`")
            for name, plant in PLANTS.items()
            if plant.guarantee == guarantee
        ]
        parts += [f"\n### {guarantee}: {words}\n\n", _table(["bug", "what it does", "replaces", "found by"], rows)]
    made = [
        (f"{name}", plant.meaning, f"`{plant.function}`")
        for name, plant in {**IN_SAGAS, **ANSWER_PLANTS, **CHILD_PLANTS}.items()
    ]
    parts += ["\n## What the generated sagas must find\n\n", _table(["bug", "what it does", "replaces"], made)]
    facts = [(f"`{name}`", fact.meaning, fact.invariant) for name, fact in FACTS.items()]
    parts += ["\n## What the demo's ledger must find\n\n", _table(["spoilt", "what happened", "found by"], facts)]
    return "".join(parts)


def page(before: str) -> str:
    """The page with the present list; the text above the line stays."""
    head, line, _ = before.partition(LINE)
    assert line, f"{PAGE} has lost its line {LINE!r}"
    return head + listing()


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
