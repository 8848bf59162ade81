"""The designs that are drafted: money is asked about, people are waited for, limits have one keeper, decisions are on record."""

from __future__ import annotations

import re

import pytest
from tests.unit.design.brief.domains import DOMAINS
from tests.unit.design.brief.unseen import UNSEEN

from partita.design.brief.asking.answers import read_answers
from partita.design.brief.asking.drafting import draft
from partita.design.brief.asking.outage import waits_for
from partita.design.brief.reading import read_brief
from partita.design.checking.rules import Verdict, check
from partita.design.model.design import Design
from partita.design.model.saga import StepDesign

DAY_S, YEAR_S = 86_400.0, 365.25 * 86_400.0
SHOP = (
    "An online shop. A customer places an order; we reserve the stock and charge the card. About 50 orders a second, 400 on Black Friday.",
    "order-service takes the orders",
    "payment-service charges the card through an outside provider, inventory-service reserves stock and releases it",
)
CLAIMS = (
    "A household insurer settles claims: part of the cover is reserved, an adjuster decides, the payout goes to the bank. Files are kept ten years.",
    "claims-service takes reports",
    "policy-service reserves cover and gives it back, fraud-service screens the claim, an adjuster decides within 20 days, payout-service sends "
    "the money through the bank, notification-service writes letters, reporting gives the regulator its numbers",
    "A claim must never be paid twice, however late. The payouts of a policy may never exceed its cover. Letters may be late by a day, the "
    "regulator's numbers by an hour. Who decided what and when must be provable.",
)


def drafted(*answers: str) -> tuple[str, Design]:
    text = draft(read_answers(*answers))
    design = read_brief(text, "new.yaml")
    assert check(design) == Verdict((), ())
    return text, design


def step(design: Design, do: str) -> StepDesign:
    return next(each for _, each in design.steps if each.do == do)


@pytest.mark.parametrize("name", [*DOMAINS, *UNSEEN])
def test_a_step_that_moves_money_asks_after_a_missing_answer(name: str) -> None:
    """Undone at its timeout, a charge would be made and given back for each order of an outage."""
    _, design = drafted(*{**DOMAINS, **UNSEEN}[name].answers)
    replies = {event.name: event for event in design.events}

    for _, each in design.steps:
        moves = each.kind == "pivot" and any(field.type == "money" for field in replies[each.ok].fields)
        if moves and not each.human and not each.do.startswith("Authori"):  # a hold on a card has moved nothing
            assert each.on_timeout.value == "ask", each.do


def test_an_outage_that_an_answer_names_ends_no_order() -> None:
    """The service tries for longer than the hour, the question comes after it, and the deadline behind both."""
    text, design = drafted(*SHOP, "An hour without payment-service must lose nothing.")
    charge = step(design, "ChargePayment")

    assert charge.on_timeout.value == "ask" and sum(charge.retry) > 3_600
    assert sum(charge.retry) < charge.timeout.value and charge.timeout.value + 3_600 < design.sagas[0].deadline.value
    assert "# your answer: an outage of 1h ends nothing" in text
    assert step(design, "ReserveStock").on_timeout.value == "undo"


def test_an_outage_of_the_warehouse_sends_its_command_again() -> None:
    _, design = drafted(*SHOP, "If inventory-service is down for two hours no order may be lost.")

    assert step(design, "ReserveStock").on_timeout.value == "retry"
    assert step(design, "ChargePayment").timeout.value == 60
    assert design.sagas[0].deadline.value > 7_200


def test_without_an_outage_the_checkout_of_reference_stays() -> None:
    _, design = drafted(*SHOP, "")

    assert (step(design, "ChargePayment").timeout.value, design.sagas[0].deadline.value) == (60, 900)
    assert step(design, "ReserveStock").on_timeout.value == "undo"


@pytest.mark.parametrize(
    "words", ["A customer may be away for 15 minutes", "Machines that were out for 3 days are sold"]
)
def test_an_absence_of_something_else_is_a_question(words: str) -> None:
    """A time that would change every step must be about a part of the system."""
    text, design = drafted(*SHOP, words)

    assert words in text and words not in {each.text for each in design.rules}
    assert design.sagas[0].deadline.value == 900


@pytest.mark.parametrize("outage_s", [30, 60, 600, 3_600, 7_200, DAY_S, 5 * DAY_S])
def test_the_waits_outlast_an_outage_and_are_few(outage_s: float) -> None:
    waits = waits_for(outage_s)

    assert outage_s < sum(waits) < 2 * outage_s + 60 and len(waits) <= 16


def test_no_clock_decides_in_a_persons_place() -> None:
    """After the time of the answer an alarm calls, and the decision still counts."""
    _, design = drafted(*CLAIMS)
    decide = step(design, "DecideClaim")

    assert (decide.timeout.value, decide.on_timeout.value) == (20 * DAY_S, "retry")
    assert design.sagas[0].deadline.value == YEAR_S
    assert any("What if no person has decided DecideClaim after 20 days?" in each.text for each in design.questions)


