"""The facts beside an app: purpose, load, storage, rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from partita.design.brief.refused import BriefRefused
from partita.design.derived.beside import read_beside
from partita.design.derived.of_app import design_of
from partita.examples.shop.app import app

SOURCE = "docs/designs/shop.yaml"
FACTS = (Path(__file__).parents[4] / SOURCE).read_text(encoding="utf-8")


def test_the_shops_facts_join_its_code() -> None:
    design = design_of(app, "shop.app:app", read_beside(FACTS, SOURCE))

    assert design.purpose.value.startswith("Turn a cart into a paid")
    assert design.purpose.origin.place == f"{SOURCE}:4"
    assert {each.name: each.stored.value for each in design.aggregates} == {
        "Order": "crud",
        "Return": "crud",
        "StockItem": "crud",
        "Payment": "crud",
    }
    assert design.service("inventory-service").owns == ("StockItem",)
    assert design.event("OrderPlaced").rate.value == 50.0
    assert design.event("OrderCancelled").rate.value == pytest.approx(5.5)
    assert design.read_models[0].staleness.value == 5.0
    assert design.bus.use.value == "kafka"
    assert not any("purpose" in question.text for question in design.questions)


def test_a_wrong_file_is_refused_with_every_line() -> None:
    with pytest.raises(BriefRefused) as refused:
        read_beside("design: 1\npurpos: x\nload: {orders_per_second: {steady: many}}\n", "facts.yaml")

    assert [finding.line for finding in refused.value.findings] == [1, 2, 3]
    assert "`purpose`" in refused.value.findings[1].write
