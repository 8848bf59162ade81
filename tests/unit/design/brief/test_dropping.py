"""A pattern knows more producers than some answers: one that no answer speaks of is no part of the brief."""

from __future__ import annotations

import pytest

from partita.design.brief.asking.answers import read_answers
from partita.design.brief.asking.drafting import draft
from partita.design.brief.reading import read_brief
from partita.design.checking.rules import check
from partita.design.model.design import Design

CONSUMERS = (
    "policy-service reserves cover and gives it back, fraud-service screens the claim, an adjuster decides, "
    "payout-service sends the money, reporting gives the regulator its numbers"
)


def drafted(producers: str, consumers: str = CONSUMERS) -> Design:
    text = draft(read_answers("insurance claims", producers, consumers, "never paid twice"))
    design = read_brief(text, "the draft")
    assert not check(design).to_mend, text
    return design


def test_a_producer_that_no_answer_speaks_of_is_left_out_with_all_that_it_begins() -> None:
    design = drafted("claims-service takes reports from the portal")

    assert "document-service" not in {each.name for each in design.services}
    assert not [each for each in design.events if each.name.startswith("Document")]
    assert not [each for each in design.aggregates if each.name == "Document"]
    assert [each.begins for each in design.load.streams] == ["ClaimFiled"]
    assert "papers" not in " ".join(each.why.value for each in design.choreographies)


@pytest.mark.parametrize(
    ("producers", "consumers"),
    [
        ("claims-service takes reports, document-service scans papers", CONSUMERS),
        ("claims-service takes reports and photos", CONSUMERS),
        ("claims-service takes reports", CONSUMERS + ", archive keeps each document"),
        ("claims-service", "policy-service, fraud-service, payout-service"),
    ],
)
def test_one_whose_things_an_answer_mentions_stays(producers: str, consumers: str) -> None:
    """Names without verbs say too little: then the pattern stays whole."""
    design = drafted(producers, consumers)

    assert "DocumentReceived" in {each.name for each in design.events}
