"""Four answers in plain words become a brief that has no finding, and that says of each line whether an answer has it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from partita.design.brief.asking.answers import read_answers
from partita.design.brief.asking.drafting import draft
from partita.design.brief.asking.refused import AnswerRefused
from partita.design.brief.deriving.verbs import base_of, command_of, past_of, undo_of
from partita.design.brief.patterns import pattern
from partita.design.brief.patterns.pattern import WORDS, pattern_of, pattern_text
from partita.design.brief.reading import read_brief
from partita.design.checking.rules import Verdict, check
from partita.design.model.design import Design
from partita.design.skeleton.names import check_names

DESIGNS = Path(__file__).resolve().parents[4] / "docs/designs"
ORDERS = (
    "order processing",
    "order-service",
    "payment-service, inventory-service, notification-service and analytics",
    "eventual consistency, out-of-order events are handled, exactly-once effects for 24 hours",
)
FLEET = (
    "fleet maintenance",
    "fleet-service, telematics reports mileage",
    "workshop reserves a bay, parts, billing charges the owner, notification, analytics, insurer",
    "eventual, a repair is billed once, no vehicle leaves with open defects",
)


def drafted(*answers: str) -> tuple[str, Design]:
    text = draft(read_answers(*answers))
    return text, read_brief(text, "new.yaml")


def test_orders_from_four_answers_have_the_reference_record_and_release_the_stock() -> None:
    """The least that an architect expects, and the contract to the letter."""
    _, design = drafted(*ORDERS)
    fields = [(each.name, each.type) for each in design.event("OrderPlaced").fields if each.since == 1]

    assert check(design) == Verdict((), ())
    assert fields == [("order_id", "id"), ("customer_id", "id"), ("total", "money"), ("occurred_at", "timestamp")]
    assert design.service("order-service").namespace == "shop.order"
    assert [(step.do, step.undo) for step in design.sagas[0].steps] == [
        ("ReserveStock", "ReleaseStock"),
        ("ChargePayment", "RefundPayment"),
        ("ConfirmOrder", ""),
    ]
    assert design.failure.retry_topics.value == (60.0, 300.0, 1800.0)
    assert {each.kind for each in design.rules} >= {"exactly-once-effect", "order", "staleness", "invariant"}


def test_each_line_says_whether_an_answer_has_it() -> None:
    """An invented number without a mark would look like a decision."""
    text, design = drafted(*ORDERS)
    structure = (
        r"\s*(- )?(answers|load|producers|consumers|events|data|flows|steps|reacts|storage|consistency|failure):"
    )
    bare = [
        line
        for line in text.splitlines()
        if not line.startswith("#") and "#" not in line and line and not re.fullmatch(structure, line)
    ]

    assert bare == ["design: 1", "domain: order-processing"]
    assert "kind: exactly-once-effect, window: 24h,  # your answer: exactly-once effects" in text
    assert "order-service: {team: checkout" in text and "# you named it; the rest of the line is assumed" in text
    assert design.sagas[0].deadline.origin.mark == "assumed"
    assert design.assumptions[0].text.startswith("order-service belongs to team ")


def test_a_line_without_the_mark_is_declared() -> None:
    """The architect confirms a line by removing one word."""
    text, _ = drafted(*ORDERS)
    confirmed = re.sub(r"(deadline: 15m)\s+# assumed", r"\1", text)

    deadline = read_brief(confirmed, "new.yaml").sagas[0].deadline
    assert (deadline.value, deadline.origin.mark) == (900.0, "declared")


def test_a_hash_in_a_text_is_no_mark() -> None:
    text = pattern_text("orders").replace("A customer's order was accepted.", '"It # is assumed"')

    assert read_brief(text, "b.yaml").event("OrderPlaced").meaning.origin.mark == "declared"


def test_a_domain_without_a_pattern_is_drafted_from_its_nouns() -> None:
    """Fleet maintenance: what can be given back is a step, money is the pivot, all else reacts; open points are questions."""
    text, design = drafted(*FLEET)

    assert check(design) == Verdict((), ())
    assert [(step.do, step.at, step.undo, step.kind) for step in design.sagas[0].steps] == [
        ("ReserveBay", "workshop", "ReleaseBay", "step"),
        ("ReserveParts", "parts", "ReleaseParts", "step"),
        ("ChargeOwner", "billing", "RefundOwner", "pivot"),
        ("ConfirmRepair", "fleet-service", "", "retriable"),
    ]
    assert design.event("MileageReported").by == "telematics"
    assert "a repair is billed once" in {each.text for each in design.rules}
    assert "  - {said: 'no vehicle leaves with open defects', kept: none}  # your answer" in text
    assert "# question: may insurer refuse" in text
    assert any("May ConfirmRepair" in each.text for each in design.questions)


@pytest.mark.parametrize(
    ("consumer", "kind"),
    [
        ("payments", "pivot"),
        ("cashier charges a fee", "pivot"),
        ("workshop", "step"),
        ("depot reserves a ramp", "step"),
        ("foreman approves the plan", "step"),
        ("mailer", ""),
        ("radio tells the driver", ""),
        ("reporting", ""),
        ("kitchen", ""),
    ],
)
def test_the_part_of_a_service_follows_from_its_verb_or_its_name(consumer: str, kind: str) -> None:
    _, design = drafted("harbour pilotage", "pilot-office", consumer, "")

    assert [step.kind for _, step in design.steps][:1] == ([kind] if kind else [])
    assert check(design) == Verdict((), ())


@pytest.mark.parametrize("name", WORDS)
def test_each_pattern_is_a_brief_without_a_finding(name: str) -> None:
    design = read_brief(pattern_text(name), name)

    assert check(design) == Verdict((), ()) and design.questions and design.sagas
    assert pattern_of((WORDS[name].split()[0],)) == name


@pytest.mark.parametrize("name", ["orders", "rides"])
def test_the_pattern_is_the_published_brief(name: str) -> None:
    """One of them mended without the other would be found by a reader. The published claims are those of the example, in which
    twenty days of silence refuse a claim; a draft lets no clock decide (docs/decisions/0035)."""
    assert pattern_text(name) == (DESIGNS / f"{name}.yaml").read_text(encoding="utf-8")


def test_each_file_of_a_pattern_is_in_the_table() -> None:
    files = {path.stem for path in Path(pattern.__file__).parent.glob("*.yaml")}

    assert files == set(WORDS)


def test_a_service_of_the_user_takes_the_place_of_the_pattern_s() -> None:
    """It keeps the types of the pattern: the contract of reference has its name whatever the service is called."""
    _, design = drafted("web shop", "storefront", "billing, warehouse, mailer, loyalty", "")

    assert [each.name for each in design.services] == [
        "storefront", "billing", "warehouse", "mailer", "analytics", "loyalty",
    ]  # fmt: skip
    assert design.event("OrderPlaced").by == "storefront"
    assert design.service("storefront").namespace == "shop.order"
    assert [step.at for step in design.sagas[0].steps] == ["warehouse", "billing", "storefront"]
    assert check(design) == Verdict((), ())


@pytest.mark.parametrize(
    ("wish", "line"),
    [
        ("no card is charged twice within 72 hours", "{rule: 'no card is charged twice within 72 hours', kind: exactly-once-effect, window: 72h,  # your answer"),
        ("once within 5 minutes", "{rule: 'once within 5 minutes', kind: exactly-once-effect, window: 24h,  # your answer"),
        ("no order is paid twice, ever", "{rule: 'no order is paid twice, ever', kind: exactly-once-effect, window: forever,  # your answer"),
        ("reports are at most 10 seconds behind", "{rule: 'reports are at most 10 seconds behind', kind: staleness, max: 10s,  # your answer"),
        ("reports may lag 10 s", "{rule: 'reports may lag 10 s', kind: staleness, max: 10s,  # your answer"),
        ("eventual consistency", "{rule: order_summary is at most 2 s behind, kind: staleness, read: order_summary, max: 2s}  # your answer: eventual; the time is assumed"),
        ("an order has one open payment at a time", "{rule: 'an order has one open payment at a time', kind: invariant,  # your answer\n     across: [Order, Payment]}  # assumed"),
        ("stock never falls below zero", "{rule: 'stock never falls below zero', kind: invariant,  # your answer\n     across: [StockItem]}  # assumed"),
        ("audit for 7 years", "{rule: 'audit for 7 years', kind: audit, keep: 7y}  # your answer"),
        ("events of an order in order", "kind: order,  # your answer\n     key: order_id}  # assumed"),
        ("no event may be lost", "{rule: 'no event may be lost', kind: outbox}  # your answer"),
        ("failures are retried after 10 s, two minutes and an hour", "  retry_topics: [10s, 2m, 1h]  # your answer\n  then: dead-letter  # assumed"),
        ("retries after 1 and 30 hours", "  retry_topics: [1h, 30h]  # your answer\n  then: dead-letter  # assumed\n  alert: team  # assumed\n  window: 3d  # assumed"),
        ("events are kept for two weeks", "  retention: 2w  # your answer"),
        ("an order is done within half an hour", "    deadline: 30m  # your answer"),
        ("payment is charged within 20 seconds", "         timeout: 20s}  # your answer"),
        ("strong consistency", '# your answer: "strong consistency". Within one service it holds'),
        ("personal data can be erased", '# your answer: "personal data can be erased". The form marks'),
        ("the moon is full", "- {said: 'the moon is full', kept: none}  # your answer"),
    ],
)  # fmt: skip
def test_each_wish_has_its_place_and_none_is_dropped(wish: str, line: str) -> None:
    text, design = drafted("orders", "shop", "billing", wish)

    assert line in text
    assert check(design) == Verdict((), ())


WORD = st.sampled_from(
    "order fleet class import None true log public partita on yes no library parts workshop billing analytics desk mail charges "
    "reserves a reports approves tells fee bay service event events once eventual strong 24h 0s 72 hours twice audit - -- _ # : { } ' \" \\ "
    "<script> ../../x \x1b[31m \u202e é 车 🚗 %s {0} assumed &a *a !x".split()
)  # fmt: skip
ANSWER = st.one_of(
    st.lists(st.one_of(WORD, st.text(max_size=30)), max_size=9).map(" ".join),
    st.lists(WORD, max_size=9).map(", ".join),
)


@settings(max_examples=300, deadline=None)
@given(domain=ANSWER, producers=ANSWER, consumers=ANSWER, consistency=ANSWER)
@example(domain="x" * 5_000, producers="y" * 5_000, consumers="z" * 5_000, consistency="w" * 5_000)
@example(
    domain="order",
    producers="a1 reports order",
    consumers="b reserves order, c reserves order",
    consistency="once for 0s",
)
def test_any_answer_is_refused_or_becomes_a_brief_without_a_finding(
    domain: str, producers: str, consumers: str, consistency: str
) -> None:
    """Markup, code, signs for a terminal and keywords in answers become names, texts, or a refusal."""
    try:
        text, design = drafted(domain, producers, consumers, consistency)
    except AnswerRefused:
        return
    unkept = {each.rule for each in check(design).to_mend}
    assert unkept <= {"staleness-tighter-than-polling"}, text  # such as "at most 5 ms behind"
    assert text.isascii() and not re.search(r"[^\n -~]", text)
    check_names(design)  # a name that Python or a project has already could not be built


def test_a_wish_that_nothing_can_keep_is_written_down_and_found_by_the_check() -> None:
    _, design = drafted("orders", "shop", "billing", "reports are at most 20 ms behind")

    assert [each.rule for each in check(design).to_mend] == ["staleness-tighter-than-polling"]


def test_far_too_many_services_are_refused() -> None:
    with pytest.raises(AnswerRefused, match="names 41 services"):
        read_answers("orders", "shop", ",".join(f"s{n}" for n in range(41)), "")


@pytest.mark.parametrize(
    ("past", "base"),
    [line.split() for line in (
        "Placed Place|Requested Request|Completed Complete|Cancelled Cancel|Shipped Ship|Applied Apply|Taken Take|Paid Pay"
        "|Deleted Delete|Noted Note|Enrolled Enrol|Filled Fill|Joined Join|Voided Void|Included Include|Invoiced Invoice|Renewed Renew"
        "|Refunded Refund|Subscribed Subscribe|Expired Expire|Measured Measure|Scheduled Schedule|Stopped Stop|Verified Verify"
    ).split("|")],
)  # fmt: skip
def test_the_verb_of_an_event(past: str, base: str) -> None:
    assert base_of(past) == base


def test_commands_and_undos_are_named_by_their_verbs() -> None:
    assert command_of("OrderPlaced") == "PlaceOrder"
    assert command_of("NightShift") == "RecordNightShift"
    assert undo_of("ReserveStock") == "ReleaseStock" and past_of("ReleaseStock") == "StockReleased"
    assert undo_of("PaintWall") == "UndoPaintWall" and past_of("CancelTrip") == "TripCancelled"
    assert past_of("UndoPaintWall") == "PaintWallUndone"


def test_the_thing_of_a_sentence_is_the_object_of_its_verb() -> None:
    answer = "A city library: readers borrow books, and pay fines when they are late."
    _, design = drafted(answer, "lending desk", "shelves lends a copy, cashier charges a fine", "")

    assert design.sagas[0].start == "BookRequested"
    assert design.purpose.value == answer