@pytest.mark.parametrize(
    ("words", "on_timeout"),
    [
        ("boss approves the trip within 3 days", "retry"),
        ("boss approves the trip within 3 days, otherwise it is refused", "undo"),
        ("boss approves the trip (a person, within 3 days; it lapses then)", "undo"),
        ("boss approves the trip (a person, within 3 days, silence is a no)", "undo"),
        ("driver accepts the trip within 30 seconds", "undo"),
    ],
)
def test_silence_is_a_no_where_an_answer_says_so_or_an_offer_is_made(words: str, on_timeout: str) -> None:
    _, design = drafted("mountain tours", "tour desk takes requests", f"{words}, billing charges the fee", "")

    (decided,) = [each for _, each in design.steps if each.human]
    assert decided.on_timeout.value == on_timeout


def test_a_limit_is_kept_in_one_transaction_and_the_payment_names_its_reservation() -> None:
    """No transaction spans two databases: one service reserves, and the other pays no more than its command says."""
    _, design = drafted(*CLAIMS)
    rules = {each.text: each.across for each in design.rules if each.kind == "invariant"}
    pay = next(each for each in design.commands if each.name == "SendPayout")

    assert rules["The payouts of a policy may never exceed its cover"] == ("Policy",)
    assert rules["a payout is never more than its reservation"] == ("Payout",)
    assert {"reservation_id", "reserved", "amount"} <= {field.name for field in pay.fields}
    assert any(each.who == "policy-service" and "PayoutSent" in each.when for each in design.reactions)


def test_a_limit_of_a_domain_without_a_pattern_is_kept_where_money_is_reserved() -> None:
    _, design = drafted(*UNSEEN["expenses"].answers)
    rules = {each.text: each.across for each in design.rules if each.kind == "invariant"}
    pay = next(each for each in design.commands if each.name == "DisburseAmount")

    assert rules["Expenses of a department never exceed its budget"] == ("Budget",)
    assert [field.name for field in pay.fields] == ["expense_id", "reservation_id", "reserved", "amount"]
    assert any(each.who == "budget-service" and each.when == ("AmountDisbursed",) for each in design.reactions)


@pytest.mark.parametrize(
    ("name", "rule", "keeper"),
    [
        ("towing", "The lot is never overbooked", "Space"),
        ("vaccines", "doses never allocated twice", "Dose"),
        ("lifts", "An engineer has one fault at a time", "Engineer"),
    ],
)
def test_a_limit_of_things_has_one_keeper(name: str, rule: str, keeper: str) -> None:
    _, design = drafted(*UNSEEN[name].answers)

    assert [each.across for each in design.rules if each.text == rule] == [(keeper,)]


def test_the_decision_of_a_person_is_a_record_of_its_own() -> None:
    """Actor, reason, papers and moment, for as long as the answers say; a no as much as a yes."""
    _, design = drafted(*CLAIMS)
    decision = next(each for each in design.aggregates if each.name == "Decision")
    audit = next(each for each in design.rules if each.kind == "audit")

    assert (decision.stored.value, decision.service) == ("event-sourced", "adjuster")
    assert {"ClaimApproved", "ClaimRefused"} <= set(decision.events)
    assert (audit.text, audit.keep) == ("Who decided what and when must be provable", 10 * YEAR_S)
    for name in ("ClaimApproved", "ClaimRefused"):
        fields = {field.name for field in design.event(name).fields}
        assert {"decision_id", "adjuster", "reason", "evidence", "decided_at"} <= fields


def test_each_drafted_decision_has_a_record() -> None:
    _, design = drafted(*UNSEEN["lifts"].answers)
    decision = next(each for each in design.aggregates if each.name == "QuoteDecision")

    assert (decision.stored.value, decision.service) == ("event-sourced", "works-manager")
    assert {"decided_by", "reason", "evidence"} <= {field.name for field in design.event("QuoteRefused").fields}


@pytest.mark.parametrize(
    ("wish", "window"),
    [
        ("a card is never charged twice", None),
        ("a card is charged at most once, within 24 hours", DAY_S),
        ("exactly-once effects for 24 hours", DAY_S),
        ("a card is charged once. Duplicates are recognised by the order id for two days", 2 * DAY_S),
    ],
)
def test_never_has_no_end(wish: str, window: float | None) -> None:
    """A mark of a day would be one: the paying aggregate keeps the key."""
    _, design = drafted(*SHOP, wish)
    (effect,) = [each for each in design.rules if each.kind == "exactly-once-effect"]

    assert effect.window == window
    assert effect.across == (("Payment",) if window is None else ())


def test_a_card_and_a_stock_are_two_wishes() -> None:
    _, design = drafted(*SHOP, "A card must never be charged twice and stock never sold twice.")

    assert {each.text: each.across for each in design.rules if "twice" in each.text} == {
        "A card must never be charged twice": ("Payment",),
        "stock never sold twice": ("StockItem",),
    }


def test_a_bound_whose_verb_is_left_out_belongs_to_the_part_before() -> None:
    text, design = drafted(*CLAIMS)

    assert [(each.read, each.max) for each in design.rules if each.kind == "staleness"] == [("reporting_claim", 3_600)]
    assert re.search(r'# your answer: "Letters may be late by a day". notification-service reacts by itself', text)
