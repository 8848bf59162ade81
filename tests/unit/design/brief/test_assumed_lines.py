"""The assumed lines of a brief: one assumption for each part that a person would answer for by itself."""

from __future__ import annotations

import re

import pytest
from tests.unit.design.domains import DOMAINS, design_of, text_of

from partita.design.brief.reading import read_brief
from partita.design.model.ledger import Assumption

BUNDLES = re.compile(r"lines of the brief are marked|at some step, and its steps are undone|a list three items")


def ledger(text: str) -> tuple[Assumption, ...]:
    return read_brief(text, "brief").assumptions


def about(found: tuple[Assumption, ...], words: str) -> list[Assumption]:
    return [each for each in found if words in each.text]


@pytest.mark.parametrize("name", DOMAINS)
def test_no_assumption_bundles_what_several_persons_answer_for(name: str) -> None:
    """An owner cannot confirm half of a line."""
    assert not [each.text for each in design_of(name).assumptions if BUNDLES.search(each.text)]


def test_each_service_with_an_assumed_line_is_one_assumption() -> None:
    """The fleet is drafted: its lines say which words are assumed."""
    design = design_of("fleet")
    for service in design.services:
        (found,) = about(design.assumptions, f"{service.name} belongs to team {service.team}")
        assert found.owner == "architect" and found.write == f"{service.name}: {{team: ..., db: ...}}"


def test_a_part_whose_lines_are_confirmed_is_no_assumption_any_more() -> None:
    """The others stay."""
    text = text_of("fleet")
    before = ledger(text)
    confirmed = re.sub(r"(?m)^(  workshop: \{team.*?)  #.*$", r"\1", text)
    assert confirmed != text
    after = ledger(confirmed)
    assert about(before, "workshop belongs to team") and not about(after, "workshop belongs to team")
    assert about(after, "billing belongs to team")


def test_each_refusal_is_an_assumption_of_the_team_that_refuses() -> None:
    """The warehouse knows how often stock is out, the payments team how often a card is declined."""
    found = design_of("orders").assumptions
    (stock,), (card,) = about(found, "ends by StockRejected"), about(found, "ends by PaymentDeclined")
    assert (stock.owner, card.owner) == ("warehouse", "payments")
    assert stock.wrong == "at one in ten, StockRejected comes 5/s; today 2.5/s"
    assert about(found, "One Checkout in a hundred has a step without an answer, and is undone.")[0].owner == "checkout"


def test_the_line_to_write_for_a_refusal_is_read_and_changes_its_rate() -> None:
    """An advice that the form refuses is worse than none."""
    text = text_of("orders")
    (stock,) = about(ledger(text), "ends by StockRejected")
    said = re.sub(r"steady: [\d.]+", "steady: 7", stock.write.removeprefix("load: {").removesuffix("}"))
    design = read_brief(text.replace("load: {", f"load: {{{said}, ", 1), "brief")
    assert design.event("StockRejected").rate.value == 7.0
    assert (
        not about(design.assumptions, "ends by StockRejected")
        or design.event("StockRejected").rate.origin.mark == "derived"
    )


def test_all_lines_of_a_declared_brief_are_declared() -> None:
    """The brief of the orders has no line with the word."""
    assert not about(design_of("orders").assumptions, "belongs to team")
