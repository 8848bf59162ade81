"""The third example: each way in which a claim can end, on a clock that the test owns, from the command line and on PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.entries import entries_in
from tests.waiting import until, until_blocking

from partita import Conflict, Settings, days, hours
from partita.cli.journey import drawing
from partita.examples.claims.app import app, one_claim
from partita.examples.claims.messages import (
    ClaimApproved,
    ClaimClosed,
    ClaimId,
    ClaimNotOpen,
    ClaimRefused,
    ClaimWithdrawn,
    DecideClaim,
    EscalateClaim,
    FileClaim,
    OpenPolicy,
    PayoutSent,
    PolicyId,
    RemindAdjuster,
    ReserveCoverage,
    ScreenFraud,
    SendPayout,
    WithdrawClaim,
)
from partita.examples.claims.sagas import HandleClaim
from partita.observability.journey import journey
from partita.testing.scenario import Scenario
from partita.waiting import Overtaken

BRIEF = Path(__file__).parents[4] / "docs/designs/claims.yaml"
CLAIM, POLICY = ClaimId("claim-1"), PolicyId("policy-7")
FILE = FileClaim(claim_id=CLAIM, policy_id=POLICY, loss="a burst pipe", claimed_cents=120_000)
APPROVED = ClaimApproved(claim_id=CLAIM, amount_cents=90_000)


async def filed(t: Scenario) -> str:
    """A claim that waits for an adjuster: the id of its task."""
    await t.send(OpenPolicy(policy_id=POLICY, sum_cents=100_000))
    await t.send(FILE)
    (task,) = await t.pending(DecideClaim)
    return task


async def state(t: Scenario) -> dict[str, Any]:
    """The state of the claim in the five services."""
    claim = await t.fetch("claims-service", "SELECT status, reason, paid_cents FROM filed_claim")
    policy = await t.fetch("policy-service", "SELECT free_cents FROM policy")
    cover = await t.fetch("policy-service", "SELECT status FROM cover")
    case = await t.fetch("fraud-service", "SELECT status FROM fraud_case")
    payout = await t.fetch("payout-service", "SELECT cents FROM payout")
    return {
        "claim": [tuple(row.values()) for row in claim],
        "free": policy[0]["free_cents"],
        "cover": [row["status"] for row in cover],
        "case": [row["status"] for row in case],
        "payout": [row["cents"] for row in payout],
    }


async def letters(t: Scenario) -> list[str]:
    """The receivers of the desk's letters, in order."""
    rows = await t.fetch("adjuster-desk", "SELECT receiver FROM letter ORDER BY number")
    return [row["receiver"] for row in rows]


def closed(why: str) -> dict[str, Any]:
    """The claim is closed, the whole cover is free, and no money has left."""
    return {"claim": [("closed", why, 0)], "free": 100_000, "cover": ["released"], "case": ["closed"], "payout": []}


PAID = {"claim": [("paid", "", 90_000)], "free": 10_000, "cover": ["used"], "case": ["open"], "payout": [90_000]}


async def test_a_person_decides_after_twelve_days_and_two_reminders() -> None:
    async with app.testing() as t:
        task = await filed(t)
        await t.advance(days(5) - 1)
        assert await letters(t) == []
        await t.advance(1)
        assert await letters(t) == ["adjusters"]
        await t.advance(days(7))
        assert await letters(t) == ["adjusters", "adjusters"]
        assert await t.saga(HandleClaim, CLAIM) == "running"

        await t.reply(task, APPROVED, by="anna")
        assert await t.saga(HandleClaim, CLAIM) == "completed"
        assert await state(t) == PAID
        await t.advance(days(30))
        await t.settled()
        assert await letters(t) == ["adjusters", "adjusters"]
        assert not t.sent(EscalateClaim) and not t.published(ClaimClosed)


