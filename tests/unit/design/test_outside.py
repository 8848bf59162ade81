"""Calls outside in a document: which they are, their capacity, their protocol; and refusals, which are messages."""

from __future__ import annotations

import dataclasses

import pytest
from tests.unit.design.domains import design_of

from partita.design.document import arithmetic
from partita.design.document.block import Calculations, Table
from partita.design.document.building import document_of
from partita.design.document.outside import outside, outside_blocks
from partita.design.model.origin import Fact, Origin
from partita.design.model.saga import OnTimeout


@pytest.mark.parametrize(
    ("name", "calls"),
    [("orders", ["ChargePayment"]), ("rides", ["CaptureFare"]), ("claims", ["SendPayout"]), ("fleet", ["ChargeOwner"]), ("library", [])],
)  # fmt: skip
def test_calls_outside_are_found_by_money_once_and_external_services(name: str, calls: list[str]) -> None:
    """A reservation that is taken back by an undo is a row of ours."""
    assert [step.do for _, step in outside(design_of(name))] == calls


def test_a_service_of_others_is_called_at_each_step() -> None:
    """Whatever the step does."""
    design = design_of("orders")
    services = tuple(
        dataclasses.replace(each, kind="external") if each.name == "inventory-service" else each for each in design.services
    )  # fmt: skip
    changed = dataclasses.replace(design, services=services)
    assert [step.do for _, step in outside(changed)] == ["ReserveStock", "ChargePayment"]


def test_a_call_has_the_time_of_its_provider() -> None:
    """400 a second at 0.8 s are 320 at once; 12 partitions alone carry 15 a second."""
    blocks = outside_blocks(design_of("orders"))
    (sums,) = [block for block in blocks if isinstance(block, Calculations)]
    assert [each.result for each in sums.of] == ["320 calls", "15/s", "concurrency=54", "1.62 s"]


@pytest.mark.parametrize(
    ("name", "values", "result"),
    [
        ("orders", "(1 + 2 x 3) x 20 ms + 1 x 800 ms", "940 ms"),
        (
            "claims",
            "(1 + 2 x 4) x 20 ms + 1 x 800 ms + 20 d of adjuster-desk at most",
            "980 ms of machines, 20 d at most with adjuster-desk",
        ),
    ],
)
def test_the_time_of_a_saga_has_that_of_its_providers_and_of_its_people(name: str, values: str, result: str) -> None:
    """A saga waits for each of them; its own messages are the smallest part."""
    design = design_of(name)
    found = arithmetic.p95(design, design.sagas[0])
    assert (found.values, found.result) == (values, result)


def test_steps_that_are_sent_together_take_the_time_of_one() -> None:
    """Their messages and their calls go beside each other."""
    design = design_of("orders")
    (saga,) = design.sagas
    steps = tuple(
        dataclasses.replace(each, beside="reserve_stock") if each.name != "confirm_order" else each
        for each in saga.steps
    )
    together = dataclasses.replace(saga, steps=steps)
    changed = dataclasses.replace(design, sagas=(together,))
    assert arithmetic.p95(changed, together).values == "(1 + 2 x 2) x 20 ms + 1 x 800 ms"


def test_the_protocol_follows_the_reaction_to_silence() -> None:
    """An unknown outcome is undone, asked for, or tried again."""
    design = design_of("orders")
    (saga,) = design.sagas

    def silence(on_timeout: OnTimeout) -> str:
        said: Fact[OnTimeout] = Fact(on_timeout, Origin("declared"))
        steps = tuple(
            dataclasses.replace(each, on_timeout=said, ask="AskChargePayment") if each.kind == "pivot" else each
            for each in saga.steps
        )
        changed = dataclasses.replace(design, sagas=(dataclasses.replace(saga, steps=steps),))
        (protocol,) = [block for block in outside_blocks(changed) if isinstance(block, Table)]
        return protocol.rows[2].cells[2]

    assert silence("undo").startswith("`RefundPayment`")
    assert silence("ask").startswith("`AskChargePayment` first")
    assert silence("retry").startswith("`ChargePayment` again")


def test_a_crash_after_a_call_is_in_the_matrix() -> None:
    """ "Nothing is written" is true of our database alone."""
    document = document_of(design_of("orders"))
    cells = [
        row.cells
        for section in document.sections
        for block in section.blocks
        if isinstance(block, Table)
        for row in block.rows
    ]
    crash = next(each for each in cells if each[:2] == ("`ChargePayment`", "crash before commit"))
    assert "a call outside that had been made is made again, with the same key" in crash[3]
    reserve = next(each for each in cells if each[:2] == ("`ReserveStock`", "crash before commit"))
    assert "outside" not in reserve[3]


def test_refusals_are_messages_with_rate_size_topic_schema_and_marks() -> None:
    """The declared answer "if declined" has to be built as well."""
    document = document_of(design_of("orders"))
    by_number = {section.number: section for section in document.sections}
    for number in ("1", "6", "11", "C"):
        texts = repr(by_number[number].blocks)
        assert "PaymentDeclined" in texts and "StockRejected" in texts, number
    rates = next(b for b in by_number["1"].blocks if isinstance(b, Table) and "steady" in b.columns)
    declined = next(each.cells for each in rates.rows if "`PaymentDeclined`" in each.cells[0])
    assert "2.5/s" in declined


def test_a_command_from_outside_is_known_by_its_caller_and_a_rule_by_the_service_that_it_names() -> None:
    """Three documents of one claim are three; a claim is paid by its payout, and not when it is filed."""
    document = document_of(design_of("claims"))
    (section,) = [section for section in document.sections if section.number == "11"]
    rows = [row.cells for block in section.blocks if isinstance(block, Table) for row in block.rows]
    intake = next(each for each in rows if "`ReceiveDocument`" in each[1])
    assert "the idempotency key of the caller" in intake[2] and "claim_id" not in intake[2]
    argued = repr(section.blocks[-1])
    assert "the mark of `SendPayout`" in argued and "FileClaim" not in argued
