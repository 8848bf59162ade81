"""Decisions that a reviewer asks for: times of giving up, retention, and personal data; only where a design has the case."""

from __future__ import annotations

import dataclasses

import pytest
from tests.unit.design.domains import design_of
from tests.unit.design.numbers import unexplained

from partita.design.document.adr import Adr, adrs
from partita.design.document.building import document_of
from partita.design.document.view import view_of
from partita.design.model.design import Design
from partita.design.model.origin import Fact, Origin
from partita.design.model.saga import OnTimeout


def titled(design: Design, words: str) -> list[Adr]:
    return [each for each in adrs(view_of(design)) if words in each.title]


def test_the_time_of_giving_up_has_its_reason_its_alternatives_and_what_would_tip_it() -> None:
    """Four calls of 0.8 s and waits of 31 s fit into a minute; twice as long are 400/s x 60 s more in flight."""
    (found,) = titled(design_of("orders"), "given up")
    assert found.title == "ChargePayment is given up after 1 min"
    assert "fit into 1 min: 4 x 800 ms + 1 s + 5 s + 25 s = 34.2 s" in found.why
    assert [text.partition(":")[0] for text in found.rejected] == ["twice as long", "to undo", "never"]
    assert "400/s x 1 min = 24,000 more `Checkout`" in found.rejected[0]
    assert found.change.startswith("an hour without `payment-service` is a wait and no end (Q-")


@pytest.mark.parametrize(
    ("way", "rejected"),
    [("retry", ["twice as long", "to undo", "to ask"]), ("ask", ["twice as long", "to undo", "never"])],
)
def test_the_way_that_is_chosen_is_not_rejected(way: OnTimeout, rejected: list[str]) -> None:
    """The alternatives are the two others."""
    design = design_of("orders")
    (saga,) = design.sagas
    said: Fact[OnTimeout] = Fact(way, Origin("declared"))
    steps = tuple(
        dataclasses.replace(each, on_timeout=said, ask="AskChargePayment") if each.kind == "pivot" else each
        for each in saga.steps
    )
    (found,) = titled(dataclasses.replace(design, sagas=(dataclasses.replace(saga, steps=steps),)), "given up")
    assert [text.partition(":")[0] for text in found.rejected] == rejected


def test_a_time_that_its_tries_do_not_fit_into_is_not_praised() -> None:
    """20 s hold no tries of 34.2 s."""
    design = design_of("orders")
    (saga,) = design.sagas
    short = Fact(20.0, Origin("declared"))
    steps = tuple(dataclasses.replace(each, timeout=short) if each.kind == "pivot" else each for each in saga.steps)
    (found,) = titled(dataclasses.replace(design, sagas=(dataclasses.replace(saga, steps=steps),)), "given up")
    assert "do not fit into 20 s" in found.why


def test_personal_data_and_retention_are_decided_where_a_design_has_them() -> None:
    """Orders keep addresses for 90 days; without the field, or with a month, there is nothing to decide."""
    design = design_of("orders")
    (found,) = titled(design, "Personal data")
    assert [text.partition(":")[0] for text in found.rejected] == [
        "a shorter retention",
        "a reference instead of the value",
        "the plain value",
    ]
    month = Fact(30 * 86_400.0, Origin("declared"))
    events = tuple(dataclasses.replace(each, retention=month) for each in design.events)
    assert titled(dataclasses.replace(design, events=events), "Personal data") == []
    (kept,) = titled(design, "Topics keep events 90 d")
    assert any("the disk of all topics = " in text for text in kept.rejected)
    own = tuple(dataclasses.replace(each, retention=Fact(60.0, Origin("declared"))) for each in design.events)
    assert titled(dataclasses.replace(design, events=own), "Topics keep") == []


@pytest.mark.parametrize("name", ["orders", "rides", "claims", "fleet"])
def test_each_number_of_the_decisions_has_its_arithmetic(name: str) -> None:
    """A rejected alternative without one is an opinion."""
    design = design_of(name)
    assert unexplained(design, document_of(design)) == []
