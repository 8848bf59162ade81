"""Designs in the formats of other tools: every service and message is in them, and texts stay texts."""

from __future__ import annotations

import re
from dataclasses import replace

from tests.unit.design.sample import a_saga

from partita.design.derived.beside import NOTHING
from partita.design.derived.of_app import design_of
from partita.design.exports.edges import Edge, edges
from partita.design.exports.mermaid import context, saga
from partita.design.exports.structurizr import structurizr
from partita.design.model.origin import Fact, Origin
from partita.examples.shop.app import app

SHOP = design_of(app, "shop.app:app", NOTHING)


def test_edges_are_commands_of_sagas_with_their_answers_and_events_that_services_hear() -> None:
    found = edges(SHOP)

    assert Edge("order-service", "payment-service", "ChargePayment", "orchestration") in found
    assert Edge("payment-service", "order-service", "PaymentDeclined", "orchestration") in found
    assert Edge("order-service", "analytics", "OrderConfirmed", "choreography") in found
    assert all(edge.origin != edge.to for edge in found)
    assert len(found) == len(set(found))


def test_the_map_has_each_service_and_tells_orchestration_from_choreography() -> None:
    text = context(SHOP)

    assert text.startswith("flowchart LR\n")
    assert 'n_analytics[("analytics")]' in text
    assert re.search(r"n_order_service -->\|.*ChargePayment.*\| n_payment_service", text)
    assert re.search(r"n_order_service -\.->\|.*OrderConfirmed.*\| n_analytics", text)


def test_a_saga_is_drawn_with_its_undos_in_reverse() -> None:
    text = saga(next(each for each in SHOP.sagas if each.name == "Checkout"))

    assert "n_charge --> undo_n_reserve: PaymentDeclined" in text
    assert "undo_n_charge --> undo_n_reserve: PaymentRefunded" in text
    assert "undo_n_reserve --> undone: StockReleased" in text
    assert "n_confirm --> n_confirm: no answer in 30 s, sent again" in text


def test_texts_of_a_design_are_no_markup() -> None:
    drawn = replace(a_saga("retriable"), start='x"]; click a href "javascript:1" <b>:')

    text = saga(drawn)

    assert "<b>" not in text
    assert '"' not in text
    assert text.splitlines()[1].count(":") == 1


def test_a_workspace_keeps_a_text_on_its_line() -> None:
    text = structurizr(replace(SHOP, purpose=Fact('a "b"\n!script', Origin("declared"))))

    assert text.splitlines()[0] == r'workspace "shop" "a \"b\" !script" {'
    assert "\n!script" not in text
