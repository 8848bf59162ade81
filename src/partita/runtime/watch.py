"""The watch: evaluates one service's alert rules now and then, in whichever of its processes holds the lease."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from partita.alerts.alarms import Alarm, Told, evaluate
from partita.alerts.channels import Channel
from partita.alerts.reading import read
from partita.bus.port import Bus
from partita.errors import PartitaError
from partita.store.port import Store

log = logging.getLogger(__name__)
OWED_MAX = 100


class Watch:
    """What is known of the alarms is in the service's database: a restart tells nobody again what he knows."""

    def __init__(self, store: Store, bus: Bus, member: str, channels: Sequence[Channel], every_s: float) -> None:
        self.name = f"watch of {store.name}"
        self._store = store
        self._bus = bus
        self._member = member
        self._channels = channels
        self._every_s = every_s
        self._owed: dict[str, list[Told]] = {}

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
        alarms, told = evaluate(reading, known, now_us)
        for channel in self._channels:
            await self._tell(channel, told, now_us)
        if alarms != known:
            async with self._store.transaction(durable=False) as session:
                await session.groups.keep_alarms(list(alarms.values()))

    async def _tell(self, channel: Channel, told: Sequence[Told], now_us: int) -> None:
        """What a channel could not be told is owed to it, and to it alone: others are not told twice for that."""
        owed = [*self._owed.pop(channel.name, []), *told][-OWED_MAX:]
        if not owed:
            return
        try:
            await channel.tell(owed, now_us)
        except (OSError, PartitaError) as error:
            self._owed[channel.name] = owed
            if told:
                log.error("alerts of %s could not be told by %s: %s", self._store.name, channel.name, error)