async def test_after_fifteen_days_the_head_of_the_adjusters_is_asked_and_may_still_approve() -> None:
    async with app.testing() as t:
        task = await filed(t)
        await t.advance(days(15))
        assert await letters(t) == ["adjusters", "adjusters", "head of adjusters"]
        await t.advance(days(4))
        await t.reply(task, APPROVED, by="the head")
        await t.settled()
        assert await state(t) == PAID


async def test_silence_for_twenty_days_closes_the_claim_and_a_late_decision_is_a_conflict() -> None:
    async with app.testing() as t:
        task = await filed(t)
        await t.advance(days(20) - 1)
        assert await t.saga(HandleClaim, CLAIM) == "running"
        await t.advance(1)
        await t.settled()
        assert await t.saga(HandleClaim, CLAIM) == "undone"
        assert await state(t) == closed("decide timed out")
        assert await t.pending(DecideClaim) == []

        with pytest.raises(Overtaken):
            await t.reply(task, APPROVED, by="anna")
        await t.advance(days(30))
        await t.settled()
        assert await state(t) == closed("decide timed out")
        assert not t.published(ClaimApproved)


async def test_a_refusal_gives_the_cover_back() -> None:
    async with app.testing() as t:
        task = await filed(t)
        assert (await state(t))["free"] == 0
        await t.reply(task, ClaimRefused(reason="not in the contract"), by="anna")
        await t.settled()
        assert await state(t) == closed("ClaimRefused")
        with pytest.raises(ClaimNotOpen, match="closed"):
            await t.send(WithdrawClaim(claim_id=CLAIM))
        await t.advance(days(30))
        assert await letters(t) == []


@pytest.mark.parametrize("after_days", [0, 12])
async def test_a_claim_that_is_withdrawn_before_the_decision_leaves_the_desk(after_days: int) -> None:
    async with app.testing() as t:
        task = await filed(t)
        await t.advance(days(after_days))
        await t.send(WithdrawClaim(claim_id=CLAIM))
        await t.settled()
        assert await state(t) == closed("ClaimWithdrawn")
        assert await t.pending(DecideClaim) == []
        with pytest.raises(Overtaken):
            await t.reply(task, APPROVED, by="anna")
        await t.advance(days(30))
        assert len(await letters(t)) == after_days // 5


async def test_a_withdrawal_while_a_service_is_away_closes_the_claim_when_it_is_back() -> None:
    """The undo waits behind its command. No adjuster ever sees the claim."""
    async with app.testing() as t:
        await t.send(OpenPolicy(policy_id=POLICY, sum_cents=100_000))
        t.stub(ScreenFraud).is_away()
        await t.send(FILE)
        await t.send(WithdrawClaim(claim_id=CLAIM))
        await t.advance(60)
        assert await t.saga(HandleClaim, CLAIM) == "compensating"
        t.stub(ScreenFraud).is_real()
        await t.advance(hours(1))
        await t.settled()
        assert await state(t) == closed("ClaimWithdrawn")
        assert not t.sent(DecideClaim)


async def test_a_withdrawal_after_the_approval_is_noted_and_the_claim_is_paid() -> None:
    """The saga is past its point of no return: the event is an entry in its history."""
    async with app.testing() as t:
        task = await filed(t)
        t.stub(SendPayout).is_away()
        await t.reply(task, APPROVED, by="anna")
        await t.send(WithdrawClaim(claim_id=CLAIM))
        assert len(t.published(ClaimWithdrawn)) == 1
        assert await t.saga(HandleClaim, CLAIM) == "running"
        assert len(await entries_in(t, "claims-service", "heard")) == 1

        t.stub(SendPayout).is_real()
        await t.advance(hours(2))
        await t.settled()
        assert await state(t) == PAID


async def test_a_paid_claim_is_not_withdrawn() -> None:
    async with app.testing() as t:
        await t.reply(await filed(t), APPROVED, by="anna")
        with pytest.raises(ClaimNotOpen, match="paid"):
            await t.send(WithdrawClaim(claim_id=CLAIM))
        await t.settled()
        assert await state(t) == PAID


