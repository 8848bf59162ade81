"""The watch: evaluates one service's alert rules now and then, in whichever of its processes holds the lease."""

from __future__ import annotations

import json
from collections.abc import Sequence

from partita.alerts.alarms import Alarm, Told, evaluate
from partita.alerts.channels import Channel
from partita.alerts.reading import read
from partita.bus.port import Bus
from partita.errors import BusUnavailable, PartitaError
from partita.foreign_text import logger
from partita.store.port import Store
from partita.store.trouble import Said

log = logger(__name__)
OWED_MAX = 100
WATCH, OWED = "watch", "owed"


class Watch:
    """What is known of the alarms is in the service's database: a restart tells nobody again what he knows."""

    def __init__(self, store: Store, bus: Bus, member: str, channels: Sequence[Channel], every_s: float) -> None:
        self.name = f"watch of {store.name}"
        self._store = store
        self._bus = bus
        self._member = member
        self._channels = channels
        self._every_s = every_s

    async def step(self, now: float) -> float:
        """One look."""
        leases = await self._store.leases.tick("watch", ["rules"], self._member)
        if leases:
            await self._look()
        return now + self._every_s

    async def stop(self) -> None:
        """Give the lease back."""
        await self._store.leases.leave("watch", self._member)

    async def _look(self) -> None:
        reading = await read(self._store, self._bus)
        now_us = await self._store.now_us()
        async with self._store.reading() as session:
            known = {each.fingerprint: each for each in map(Alarm._make, await session.groups.alarms())}
            said = await session.groups.said(self._store.name)
        alarms, told = evaluate(reading, known, now_us)
        before = {each.subject: each for each in said if each.what == OWED}
        owed = {
            channel.name: await self._tell(channel, before.get(channel.name), told, now_us)
            for channel in self._channels
        }
        gone = await self._gone(said)
        if alarms != known or gone or any(owed.values()) or before:
            async with self._store.transaction(durable=False) as session:
                await session.groups.keep_alarms(list(alarms.values()))
                for name, rest in owed.items():
                    if rest is not None:
                        await session.groups.say(rest)
                    elif name in before:
                        await session.groups.unsay(self._store.name, WATCH, OWED, name)
                for each in gone:
                    await session.groups.unsay(self._store.name, each.member, each.what, each.subject)

    async def _tell(self, channel: Channel, owed: Said | None, told: Sequence[Told], now_us: int) -> Said | None:
        """What a channel could not be told is owed to it, and to it alone: others are not told twice for that. Kept in
        the database, since the alarms there say that it was told."""
        due = [*(_told(owed.detail) if owed is not None else ()), *told][-OWED_MAX:]
        if not due:
            return None
        try:
            await channel.tell(due, now_us)
        except (OSError, PartitaError) as error:
            if told:
                log.error("alerts of %s could not be told by %s: %s", self._store.name, channel.name, error)
            since_us = owed.at_us if owed is not None else now_us
            return Said(self._store.name, WATCH, OWED, channel.name, json.dumps(due), since_us)
        return None

    async def _gone(self, said: Sequence[Said]) -> list[Said]:
        """What members said that hold no partition any more, while others do: they died, or were closed."""
        try:
            lags = await self._bus.lag(self._store.name)
        except BusUnavailable:
            return []  # who holds what is not known now
        there = {lag.owner.partition("/")[0] for lag in lags if lag.owner is not None}
        return [each for each in said if each.member not in (*there, WATCH)] if there else []


def _told(detail: str) -> list[Told]:
    return [Told(status, Alarm(*alarm)) for status, alarm in json.loads(detail)]
