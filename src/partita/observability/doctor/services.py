"""Each running service: its processes, the workers that fail or are stuck, and the messages that wait for an operator."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from partita.bus.port import GroupLag
from partita.errors import NotFound, PartitaError
from partita.observability.declarations import Declarations
from partita.observability.doctor.pending import check_pending
from partita.observability.reach import BUS, looking
from partita.observability.why import why_key
from partita.observability.workers import behind, in_words, nobody, still_said
from partita.store.dead_letters import LetterFilter
from partita.store.port import Store
from partita.topics.health import Finding

KEYS_MAX = 20
QUESTIONS = 4


async def check_services(app: Declarations, data: Path, silent: Collection[str]) -> list[Finding]:
    """The findings of each service whose database answers; other lines of the doctor name the databases that do not answer."""
    try:
        async with looking(app, data, leave_out=silent) as sight:
            lags = await sight.lags()
            answers = await sight.ask_all(
                {name: _of_service(app, store, lags) for name, store in sight.stores.items()}, times=QUESTIONS
            )
            unknown = sight.unknown.get(BUS)
    except NotFound:
        return []  # nothing has run yet
    except PartitaError:
        return []  # the line of the database says so
    found = [finding for findings in answers.values() for finding in findings]
    if unknown is not None:
        found.append(
            Finding(
                "bad",
                "groups",
                f"how far they are behind and which processes run them is unknown: {unknown}",
                "Does the bus run?",
            )
        )
    return found


async def _of_service(app: Declarations, store: Store, lags: Sequence[GroupLag] | None) -> list[Finding]:
    name, now_us = store.name, await store.now_us()
    where = behind(lags, name, now_us)
    found: list[Finding] = []
    absent = nobody(name, where)
    if absent:
        found.append(Finding("bad" if where.messages else "note", name, absent, f"Start it: partita run --only {name}"))
    for state in await store.workers.reported():
        fix = "partita why; a time limit: timeout= of the handler" if state.state == "stuck" else "partita why"
        found.append(Finding("bad", name, in_words(state, now_us), fix))
    async with store.reading() as session:
        paused = await session.groups.paused(name)
        said = still_said(await session.groups.said(name), lags, name)
        parked = await session.parking.status(name)
        letters = await session.dead_letters.count(name, LetterFilter())
        pending = await session.pending.ages()
        keys = await session.parking.keys(name, KEYS_MAX) if parked.gap + parked.dead + parked.waiting else []
        waits = [await why_key(session, name, topic, key, now_us) for topic, key in keys]
    if paused is not None:
        found.append(
            Finding("note", name, f"is paused: {paused[0] or 'no reason given'}", f"partita consumers resume {name}")
        )
    for each in said:
        if each.what in ("storm", "full"):
            found.append(Finding("bad", name, f"{each.what} of {each.subject or name}: {each.detail}", "partita why"))
    found += check_pending(app, name, pending, now_us)
    if letters:
        waiting = f"{letters:,} wait for an operator"
        found.append(Finding("note", f"dead letters of {name}", waiting, "partita dlq groups"))
    if parked.gap + parked.dead + parked.waiting + parked.behind + parked.ready:
        counts = [
            (parked.waiting, "wait for their next try"),
            (parked.behind, "behind others"),
            (parked.gap, "for a gap"),
        ]
        counts += [(parked.ready, "ready"), (parked.dead, "for a person")]
        text = "; ".join([", ".join(f"{n} {what}" for n, what in counts if n), *waits[:3]])
        gap = "; partita consumers accept-gap" if parked.gap else ""
        found.append(
            Finding(
                "bad" if parked.gap else "note",
                f"parking of {name}",
                text,
                f"partita why gives the reason for each{gap}",
            )
        )
    return found