async def test_buttons_that_are_pressed_twice_count_once() -> None:
    """The form, the decision and the withdrawal; another decision after the first is a conflict that names both."""
    async with app.testing() as t:
        task = await filed(t)
        assert (await t.send(FILE)).claim_id == CLAIM
        await t.reply(task, APPROVED, by="anna")
        await t.reply(task, APPROVED, by="anna")
        with pytest.raises(Conflict, match="anna"):
            await t.reply(task, ClaimRefused(reason="a second look"), by="bert")
        await t.settled()
        assert await state(t) == PAID
        assert [len(t.published(event)) for event in (ClaimApproved, PayoutSent)] == [1, 1]


async def test_two_presses_of_the_withdrawal_are_one() -> None:
    async with app.testing() as t:
        await t.send(OpenPolicy(policy_id=POLICY, sum_cents=100_000))
        with pytest.raises(ClaimNotOpen, match="unknown"):
            await t.send(WithdrawClaim(claim_id=ClaimId("claim-2")))
        await t.send(FILE)
        first = await t.send(WithdrawClaim(claim_id=CLAIM))
        assert await t.send(WithdrawClaim(claim_id=CLAIM)) == first
        await t.settled()
        assert len(t.published(ClaimWithdrawn)) == len(t.published(ClaimClosed)) == 1


@pytest.mark.parametrize(("amount", "paid"), [(100_000, 100_000), (5_000_000, 100_000), (1, 1)])
async def test_paid_is_never_more_than_the_confirmed_cover(amount: int, paid: int) -> None:
    async with app.testing() as t:
        task = await filed(t)
        await t.reply(task, ClaimApproved(claim_id=CLAIM, amount_cents=amount), by="anna")
        await t.settled()
        ends = await state(t)
        assert (ends["payout"], ends["free"]) == ([paid], 100_000 - paid)


async def test_a_claim_without_cover_reaches_no_adjuster() -> None:
    """The first claim keeps the whole sum of the policy; after its refusal the next one has it."""
    async with app.testing() as t:
        task = await filed(t)
        for number in (2, 3):
            await t.send(
                FileClaim(claim_id=ClaimId(f"claim-{number}"), policy_id=POLICY, loss="a fire", claimed_cents=1)
            )
            if number == 2:
                assert await t.saga(HandleClaim, "claim-2") == "undone"
                await t.reply(task, ClaimRefused(reason="not in the contract"), by="anna")
        assert await t.saga(HandleClaim, "claim-3") == "running"
        assert len(await t.pending(DecideClaim)) == 1
        assert [event.reason for event in t.published(ClaimClosed)] == ["CoverageDenied", "ClaimRefused"]


async def test_the_fourth_claim_of_a_policy_is_a_suspicion() -> None:
    async with app.testing() as t:
        await t.send(OpenPolicy(policy_id=POLICY, sum_cents=100_000))
        for number in range(1, 5):
            await t.send(
                FileClaim(claim_id=ClaimId(f"claim-{number}"), policy_id=POLICY, loss="a bicycle", claimed_cents=100)
            )
        assert [await t.saga(HandleClaim, f"claim-{number}") for number in range(1, 5)] == ["running"] * 3 + ["undone"]
        assert [event.reason for event in t.published(ClaimClosed)] == ["FraudSuspected"]
        assert (await state(t))["free"] == 100_000 - 300


@pytest.mark.parametrize("command", [ReserveCoverage, ScreenFraud, RemindAdjuster, SendPayout])
async def test_answers_that_arrive_twice_or_late_change_nothing(command: Any) -> None:
    async with app.testing() as t:
        t.stub(command).answers_twice()
        task = await filed(t)
        await t.advance(days(6))
        await t.reply(task, APPROVED, by="anna")
        await t.advance(hours(3))
        await t.settled()
        assert await state(t) == PAID
        assert len(t.published(PayoutSent)) == 1


