"""Claims that people decide, refuse, forget or withdraw while all processes are killed.

The services and handlers are those of `partita.examples.claims`; the saga has the same steps, with seconds for days, and
reserves the cover beside the screening.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

from tests.processes.world.deeds import Deed, Deeds
from tests.processes.world.member import LIFE_S, LOOK_S, its_turn, surely
from tests.processes.world.mortal import MortalApp
from tests.waiting import the_time, until

from partita import App, Conflict, NotFound, Saga, minutes, pivot, retriable, step
from partita.examples.claims import app as example
from partita.examples.claims.messages import (
    ClaimApproved,
    ClaimClosed,
    ClaimFiled,
    ClaimId,
    ClaimNotOpen,
    ClaimRefused,
    ClaimWithdrawn,
    CloseFraudCase,
    DecideClaim,
    EscalateClaim,
    FileClaim,
    OpenPolicy,
    PolicyId,
    ReleaseCoverage,
    RemindAdjuster,
    ReserveCoverage,
    ScreenFraud,
    SendPayout,
    WithdrawClaim,
    WithdrawDecision,
)
from partita.examples.claims.services import claims
from partita.examples.proof.facts import Messages
from partita.examples.proof.reading import Fetch
from partita.sagas import after, on, parallel

SCALE = float(os.environ.get("WORLD_SCALE") or 0.02)
"""A minute of the saga is 1.2 seconds."""
TIME_S = 300.0 * SCALE
"""The time of the adjusters."""
LATE_S = TIME_S * 1.5
COUNT = int(os.environ.get("WORLD_COUNT", "16"))
SUM_CENTS, CLAIMED_CENTS = 1_000_000, 70_000
CLAIMS_OF_A_POLICY = 5
"""From the fourth on they are a suspicion, so a step is refused whose neighbour is on its way."""
SERVED_BY_PEOPLE = ("claims-service", "policy-service", "adjuster-desk")
STEPS = ("reserve", "screen", "decide", "pay")

claims.declared.sagas.clear()  # that of the example has days


class HandleClaim(Saga, start=ClaimFiled, deadline=minutes(60), undone=ClaimClosed, of=claims):
    """As the example's."""

    reserve = step(ReserveCoverage, undo=ReleaseCoverage, timeout=minutes(4))
    screen = step(ScreenFraud, undo=CloseFraudCase, timeout=minutes(4))
    parallel(reserve, screen)
    decide = pivot(
        DecideClaim,
        undo=WithdrawDecision,
        timeout=minutes(5),
        timers=(after(minutes(1), RemindAdjuster), after(minutes(2), RemindAdjuster), after(minutes(3), EscalateClaim)),
    )
    pay = retriable(SendPayout, timeout=minutes(2))
    withdrawn = on(ClaimWithdrawn, then="cancel")


app: App = example.app
PLANS: tuple[tuple[tuple[float, str], ...], ...] = (
    ((0.08, "approve"),),
    ((0.3, "approve"), (0.32, "approve")),
    ((0.08, "approve"), (0.1, "refuse")),
    ((0.17, "refuse"), (0.2, "approve")),
    ((0.7, "approve by link"),),
    (),
    ((LATE_S / TIME_S, "approve"),),
    ((0.98, "approve"),),
    ((0.13, "withdraw"),),
    ((0.05, "approve"), (0.08, "withdraw")),
    ((0.33, "cancel"),),
    ((0.43, "refuse"), (0.45, "withdraw")),
)
"""For each claim the deeds of people, and when: in parts of the adjusters' time, after they got it."""


def plan_of(number: int) -> tuple[tuple[float, str], ...]:
    """The deeds about a claim."""
    return PLANS[number % len(PLANS)]


def is_over(deeds: Deeds) -> bool:
    """Whether every deed has its result."""
    done = Counter(deed.about for deed in deeds.all())
    return all(done[f"claim-{number}"] >= 1 + len(plan_of(number)) for number in range(COUNT))


async def live(system: MortalApp, data: Path) -> None:
    """File all claims, and decide them as planned. A claim with a result is not done again."""
    await asyncio.gather(*(_live(system, data, number) for number in range(COUNT)))


async def _live(system: MortalApp, data: Path, number: int) -> None:
    deeds = Deeds(data / "deeds")
    claim, policy = ClaimId(f"claim-{number}"), PolicyId(f"policy-{number // CLAIMS_OF_A_POLICY}")
    done = [deed for deed in deeds.all() if deed.about == claim]
    if not done:
        await its_turn(data, number / COUNT)
        opens = OpenPolicy(policy_id=policy, sum_cents=SUM_CENTS)
        await surely(partial(system.send, opens, idempotency_key=f"{policy} opened"))
        files = FileClaim(claim_id=claim, policy_id=policy, loss="a burst pipe", claimed_cents=CLAIMED_CENTS)
        await surely(partial(system.send, files))
        deeds.add(claim, "file", "ok")
    for part, what in plan_of(number)[max(len(done) - 1, 0) :]:
        reply_to, at_us = await _asked(system, claim)
        due_s = at_us / 1e6 + part * TIME_S - await _now_s(system)
        await the_time(due_s)
        deeds.add(claim, what, await _do(system, claim, what, reply_to))


