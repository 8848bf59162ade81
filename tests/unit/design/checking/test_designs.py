"""The three briefs in docs/designs have no finding, and each fault that they had once is found when it is planted again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from partita.design.brief.reading import read_brief
from partita.design.checking.rules import Verdict, check

FOLDER = Path(__file__).resolve().parents[4] / "docs/designs"
FAULTS = {
    ("orders.yaml", "reference-record", "OrderPlaced"): [("      occurred_at: timestamp\n", ""), ("record, since: 2,", "record,")],
    ("orders.yaml", "pivot-without-undo", "ChargePayment"): [
        (" undo: RefundPayment, undone: PaymentRefunded,", ""),
        ("  PaymentRefunded: .*\n", ""),
    ],
    ("rides.yaml", "pii-in-compacted-topic", "DriverMoved"): [("lossy: yes, keep: 1h", "compact: yes, lossy: yes")],
    ("rides.yaml", "orphan-event", "TripCancelled"): [("      - {when: TripCancelled, .*\n", "")],
    ("rides.yaml", "deadline-shorter-than-steps", "BookRide"): [("deadline: 15m", "deadline: 3m")],
    ("rides.yaml", "no-refusal", "StartTrip"): [(" fail: TripNotStarted,", ""), ("  TripNotStarted: .*\n", "")],
    ("rides.yaml", "pivot-without-undo", "StartTrip"): [
        (" undo: AbandonTrip, undone: TripAbandoned,", ""),
        ("  TripAbandoned: .*\n", ""),
    ],
    ("rides.yaml", "window-not-kept", "trip_id"): [("alert: team, window: 72h", "alert: team")],
    ("claims.yaml", "orphan-event", "ClaimClosed"): [("ClaimClosed, PayoutSent", "PayoutSent")],
    ("claims.yaml", "end-not-filled", "ClaimClosed"): [("without a payment., data: {claim_id: id, reason", "without a payment., data: {claim_id: id, outcome")],
    ("claims.yaml", "pivot-without-undo", "DecideClaim"): [
        (" undo: WithdrawDecision, undone: DecisionWithdrawn,", ""),
        ("  DecisionWithdrawn: .*\n", ""),
    ],
    ("claims.yaml", "refusal-heard", "regulator-report"): [("ClaimFiled, ClaimApproved,", "ClaimFiled, ClaimApproved, ClaimRefused,")],
    ("claims.yaml", "forever-without-row", "claim_id"): [("forever, across: \\[Payout\\]}", "forever}")],
}  # fmt: skip
NAMES = ("orders.yaml", "rides.yaml", "claims.yaml")


def text_of(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def planted(text: str, changes: list[tuple[str, str]]) -> str:
    for old, new in changes:
        text, count = re.subn(old, new, text)
        assert count == 1, f"{old!r} is {count} times in the brief"
    return text


@pytest.mark.parametrize("name", NAMES)
def test_the_brief_has_no_finding(name: str) -> None:
    assert check(read_brief(text_of(name), name)) == Verdict((), ())


@pytest.mark.parametrize(("name", "rule", "at"), FAULTS)
def test_a_mended_fault_is_found_when_it_is_planted_again(name: str, rule: str, at: str) -> None:
    found = check(read_brief(planted(text_of(name), FAULTS[name, rule, at]), name)).to_mend

    assert {(each.rule, each.at) for each in found} == {(rule, at)}


@pytest.mark.parametrize("name", NAMES)
def test_all_faults_of_a_brief_are_found_at_once(name: str) -> None:
    """None of them hides another one."""
    text = text_of(name)
    for (where, _, _), changes in FAULTS.items():
        text = planted(text, changes) if where == name else text
    found = {(name, each.rule, each.at) for each in check(read_brief(text, name)).to_mend}

    expected = {key for key in FAULTS if key[0] == name}
    assert found == expected


def test_the_list_of_mended_faults_is_this_one() -> None:
    rows = re.findall(
        r"^\| `(\S+\.yaml)` \| `(\S+)` \| `(\S+)` \|", (FOLDER / "mended-faults.md").read_text("utf-8"), re.M
    )

    assert rows == list(FAULTS)


def test_the_order_design_has_the_reference_record_and_its_compensation() -> None:
    """The contract of OrderPlaced: four fields, in their order, in the namespace shop.order; the stock is released when the charge fails."""
    design = read_brief(text_of("orders.yaml"), "orders.yaml")
    fields = [(each.name, each.type) for each in design.event("OrderPlaced").fields if each.since == 1]
    checkout = design.sagas[0]

    assert fields == [("order_id", "id"), ("customer_id", "id"), ("total", "money"), ("occurred_at", "timestamp")]
    assert design.service("order-service").namespace == "shop.order"
    assert [step.do for step in checkout.steps] == ["ReserveStock", "ChargePayment", "ConfirmOrder"]
    assert (checkout.steps[0].undo, checkout.steps[checkout.pivot].do) == ("ReleaseStock", "ChargePayment")
    assert design.failure.retry_topics.value == (60.0, 300.0, 1800.0)
    assert design.failure.window.value == 86_400.0
    assert [(each.key, each.window) for each in design.rules if each.kind == "exactly-once-effect"] == [
        ("order_id", 86_400.0)
    ]


@pytest.mark.parametrize("name", NAMES)
def test_each_brief_leaves_honest_questions(name: str) -> None:
    """A design without a question has not been thought about."""
    assert read_brief(text_of(name), name).questions