async def test_a_reminder_that_comes_after_the_decision_writes_no_letter() -> None:
    async with app.testing() as t:
        task = await filed(t)
        t.stub(RemindAdjuster).is_away()
        await t.advance(days(5))
        assert len(t.sent(RemindAdjuster)) == 1
        await t.reply(task, APPROVED, by="anna")
        t.stub(RemindAdjuster).is_real()
        await t.advance(hours(1))
        await t.settled()
        assert await letters(t) == []


def test_the_saga_has_the_steps_of_the_design() -> None:
    """The brief in docs/designs and the code are two texts about one claim. The escalation is in the code alone."""
    brief = yaml.safe_load(BRIEF.read_text(encoding="utf-8"))
    flow = brief["flows"]["HandleClaim"]
    length = {"h": hours(1), "d": days(1)}
    definition = HandleClaim.__definition__
    assert [(step["do"], step["ok"], step.get("undo"), step["at"]) for step in flow["steps"]] == [
        (
            s.command.name,
            s.command.reply.__name__ if s.command.reply else None,
            s.undo.name if s.undo else None,
            s.command.service.name,
        )
        for s in definition.steps
    ]
    assert [int(s["timeout"][:-1]) * length[s["timeout"][-1]] for s in flow["steps"]] == [
        s.timeout_s for s in definition.steps
    ]
    reminders = [t.after_s for s in definition.steps for t in s.timers if t.command.cls is RemindAdjuster]
    assert reminders == [days(int(text[:-1])) for text in flow["steps"][2]["remind"]]


