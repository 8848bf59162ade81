"""The clauses of the answers in a document: what keeps each, the deviation from it, and none said twice."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.design.domains import SPOKEN, design_of

from partita.design.document.answered import answered
from partita.design.document.block import PLANNED, Document, Heading, Table
from partita.design.document.building import document_of
from partita.design.document.view import view_of
from partita.design.rendering.html import html
from partita.design.rendering.markdown import markdown


def rows(name: str, words: str = "") -> dict[str, tuple[str, str]]:
    """Keepers and deviation by the words of a clause; with `words` in place of others of the brief."""
    return {each.said: (each.kept_by, each.deviation) for each in answered(view_of(design_of(name)))}


def tables(found: Document, number: str) -> list[Table]:
    section = next(each for each in found.sections if each.number == number)
    return [block for block in section.blocks if isinstance(block, Table) and block.columns[0] == "you said"]


@pytest.mark.parametrize(
    ("name", "said", "kept", "deviation"),
    [
        ("shop", "An hour without payment-service must lose nothing", "the outbox of", "-"),
        ("shop", "A card must never be charged twice", "`order_id` unique in `Payment` without an end", "if the provider behind `ChargePayment` honours the key (Q-"),
        ("shop", "stock never sold twice", "one transaction of `inventory-service` (8)", "-"),
        ("shop", "Reports may be a few seconds late", "alarmed at half of 2 s (12)", "2 s is assumed; 13 s after a process died; 1 min after a failed message"),
        ("shop", "analytics counts revenue per day and best sellers", "`order_summary`", "its columns are no part of the design"),
        ("shop", "Events of one order are handled in order", "the key of its partition (6)", "the events of one order_id in 3 topics"),
        ("shop", "When the card is declined the stock goes back", "`PaymentDeclined` (1); `ReleaseStock` of `Checkout` (4)", "-"),
        ("shop", "About 50 orders a second on a normal day, 400 on Black Friday", "50/s and 400/s at the peak", "-"),
        ("insurer", "an adjuster decides within 20 days", "`timeout` 20 d (4)", "-"),
        ("insurer", "the regulator's numbers by an hour", "alarmed at half of 1 h (12)", "-"),
        ("insurer", "Letters may be late by a day", "`notification-service` on", "no alarm after 1d: 36 min of retries"),
        ("insurer", "Files are kept ten years", "kept 10 y (7)", "`Policy`: the present row alone"),
    ],
)  # fmt: skip
def test_a_clause_has_its_keepers_and_its_deviation(name: str, said: str, kept: str, deviation: str) -> None:
    """The deviation is computed from the facts: a reader knows in which case the words do not hold."""
    found = rows(name)[said]

    assert kept in found[0]
    assert deviation in found[1]


@pytest.mark.parametrize("name", SPOKEN)
def test_the_first_page_has_the_heaviest_clauses_and_the_ledger_all(name: str) -> None:
    design = design_of(name)
    found = document_of(design)
    (first,), (every,) = tables(found, "0"), tables(found, "A")

    assert len(every.rows) == len(design.clauses)
    assert 3 <= len(first.rows) <= 4
    assert {one.cells for one in first.rows} <= {one.cells for one in every.rows}
    assert all(one.cells[2] != "-" for one in first.rows)


def test_a_rule_that_is_a_clause_is_said_once_in_the_ledger() -> None:
    """The table of rules has those that no one said."""
    design = design_of("shop")
    section = next(each for each in document_of(design).sections if each.number == "A")
    at = next(
        n for n, block in enumerate(section.blocks) if isinstance(block, Heading) and block.text.startswith("What must")
    )
    beside = section.blocks[at + 1]

    assert isinstance(beside, Table)
    assert [one.cells[0] for one in beside.rows] == ["Reserved stock equals confirmed plus open orders."]


def test_a_longer_timeout_changes_the_deviation() -> None:
    """At an hour or more nothing is given up."""
    design = design_of("shop")
    saga = design.sagas[0]
    steps = tuple(
        replace(step, timeout=replace(step.timeout, value=7200.0)) if step.at == "payment-service" else step
        for step in saga.steps
    )
    patient = replace(design, sagas=(replace(saga, steps=steps), *design.sagas[1:]))
    found = {each.said: each.deviation for each in answered(view_of(patient))}

    assert found["An hour without payment-service must lose nothing"] == "-"


def test_a_clause_that_nothing_keeps_is_first_and_names_its_question() -> None:
    design = design_of("fleet")
    (first,) = tables(document_of(design), "0")
    (lost,) = [each for each in design.questions if "open defects" in each.text]

    assert first.rows[0].cells == ('"no vehicle leaves with open defects"', f"nothing: {lost.id}", "not kept")
    assert first.rows[0].mark is PLANNED


def test_a_part_that_is_gone_is_missing_in_the_row() -> None:
    """The check refuses it; a document of an earlier state shows it all the same."""
    design = design_of("shop")
    bare = replace(design, clauses=(replace(design.clauses[0], kept=("ReserveShelf",)),))
    (found,) = answered(view_of(bare))

    assert (found.kept_by, found.deviation) == ("missing: ReserveShelf", "not kept")


def test_a_design_without_answers_has_no_such_table() -> None:
    """The hand-written briefs say nothing of a conversation, and the document invents none."""
    found = document_of(design_of("orders"))

    assert not tables(found, "0") and not tables(found, "A")


def test_the_words_of_a_person_are_inert_in_every_form() -> None:
    """They come from a conversation: no markup of theirs reaches a page."""
    hostile = "<img src=x onerror=alert(1)> | **bold** `code` [a](javascript:x)"
    design = design_of("shop")
    found = document_of(replace(design, clauses=(replace(design.clauses[0], said=hostile, kept=()),)))

    assert "<img" not in html(found)
    assert "<img" not in markdown(found)
