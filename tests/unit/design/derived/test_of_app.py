"""The design of an app is derived from its declarations alone."""

from __future__ import annotations

from dataclasses import replace

from tests.processes.itemized import app as itemized

from partita.design.derived.beside import NOTHING
from partita.design.derived.of_app import design_of
from partita.design.document.pseudocode import pseudocode
from partita.design.drift.comparing import changes
from partita.design.model.text import from_json, to_json
from partita.examples.claims.app import app as claims
from partita.examples.rides.app import app as rides
from partita.examples.shop.app import app as shop


def test_a_step_for_each_item_is_one_row_that_names_the_list() -> None:
    design = design_of(itemized, "itemized:app", NOTHING)
    (saga,) = design.sagas
    assert [(step.do, step.each) for step in saga.steps] == [("Hold", "lines"), ("Pay", ""), ("SendParcel", "parcels")]
    assert from_json(to_json(design), "itemized") == design
    assert "1. send Hold(id, number, has) to stock for each of lines" in pseudocode(design, saga)
    once = replace(saga, steps=(replace(saga.steps[0], each=""), *saga.steps[1:]))
    (change,) = changes(replace(design, sagas=(once,)), design)
    assert change.what == "Checkout, Hold: it is sent for each of lines, and was sent once." and change.section == 4


def test_the_shop_is_a_design() -> None:
    design = design_of(shop, "shop.app:app", NOTHING)

    checkout = next(saga for saga in design.sagas if saga.name == "Checkout")
    assert [(s.kind, s.do, s.at, s.undo) for s in checkout.steps] == [
        ("step", "ReserveStock", "inventory-service", "ReleaseStock"),
        ("pivot", "ChargePayment", "payment-service", "RefundPayment"),
        ("retriable", "ConfirmOrder", "order-service", ""),
    ]
    assert (checkout.start, checkout.failed, checkout.deadline.value) == ("OrderPlaced", "OrderCancelled", 900.0)
    assert checkout.why.value.startswith("money and stock unwind")
    assert design.service("analytics").kind == "projection"
    assert design.service("order-service").kind == "service"
    assert design.consumers("OrderCancelled") == ("notification-service", "order-service")
    assert design.failure.retry_topics.value == (60.0, 300.0, 1_800.0)
    assert design.failure.window.value == 86_400.0


def test_fields_keep_their_types_marks_and_revisions() -> None:
    placed = design_of(shop, "shop.app:app", NOTHING).event("OrderPlaced")
    fields = {field.name: field for field in placed.fields}

    assert (fields["order_id"].type, fields["total_cents"].unit) == ("id", "minor units")
    assert (fields["lines"].type, fields["lines"].of) == ("list", "record")
    assert [field.name for field in fields["lines"].fields] == ["sku", "quantity", "price_cents", "stocked"]
    assert (fields["channel"].since, fields["channel"].default) == (3, "web")
    assert design_of(shop, "", NOTHING).event("ReturnCompleted").fields[-1].type == "money"


def test_commands_know_their_refusals_and_the_command_that_they_undo() -> None:
    design = design_of(shop, "shop.app:app", NOTHING)

    assert design.command("ReleaseStock").undoes == "ReserveStock"
    assert design.command("ChargePayment").refusals == ("PaymentDeclined",)
    assert design.event("PaymentDeclined").kind == "refusal"
    assert design.event("StockReserved").kind == "reply"


def test_steps_keep_their_timers() -> None:
    """Two reminders and an escalation: without them the document of an app would say that a silent adjuster is reported to no person."""
    decide = design_of(claims, "claims.app:app", NOTHING).sagas[0].steps[2]

    assert [(timer.after / 86_400, timer.do) for timer in decide.timers] == [
        (5, "RemindAdjuster"),
        (10, "RemindAdjuster"),
        (15, "EscalateClaim"),
    ]


def test_a_design_names_no_folder_of_the_machine_and_no_line() -> None:
    text = to_json(design_of(rides, "rides.app:app", NOTHING))

    assert '"place": "rides/messages.py"' in text
    assert "src/partita" not in text
    assert to_json(from_json(text, "design.json")) == text


def test_the_unsaid_is_asked() -> None:
    design = design_of(rides, "rides.app:app", NOTHING)

    assert [question.id for question in design.questions] == ["Q-1", "Q-2"]
    assert design.questions[0].text.startswith("What is the purpose")
    assert design.assumptions[0].text.startswith("10 a second usually")