@pytest.mark.slow
def test_the_script_and_the_command_line_bring_a_claim_to_its_payout(tmp_path: Path) -> None:
    """As the docstring of the app says, on files that stay: the services in one process, each command in another."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PARTITA_")}
    environment["PARTITA_APP"] = "partita.examples.claims.app:app"

    def command(program: str, *arguments: str) -> list[str]:
        return [str(Path(sys.executable).with_name(program)), *arguments]

    def run(program: str, *arguments: str) -> str:
        done = subprocess.run(
            command(program, *arguments),
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def tasks() -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = json.loads(run("partita", "task", "list", "-o", "json"))["items"]
        return items

    def paid() -> bool:
        return "completed" in run("partita", "saga", "list")

    first = run("python", "-m", "partita.examples.claims.app")
    services = subprocess.Popen(command("partita", "run"), cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL)
    try:
        (task,) = until_blocking(tasks)
        assert task["title"] == "Decide claim claim-1: 120000 cents claimed"
        run(
            "partita",
            *f"task do {task['id']} ClaimApproved amount_cents=90000 --as anna --yes --reason".split(),
            "photos seen",
        )
        until_blocking(paid)
        assert run("python", "-m", "partita.examples.claims.app") == first
        assert "PayoutSent" in run("partita", "journey", CLAIM)
        assert "anna" in run("partita", "audit", "list")
    finally:
        services.terminate()
        assert services.wait(timeout=60) == 0


@pytest.mark.slow
async def test_the_claims_run_on_postgresql(database: str, tmp_path: Path) -> None:
    """Their SQL is one text for both databases; here the log is in PostgreSQL as well."""
    insurer = app.configured(Settings(data=tmp_path, store=database, bus=database))

    async def rows(service: str, sql: str) -> list[dict[str, Any]]:
        async with insurer.store(service).reading() as session:
            return [dict(row) for row in await session.fetch(sql, {})]

    async with insurer.running():
        first = await one_claim(insurer, CLAIM)

        async def waiting() -> bool:
            async with insurer.store("adjuster-desk").reading() as session:
                return len(await session.pending.find(limit=10)) == 1

        await until(waiting)
        async with insurer.store("adjuster-desk").reading() as session:
            (task,) = await session.pending.find(limit=10)
        await insurer.reply(task.reply_to, APPROVED, by="anna")

        async def paid() -> bool:
            return await rows("claims-service", "SELECT status FROM filed_claim") == [{"status": "paid"}]

        await until(paid)
        await insurer.settled()
        assert await one_claim(insurer, CLAIM) == first
        assert await rows("payout-service", "SELECT cents FROM payout") == [{"cents": 90_000}]
        assert await rows("policy-service", "SELECT free_cents FROM policy") == [{"free_cents": 10_000}]


def opened(url: str) -> str:
    """The page that a browser gets."""
    asked = urllib.request.Request(url, headers={"accept": "text/html"})
    with urllib.request.urlopen(asked, timeout=60) as answer:
        return str(answer.read().decode())


def test_the_desk_is_served_to_a_browser(tmp_path: Path) -> None:
    """The example has the one line that mounts it, and its page lists the claim of a person that is signed in."""
    pytest.importorskip("uvicorn", reason="no uvicorn here: pip install 'partita[shop]'")
    environment = {**os.environ, "PARTITA_DATA": str(tmp_path), "PARTITA_ACTOR": "anna", "PORT": "0"}
    environment |= {"PARTITA_SECRET": "a-secret-of-thirty-two-bytes-or-more-for-tests"}

    async def filed_and_waiting() -> None:
        running = app.configured(Settings(data=tmp_path))
        async with running.running():
            await one_claim(running, CLAIM)

            async def ids() -> list[str]:
                async with running.store("adjuster-desk").reading() as session:
                    return [row.reply_to for row in await session.pending.find()]

            await until(ids)

    asyncio.run(filed_and_waiting())
    command = [sys.executable, "-m", "uvicorn", "partita.examples.claims.web:web", "--port", "0"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as served:
        try:
            assert served.stderr is not None
            url = next(found[0] for line in served.stderr if (found := re.search(r"http://[0-9.:]+", line)))
            page = opened(f"{url}/tasks")
            (link,) = re.findall(r'href="(/tasks/[^"]*)"', page)
            task = opened(f"{url}{link}")
        finally:
            served.terminate()
    assert "Decide claim claim-1: 120000 cents claimed" in page
    assert "<dt>next reminder</dt><dd>Remind adjuster, " in task and 'name="partita.token"' in task


@pytest.mark.parametrize("ending", ["approved", "withdrawn", "expired"])
async def test_the_journey_of_a_claim_has_its_wait_in_the_order_of_time(ending: str) -> None:
    """After days the messages are purged: the command that waits, its reminders and its end are shown all the same."""
    async with app.testing() as t:
        task = await filed(t)
        await t.advance(days(21 if ending == "expired" else 12))
        if ending == "approved":
            await t.reply(task, APPROVED, by="anna")
        if ending == "withdrawn":
            await t.send(WithdrawClaim(claim_id=CLAIM))
        await t.settled()
        told = "\n".join(drawing(CLAIM, await journey(t._system.stores, CLAIM)))
    reminded = [f"{day}d" for day in (5, 10)] + (["15d"] if ending == "expired" else [])
    shown = re.findall(r"(\d+d) +(?:HandleClaim claim-1, decide: reminded, )?(?:RemindAdjuster|EscalateClaim)\b", told)
    assert shown == reminded, told
    end = {
        "approved": r"ClaimApproved .*, given by anna",
        "withdrawn": "HandleClaim claim-1, decide: heard, ClaimWithdrawn",
        "expired": "HandleClaim claim-1, decide: timeout, decide timed out",
    }[ending]
    lines = ("DecideClaim ", "kept, waits for an answer", "reminded, RemindAdjuster", end)
    at = [match.start() for each in lines if (match := re.search(each, told))]
    assert len(at) == len(lines) and at == sorted(at), told
    assert ("undone before an answer came" in told) == (ending != "approved")
