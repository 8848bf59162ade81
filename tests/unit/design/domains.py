"""The domains whose documents are measured: three briefs of the repository, and two drafted from four answers in plain words."""

from __future__ import annotations

from pathlib import Path

from partita.design.brief.asking.answers import read_answers
from partita.design.brief.asking.drafting import draft
from partita.design.brief.reading import read_brief
from partita.design.document.block import Document
from partita.design.document.building import document_of
from partita.design.model.design import Design

BRIEFS = ("orders", "rides", "claims")
DRAFTED = {
    "fleet": (
        "fleet maintenance",
        "fleet-service, telematics reports mileage",
        "workshop reserves a bay, parts, billing charges the owner, notification, analytics, insurer",
        "eventual, a repair is billed once, no vehicle leaves with open defects",
    ),
    "library": (
        "library loans between towns",
        "loan-desk takes a request",
        "stacks reserves a book, courier carries the book, reader-mail writes to the reader, statistics",
        "a book is lent once, the order of events of one loan matters",
    ),
}
DOMAINS = (*BRIEFS, *DRAFTED)
FOLDER = Path(__file__).resolve().parents[3] / "docs/designs"


def text_of(name: str) -> str:
    """The brief of a domain."""
    if name in DRAFTED:
        return draft(read_answers(*DRAFTED[name]))
    return (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")


def design_of(name: str) -> Design:
    """The design of a domain."""
    return read_brief(text_of(name), f"docs/designs/{name}.yaml")


def document(name: str) -> Document:
    """The document of a domain."""
    return document_of(design_of(name))
