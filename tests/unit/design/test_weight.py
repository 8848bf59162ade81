"""Assumptions that carry weight: their values are really changed, and the ledger says by how much a number changes."""

from __future__ import annotations

import dataclasses
import re

import pytest
from tests.unit.design.brief.briefs import SMALL
from tests.unit.design.domains import DOMAINS, design_of
from tests.unit.design.numbers import unexplained

from partita.design.brief.reading import read_brief
from partita.design.document import arithmetic
from partita.design.document.building import document_of
from partita.design.document.ledger import ledger_of
from partita.design.document.weight import weighed
from partita.design.model.design import Design

ASSUMED = SMALL.replace("timeout: 60s}", "timeout: 60s}  # assumed").replace("retention: 30d}", "retention: 30d}  # assumed").replace(
    "retry_topics: [1m, 5m, 30m], then: dead-letter, alert: team, window: 24h}", "retry_topics: [1m, 5m, 30m], window: 24h}  # assumed"
)  # fmt: skip


def read(text: str) -> Design:
    return read_brief(text, "small")


def test_a_declared_value_carries_no_assumption() -> None:
    """Nothing of the small brief is assumed but the sizes that no brief says."""
    assert [each[0] for each in weighed(read(SMALL)) if not each[0].startswith(("A text has", "A list has"))] == []


def test_a_step_that_is_given_up_later_leaves_more_in_flight() -> None:
    """720 bookings an hour at the peak: 12 more in a minute; the slack is that of the changed brief."""
    (step,) = [each for each in weighed(read(ASSUMED)) if each[0].startswith("TakeDeposit")]
    assert step[1] == "money" and step[3] == "`timeout:` of TakeDeposit"
    assert "At 2 min: 0.2/s x (2 min - 1 min) = 12; so many more BookTable in flight" in step[2]
    changed = read(ASSUMED.replace("timeout: 60s}", "timeout: 120s}"))
    assert (
        f"= {arithmetic.slack(changed.sagas[0]).result}; today {arithmetic.slack(read(ASSUMED).sagas[0]).result}"
        in step[2]
    )


def test_retention_window_and_retries_are_computed_again() -> None:
    """With the brief that has the other value."""
    found = {each[0]: each[2] for each in weighed(read(ASSUMED))}
    longer = read(ASSUMED.replace("retention: 30d}", "retention: 60d}"))
    assert (
        f"At 60 d: the disk of all topics = {arithmetic.total_disk(longer).result};"
        in found["Topics keep events for 30 d."]
    )
    assert any("At 2 d: the marks of" in text for text in found.values())
    assert (
        "= 72 min until a person sees it" in found["A failed message is tried for 36 min before it is a dead letter."]
    )


@pytest.mark.parametrize("name", DOMAINS)
def test_the_ledger_has_them_under_its_numbers(name: str) -> None:
    """Behind those of the brief, before those of the document; each number has its arithmetic."""
    design = design_of(name)
    ledger = ledger_of(design)
    texts = [each.text for each in ledger]
    own = [each[0] for each in weighed(design)]
    first = len(design.assumptions)
    assert texts[first : first + len(own)] == own
    assert [each.id for each in ledger] == [f"A-{number}" for number in range(1, len(ledger) + 1)]
    assert unexplained(design, document_of(design)) == []


def test_a_value_that_alters_no_number_is_not_in_it() -> None:
    """A peak that needs no more partitions carries no weight."""
    text = ASSUMED.replace("load: {bookings", "load: {bookings").replace(
        ", begins: TableRequested}, retention", "}, retention"
    )
    for each in weighed(read(text)):
        before, after = re.findall(r"= ([^;]+); today (.+?)(?:$|,)", each[2])[0] if "; today" in each[2] else ("a", "b")
        assert before != after
    steady = dataclasses.replace(read(ASSUMED), sagas=())
    assert not [each for each in weighed(steady) if "given up" in each[0]]


@pytest.mark.parametrize("name", DOMAINS)
def test_a_constant_of_the_document_says_its_number_under_another_value(name: str) -> None:
    """A sentence that a number is not itself decides nothing."""
    design = design_of(name)
    own = ledger_of(design)[len(design.assumptions) + len(list(weighed(design))) :]
    assert [each.wrong for each in own if not re.match(r"At .+: .+; today .+\.$", each.wrong)] == []
    assert len(own) > 5
