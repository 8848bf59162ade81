"""Reading a service: the numbers for the rules, from its database and the bus."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import MappingProxyType

from partita.alerts.rules import Reading
from partita.bus.port import Bus, GroupLag
from partita.clock import US, Clock
from partita.observability.overdue import Limits, oldest_alone_s, overdue_s
from partita.observability.question import Unanswered, answered
from partita.observability.workers import behind, merged
from partita.store.dead_letters import LetterFilter
from partita.store.port import Store
from partita.store.workers import WorkerState

LOOK_AT = 100
NO_LIMITS: Limits = MappingProxyType({})


async def read(
    store: Store, bus: Bus, clock: Clock, ask_s: float, own: Sequence[WorkerState] = (), limits: Limits = NO_LIMITS
) -> Reading:
    """The service's numbers now. Every query uses a partial index, or sums a few rows.

    The bus has `ask_s` to answer; without its answer the other rules still work, and one of them is about the outbox
    that a silent bus blocks. `own` is this process's knowledge of its own workers, `limits` the times of its sagas' steps.
    """
    of_store, lags = await asyncio.gather(
        read_store(store, own, limits), answered(clock, ask_s, "bus", lambda: bus.lag(store.name))
    )
    return placed(of_store, None if isinstance(lags, Unanswered) else lags, await store.now_us())


def placed(reading: Reading, lags: Sequence[GroupLag] | None, now_us: int) -> Reading:
    """A reading with the group's position; None = the bus does not report it."""
    where = behind(lags, reading.service, now_us)
    return reading._replace(lag=where.messages, behind_s=where.oldest_s, members=where.members)


async def read_store(store: Store, own: Sequence[WorkerState] = (), limits: Limits = NO_LIMITS) -> Reading:
    """The numbers of its database alone; the lag is left open."""
    name, now_us = store.name, await store.now_us()
    workers = merged(await store.workers.reported(), own)
    async with store.reading() as session:
        letters = await session.dead_letters.find(name, 1, LetterFilter())
        count = await session.dead_letters.count(name, LetterFilter())
        attention = await session.sagas.find(status="needs_attention", limit=LOOK_AT)
        compensating = await session.sagas.find(status="compensating", limit=LOOK_AT)
        outbox = await session.outbox.status()
        paused = await session.groups.paused(name)
        said = await session.groups.said(name)
        parked = await session.parking.status(name)
        pending = await session.pending.ages()
    stalled = outbox.oldest_us / US if outbox.pending > outbox.parked else 0.0
    return Reading(
        name,
        count,
        (now_us - letters[0].at_us) / US if letters else 0.0,
        len(attention),
        max(((now_us - row.updated_us) / US for row in compensating), default=0.0),
        stalled,
        outbox.parked,
        tuple(each.subject for each in said if each.what == "storm"),
        (now_us - paused[1]) / US if paused is not None else 0.0,
        parked.gap,
        None,
        sum(each.what == "full" for each in said),
        int(outbox.reader is not None and not outbox.reader.active),
        not_known=tuple({each.subject for each in said if each.what == "unknown"}),
        ready=parked.ready,
        failing=sum(each.state == "failing" for each in workers),
        stuck=sum(each.state == "stuck" for each in workers),
        pending_overdue_s=overdue_s(pending, limits, now_us),
        pending_alone_s=oldest_alone_s(pending, now_us),
    )
