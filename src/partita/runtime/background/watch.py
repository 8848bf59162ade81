"""The watch: evaluates one service's alert rules now and then, in the process that holds the lease."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from partita.alerts.alarms import Alarm, evaluate
from partita.alerts.channels import Channel
from partita.alerts.reading import NO_LIMITS, read
from partita.bus.port import Bus
from partita.clock import Clock
from partita.errors import PartitaError, StoreUnavailable
from partita.observability.overdue import Limits
from partita.observability.question import Unanswered, answered
from partita.runtime.background.alert_sending import OWED, WATCH, Telling
from partita.store.groups import Said
from partita.store.port import Store
from partita.store.workers import WorkerState

PATIENCE_S = 1.0
"""For channels that are sending while the process stops."""


class Watch:
    """The state of the alarms is in the service's database: after a restart no alarm is sent twice.

    While the lease is held the state is in memory too, and that copy counts: if the database takes no writes for a while,
    no alarm is sent again at each look.
    """

    def __init__(
        self,
        store: Store,
        bus: Bus,
        member: str,
        channels: Sequence[Channel],
        every_s: float,
        *,
        clock: Clock,
        ask_s: float,
        own: Callable[[], Sequence[WorkerState]] = tuple,
        limits: Limits = NO_LIMITS,
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._ask_s = ask_s
        self._own = own
        self.name = f"watch of {store.name}"
        self._store = store
        self._bus = bus
        self._member = member
        self._every_s = every_s
        self._alarms: Mapping[str, Alarm] | None = None
        self._tellings = [Telling(channel, store.name, every_s, self._told) for channel in channels]
        self._owing: frozenset[str] = frozenset()
        self._keeping = asyncio.Lock()
        self._is_kept = True

    async def step(self, now: float) -> float:
        """Evaluate the rules once, if this process has the lease."""
        asked = partial(self._store.leases.tick, "watch", ["rules"], self._member)
        leases = await answered(self._clock, self._ask_s, self._store.name, asked)
        if isinstance(leases, Unanswered) and leases.error is not None:
            raise leases.error
        # A handler that hangs in its transaction locks the whole SQLite file: the alert that it is stuck is sent all the same.
        holds = self._alarms is not None if isinstance(leases, Unanswered) else bool(leases)
        if holds:
            await self._evaluate_rules(now)
        else:
            self._alarms = None
        return now + self._every_s

    async def stop(self) -> None:
        """Let the channels finish sending, and release the lease."""
        await asyncio.gather(*(telling.end(PATIENCE_S) for telling in self._tellings))
        await self._store.leases.leave("watch", self._member)

    async def _evaluate_rules(self, now: float) -> None:
        reading = await read(self._store, self._bus, self._clock, self._ask_s, self._own(), self._limits)
        now_us = await self._store.now_us()
        async with self._store.reading() as session:
            known = {each.fingerprint: each for each in map(Alarm._make, await session.groups.alarms())}
            said = await session.groups.said(self._store.name)
        if self._alarms is None:
            self._recall(known, said)
        alarms, told = evaluate(reading, self._alarms or {}, now_us)
        self._alarms = alarms
        for telling in self._tellings if told else ():
            telling.owe(told, now_us)
        gone = (
            await self._gone(said) if reading.lag is not None else []
        )  # else it is unknown which members hold partitions now
        try:
            # First the owed messages are stored, then sent: a process killed between the two sends them again, and loses none.
            if told or gone or alarms != known or not self._is_kept:
                await self._keep(gone)
        finally:
            for telling in self._tellings:
                telling.begin(now, now_us)

    def _recall(self, known: Mapping[str, Alarm], said: Sequence[Said]) -> None:
        before = {each.subject: each for each in said if each.what == OWED}
        self._alarms, self._owing = known, frozenset(before)
        for telling in self._tellings:
            telling.recall(before.get(telling.name))

    async def _told(self) -> None:
        """Store that a channel is owed less. If the write fails, memory has it, and the next look writes it."""
        self._is_kept = False
        with contextlib.suppress(PartitaError):
            await self._keep()

    async def _keep(self, gone: Sequence[Said] = ()) -> None:
        """Store the alarms and the owed messages of each channel; one write after the other, so that the last is the newest."""
        async with self._keeping:
            owing = frozenset(telling.name for telling in self._tellings if telling.owed)
            # Messages owed from now on belong to the next write.
            self._is_kept, rows = True, [telling.said() for telling in self._tellings if telling.owed]
            try:
                answer = await answered(
                    self._clock, self._ask_s, self._store.name, lambda: self._write(rows, owing, gone)
                )
                if isinstance(answer, Unanswered):
                    raise answer.error or StoreUnavailable(f"{self._store.name}: {answer.reason}.")
            except PartitaError:
                self._is_kept = False
                self._owing |= owing
                raise
            self._owing = owing

    async def _write(self, rows: Sequence[Said], owing: frozenset[str], gone: Sequence[Said]) -> None:
        async with self._store.transaction(durable=False) as session:
            await session.groups.keep_alarms(list((self._alarms or {}).values()))
            for row in rows:
                await session.groups.say(row)
            for name in sorted(self._owing - owing):
                await session.groups.unsay(self._store.name, WATCH, OWED, name)
            for each in gone:
                await session.groups.unsay(self._store.name, each.member, each.what, each.subject)

    async def _gone(self, said: Sequence[Said]) -> list[Said]:
        """The reports of members that hold no partition any more, while others do: they died, or were closed."""
        lags = await answered(self._clock, self._ask_s, "bus", lambda: self._bus.lag(self._store.name))
        if isinstance(lags, Unanswered):
            return []
        there = {lag.owner.partition("/")[0] for lag in lags if lag.owner is not None}
        return [each for each in said if each.member not in (*there, WATCH)] if there else []