async def _do(system: MortalApp, claim: ClaimId, what: str, reply_to: str) -> str:
    approved = ClaimApproved(claim_id=claim, amount_cents=CLAIMED_CENTS - 20_000)
    match what:
        case "withdraw":
            found = await surely(partial(system.send, WithdrawClaim(claim_id=claim)), ClaimNotOpen)
        case "cancel":
            found = await surely(partial(system.cancel, HandleClaim, claim, reason="a call", by="eve"), Conflict)
        case _ if not reply_to:
            return "never asked"
        case "approve by link":
            token = system.reply_token(reply_to, lasts=60.0)
            found = await surely(partial(system.reply_by_token, token, approved, by="a link"), Conflict, NotFound)
        case _:
            answer = approved if what == "approve" else ClaimRefused(reason="no photos")
            found = await surely(partial(system.reply, reply_to, answer, by="anna"), Conflict, NotFound)
    return type(found).__name__ if isinstance(found, Exception) else "ok"


async def _asked(system: MortalApp, claim: str) -> tuple[str, int]:
    """The id under which the adjusters have a claim, and when they got it; without an id when it was closed before."""
    closed = "SELECT status FROM filed_claim WHERE claim_id = :claim AND status = 'closed'"

    async def look() -> tuple[str, int] | None:
        rows = await _rows(system, "adjuster-desk", "SELECT reply_to, at_us FROM pending WHERE key = :claim", claim)
        if rows:
            return rows[0]["reply_to"], rows[0]["at_us"]
        is_closed = await _rows(system, "claims-service", closed, claim)
        await the_time(LOOK_S)
        return ("", 0) if is_closed else None

    found: tuple[str, int] = await until(look, LIFE_S)
    return found


async def _rows(system: MortalApp, service: str, sql: str, claim: str) -> list[Any]:
    async def read() -> list[Any]:
        async with system.store(service).reading() as session:
            return list(await session.fetch(sql, {"claim": claim}))

    return list(await surely(read))


async def _now_s(system: MortalApp) -> float:
    return float(await system.store("adjuster-desk").now_us()) / 1e6


def audit(facts: Messages, deeds: Deeds, wrong: list[str]) -> dict[str, int]:
    """Judge the claims by the tables of the services and by the deeds; returns how many ended how."""
    fetch = facts.fetch
    status: dict[str, str] = dict(fetch("claims-service", "SELECT claim_id, status FROM filed_claim"))
    sagas: dict[str, str] = dict(fetch("claims-service", "SELECT saga_id, status FROM saga"))
    paid: dict[str, int] = dict(fetch("payout-service", "SELECT claim_id, cents FROM payout"))
    cover = {row[0]: row[1:] for row in fetch("policy-service", "SELECT claim_id, status, cents, policy_id FROM cover")}
    cases: dict[str, str] = dict(fetch("fraud-service", "SELECT claim_id, status FROM fraud_case"))
    undone = {row[0] for row in fetch("adjuster-desk", "SELECT saga_id FROM tombstone WHERE step = 'decide'")}
    did = _by_claim(deeds.all())
    for number in range(COUNT):
        claim = f"claim-{number}"
        end, saga = status.get(claim), sagas.get(claim)
        if (end, saga) not in (("paid", "completed"), ("closed", "undone")):
            wrong.append(f"lost: {claim} was filed and is {end}, its saga {saga}")
        if (end == "paid") != (claim in paid):
            wrong.append(f"ghost: {claim} is {end}, and the bank paid {paid.get(claim)}")
        kept = cover.get(claim, ("none", 0, ""))[:2]
        if end == "paid" and kept != ("used", paid.get(claim)):
            wrong.append(f"money: {claim} was paid {paid.get(claim)}, its cover is {kept}")
        if end == "closed" and (kept[0] not in ("none", "released") or cases.get(claim, "closed") != "closed"):
            wrong.append(f"money: {claim} is closed, its cover is {kept}, its case {cases.get(claim)}")
        wrong += [f"{what}: {claim}" for what in _of_deeds(did[claim], end == "paid", claim in undone)]
    _of_policies(fetch, cover, wrong)
    _of_reminders(facts, wrong)
    _of_answers(facts, did, wrong)
    ends: Counter[str] = Counter(f"{deed.what} {deed.result}" for deed in deeds.all())
    return {**Counter(status.values()), **ends, "reminders": len(fetch("adjuster-desk", "SELECT claim_id FROM letter"))}


