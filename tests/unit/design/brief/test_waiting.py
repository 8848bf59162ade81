"""The messages of a step that waits belong to the catalog, the topics and the numbers of a design like all others."""

from __future__ import annotations

from pathlib import Path

import pytest

from partita.design.brief.reading import read_brief
from partita.design.checking.rules import check
from partita.design.document.traffic import of_command, of_event, parts_of_producer
from partita.design.model.design import Design

DESIGNS = Path(__file__).resolve().parents[4] / "docs/designs"


@pytest.fixture(scope="module")
def claims() -> Design:
    return read_brief((DESIGNS / "claims.yaml").read_text(encoding="utf-8"), "claims.yaml")


@pytest.fixture(scope="module")
def orders() -> Design:
    text = (DESIGNS / "orders.yaml").read_text(encoding="utf-8")
    assert text.count("pivot: yes") == 1
    return read_brief(text, "orders.yaml")


def test_a_reminder_is_a_command_whose_answer_the_saga_hears(claims: Design) -> None:
    step = next(step for _, step in claims.steps if step.timers)

    for timer in step.timers:
        command = claims.command(timer.do)
        assert (command.to, command.key) == (step.at, "claim_id")
        assert claims.event(command.reply).by == step.at
        assert claims.consumers(command.reply) == ("claims-service",)


def test_a_question_is_a_command_with_the_step_s_answer_and_a_refusal_of_its_own(orders: Design) -> None:
    saga, step = next((saga, step) for saga, step in orders.steps if step.ask)
    asked = orders.command(step.ask)

    assert asked.asks == step.do
    assert asked.reply == step.ok
    assert asked.fields == orders.command(step.do).fields
    assert orders.event(asked.refusals[0]).kind == "refusal"
    assert saga.at in orders.consumers(asked.refusals[0])


def test_they_cost_room_in_the_outbox_and_are_rarer_than_their_steps(orders: Design) -> None:
    saga, step = next((saga, step) for saga, step in orders.steps if step.ask)
    asked = orders.command(step.ask)

    assert 0 < of_command(orders, asked).steady < of_command(orders, orders.command(step.do)).steady
    assert of_command(orders, asked) in parts_of_producer(orders, saga.at)
    assert of_event(orders, orders.event(asked.refusals[0])).steady == of_command(orders, asked).steady


def test_an_event_of_the_brief_with_the_name_of_such_an_answer_is_found() -> None:
    text = (DESIGNS / "claims.yaml").read_text(encoding="utf-8")
    taken = "events:\n  DecideClaimReminded: {by: claims-service, key: claim_id, data: {claim_id: id}}\n"

    verdict = check(read_brief(text.replace("events:\n", taken, 1), "claims.yaml"))

    assert "taken-name" in {each.rule for each in verdict.to_mend}
