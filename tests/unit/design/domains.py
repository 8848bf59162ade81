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
SHOP = (
    "An online shop for household goods. A customer places an order of one or more articles; we reserve the stock, charge the "
    "card and confirm the order by e-mail. When the card is declined the stock goes back. About 50 orders a second on a normal "
    "day, 400 on Black Friday.",
    "order-service takes the orders from the web shop",
    "payment-service charges the card through an outside provider, inventory-service reserves stock and releases it, "
    "notification-service writes to the customer, analytics counts revenue per day and best sellers",
    "A card must never be charged twice and stock never sold twice. Reports may be a few seconds late. Events of one order are "
    "handled in order. An hour without payment-service must lose nothing.",
)
INSURER = (
    "A household insurer settles claims. A policyholder reports a damage, part of the cover is reserved, a fraud screening runs, "
    "a claims adjuster decides, and the payout goes to the bank. About 2 claims a second, 40 after a storm. Files are kept ten "
    "years.",
    "claims-service takes reports from the portal and from brokers",
    "policy-service reserves cover and gives it back, fraud-service screens the claim, an adjuster decides within 20 days, "
    "payout-service sends the money through the bank, notification-service writes letters to the policyholder, reporting gives "
    "the regulator its numbers",
    "A claim must never be paid twice, however late. The payouts of a policy may never exceed its cover. Letters may be late by "
    "a day, the regulator's numbers by an hour. Who decided what and when must be provable.",
)
SPOKEN = {"shop": SHOP, "insurer": INSURER}
"""Answers in whole sentences, which have clauses of every kind."""
FOLDER = Path(__file__).resolve().parents[3] / "docs/designs"


def text_of(name: str) -> str:
    """The brief of a domain."""
    answers = {**DRAFTED, **SPOKEN}.get(name)
    if answers is not None:
        return draft(read_answers(*answers))
    return (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")


def design_of(name: str) -> Design:
    """The design of a domain."""
    return read_brief(text_of(name), f"docs/designs/{name}.yaml")


def document(name: str) -> Document:
    """The document of a domain."""
    return document_of(design_of(name))
