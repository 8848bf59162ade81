"""Commands that wait too long: an alert once, its end once, and a line of the doctor for the people that owe the answer."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest
from tests.integration.waiting.claims_app import ClaimApproved, DecideClaim, FileClaim, app
from tests.integration.waiting.test_tasks import waiting
from tests.waiting import until

from partita import App, days
from partita.alerts.firing import firing
from partita.errors import Pending
from partita.observability.doctor.services import check_services
from partita.observability.reach import looking


async def aged(running: App, age_s: float, of: str = "saga <> ''") -> None:
    """The commands that wait are older by that much."""
    async with running.store("desk").transaction() as session:
        await session.execute(f"UPDATE pending SET at_us = at_us - {round(age_s * 1_000_000)} WHERE {of}", {})


async def fires(running: App) -> list[str]:
    """The alerts about commands that wait, of the desk."""
    async with looking(running, running.settings.data) as sight:
        found = await firing(running, sight)
    return sorted(each.name for each in found.alarms if each.name.startswith("Pending") and each.service == "desk")


async def lines(running: App) -> list[tuple[str, str]]:
    """The doctor's lines about commands that wait."""
    found = await check_services(running, running.settings.data, ())
    return [(each.level, each.found) for each in found if each.what == "commands of desk"]


async def test_a_command_over_the_time_of_its_step_is_reported_once_and_so_is_its_end(
    tmp_path: Path, store: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The step has thirty days. Before that nothing is wrong; an answer ends the alert."""
    running = app.configured(replace(app.settings, data=tmp_path, store=store, alert_every_s=0.05))

    def said(what: str) -> int:
        return sum(f"alert PendingOverdue {what}" in each for each in caplog.messages)

    async with running.running():
        await running.send(FileClaim(claim_id="c1", cents=5))
        ((task_id),) = await until(lambda: waiting(running))
        await aged(running, days(29))
        assert await fires(running) == []
        ((level, text),) = await lines(running)
        assert level == "ok" and "1 of adjusters, the oldest waits 29d" in text
        with caplog.at_level(logging.WARNING):
            await aged(running, days(2))
            assert await fires(running) == ["PendingOverdue"]

            async def reported() -> int:
                return said("firing")

            await until(reported)
            ((level, text),) = await lines(running)
            assert level == "bad" and "decide of Claim is over its time by" in text
            await running.reply(task_id, ClaimApproved(claim_id="c1", amount=1), by="anna")

            async def ended() -> int:
                return said("resolved")

            await until(ended)
            assert (said("firing"), said("resolved")) == (1, 1)
        assert await fires(running) == [] and await lines(running) == []


async def test_a_command_without_a_saga_is_reported_after_a_month(tmp_path: Path, store: str) -> None:
    """No step ends its wait, so no saga would notice."""
    running = app.configured(replace(app.settings, data=tmp_path, store=store))
    async with running.running():
        with pytest.raises(Pending):
            await running.send(DecideClaim(claim_id="c9", cents=1))
        await aged(running, days(29), "saga = ''")
        assert await fires(running) == []
        await aged(running, days(2), "saga = ''")
        assert await fires(running) == ["PendingForgotten"]
        ((level, _),) = await lines(running)
        assert level == "ok"