def _by_claim(deeds: list[Deed]) -> dict[str, list[Deed]]:
    found: dict[str, list[Deed]] = {f"claim-{number}": [] for number in range(COUNT)}
    for deed in deeds:
        found[deed.about].append(deed)
    return found


def _of_deeds(deeds: list[Deed], paid: bool, undone: bool) -> list[str]:
    """The errors of one claim's end beside the results that its people got."""
    wrong: list[str] = []
    results = {deed.what.removesuffix(" by link"): deed.result for deed in reversed(deeds)}  # of the first of each kind
    decided = [deed for deed in deeds if deed.what.startswith(("approve", "refuse"))]
    first = next((deed.what for deed in decided if deed.result == "ok"), "")
    if first.startswith("approve") and not paid and not undone:
        wrong.append("lost: approved, and neither paid nor undone")
    if paid and not first.startswith("approve"):
        wrong.append(f"ghost: paid, and the adjusters have {results}")
    if any(deed.result == "Overtaken" for deed in decided) and (paid or first):
        wrong.append(f"ghost: an answer came too late for a claim that was answered: {results}")
    if any(deed.result == "NotFound" for deed in decided):
        wrong.append(f"lost: the adjusters were asked, and no answer is taken: {results}")
    for deed in decided:
        same = deed.what.split()[0] == first.split()[0] if first else False
        if deed.result == "ok" and not same:
            wrong.append(f"duplicate: two answers count: {results}")
        if deed.result == "Conflict" and (not first or same):
            wrong.append(f"ghost: an answer was refused beside {first or 'none'}: {results}")
    if results.get("cancel") == "ok" and paid:
        wrong.append("ghost: cancelled, and paid")
    return wrong


def _of_policies(fetch: Fetch, cover: dict[str, Any], wrong: list[str]) -> None:
    for policy, free in fetch("policy-service", "SELECT policy_id, free_cents FROM policy"):
        used = sum(cents for status, cents, of in cover.values() if of == policy and status != "released")
        if free + used != SUM_CENTS:
            wrong.append(f"money: {policy} has {free} free and {used} used of {SUM_CENTS}")


def _of_reminders(facts: Messages, wrong: list[str]) -> None:
    """Each reminder is in the history, was sent and was handled once; none was sent when its step did not wait."""
    fetch = facts.fetch
    sent = Counter(row[0] for row in facts.kept("claims-service", "RemindAdjuster", "EscalateClaim"))
    handled = Counter(row[0] for row in facts.kept("adjuster-desk", "AdjusterReminded", "ClaimEscalated"))
    letters = Counter(row[0] for row in fetch("adjuster-desk", "SELECT claim_id FROM letter"))
    noted: Counter[str] = Counter()
    waiting: dict[str, bool] = {}
    done: Counter[str] = Counter()
    for _, claim, _, _, kind, of, *_ in facts.histories("claims-service"):
        if kind == "done" and of in ("reserve", "screen"):
            done[claim] += 1
            waiting[claim] = done[claim] == 2
        elif kind in ("done", "refused", "timeout", "undoing") and of == "decide":
            waiting[claim] = False
        elif kind == "reminded":
            noted[claim] += 1
            if not waiting.get(claim):
                wrong.append(f"ghost: {claim} was reminded while nobody had to decide")
    for claim in {*sent, *handled, *noted, *letters}:
        counts = (noted[claim], sent[claim], handled[claim])
        if len(set(counts)) > 1 or letters[claim] > handled[claim] or handled[claim] > 3:
            word = "lost" if handled[claim] < sent[claim] else "duplicate"
            wrong.append(f"{word}: reminders of {claim}: noted, sent, handled {counts}, {letters[claim]} letters")


def _of_answers(facts: Messages, did: dict[str, list[Deed]], wrong: list[str]) -> None:
    """An approval that counts leaves once, and is kept; a withdrawal is heard."""
    left = Counter(row[0] for row in facts.kept("adjuster-desk", "ClaimApproved"))
    heard = {entry.saga_id for entry in facts.histories("claims-service") if entry.kind == "heard"}
    for claim, deeds in did.items():
        decided = [deed for deed in deeds if deed.what.startswith(("approve", "refuse")) and deed.result == "ok"]
        approved = bool(decided) and decided[0].what.startswith("approve")
        if left[claim] != approved:
            wrong.append(f"{'lost' if approved else 'duplicate'}: {left[claim]} approvals of {claim} were sent")
        withdrawn = any(deed.what == "withdraw" and deed.result == "ok" for deed in deeds)
        if withdrawn and claim not in heard:
            wrong.append(f"lost: the withdrawal of {claim} was not heard")
