"""The designs of five domains: three briefs of the docs, and two that four answers gave."""

from __future__ import annotations

from pathlib import Path

from partita.design.brief.asking.answers import read_answers
from partita.design.brief.asking.drafting import draft
from partita.design.brief.reading import read_brief
from partita.design.model.design import Design

DESIGNS = Path(__file__).resolve().parents[3] / "docs/designs"
ANSWERS = {
    "fleet": (
        "fleet maintenance", "fleet-service", "garage reserves a bay, parts-store reserves parts, billing charges the owner",
        "eventual, exactly-once effects for 24 hours",
    ),
    "clinic": (
        "appointments of a clinic", "front-desk", "room-service reserves a room, doctor approves, mailer", "eventual",
    ),
}  # fmt: skip
DOMAINS = ("orders", "rides", "claims", *ANSWERS)


def brief_of(name: str) -> str:
    """The brief of a domain."""
    if name in ANSWERS:
        return draft(read_answers(*ANSWERS[name]))
    return (DESIGNS / f"{name}.yaml").read_text(encoding="utf-8")


def design_of(name: str) -> Design:
    """The design of a domain."""
    return read_brief(brief_of(name), f"{name}.yaml")
