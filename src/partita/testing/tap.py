"""The bus of an app under test: it keeps the sent messages, and delays or doubles messages as a stub says."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from partita.bus.port import Bus, Fence, Outgoing, TopicSpec
from partita.clock import Clock
from partita.message import Envelope, envelope_from_bytes
from partita.testing.handler_stub import Delays


class Tap:
    """A tap between the relays and a bus."""

    def __init__(self, bus: Bus, clock: Clock, delays: Delays, heard: Sequence[str] = ()) -> None:
        """`heard` are the topics that the app reads."""
        self._bus = bus
        self._clock = clock
        self._delays = delays
        self._heard = [TopicSpec(name=topic) for topic in heard]
        delays.came_back = self._come_back
        self._behind: dict[tuple[str, str | None], list[Outgoing]] = {}
        self._coming = 0
        self._sending: list[asyncio.Task[Any]] = []
        self.seen: list[tuple[Envelope, bytes]] = []

    def __getattr__(self, name: str) -> Any:  # Any: the rest of the port
        return getattr(self._bus, name)

    @property
    def on_the_way(self) -> int:
        """The number of records that are delayed now."""
        return self._coming + sum(len(records) for records in self._behind.values())

    async def ensure_topics(self, topics: Sequence[TopicSpec]) -> None:
        """Make topics, also those that a service elsewhere would have made: a reader looks for its topics at the start."""
        known = {topic.name for topic in topics}
        await self._bus.ensure_topics([*topics, *(topic for topic in self._heard if topic.name not in known)])

    async def append(self, records: Sequence[Outgoing], fences: Sequence[Fence] = ()) -> Sequence[str | None]:
        """Append the records that are not delayed; delayed ones count as appended."""
        passing: list[Outgoing] = []
        mine: list[int] = []
        for number, record in enumerate(records):
            envelope = envelope_from_bytes(record.headers)
            self.seen.append((envelope, record.value))
            answered = envelope.causation_id if envelope.kind in ("reply", "refusal") else None
            type_name, lane = envelope.type, (record.topic, record.key)
            copies = self._delays.copies.pop(answered, 1) if answered is not None else 1
            copies += type_name in self._delays.twice
            late_s = self._delays.late_s.pop(answered, None) if answered is not None else None
            if lane in self._behind:
                self._behind[lane].append(record)
            elif late_s is not None:
                self._behind[lane] = [record]
                self._clock.call_later(late_s, lambda lane=lane: self._release(lane))  # type: ignore[misc]
            elif type_name in self._delays.away:
                self._behind[lane] = [record]
            else:
                mine.append(number)
                passing += [record] * copies
                if type_name in self._delays.again_s:
                    self._later(self._delays.again_s[type_name], record)
        refused = dict(zip([r.id for r in passing], await self._bus.append(passing, fences), strict=True))
        found: list[str | None] = [None] * len(records)
        for number in mine:
            found[number] = refused[records[number].id]
        return found

    async def bring(self, record: Outgoing) -> None:
        """Append records from outside, which no outbox here has sent."""
        await self._bus.append([record])

    def _later(self, after_s: float, record: Outgoing) -> None:
        """Append a record after some time, and let others pass it."""

        def come() -> None:
            self._coming -= 1
            self._sending.append(asyncio.ensure_future(self._bus.append([record])))

        self._coming += 1
        self._clock.call_later(after_s, come)

    def _release(self, lane: tuple[str, str | None]) -> None:
        records = self._behind.pop(lane)
        self._sending.append(asyncio.ensure_future(self._bus.append(records)))

    def _come_back(self, type_name: str) -> None:
        """Release the messages that waited for this participant, up to the next one whose own participant is away."""
        for lane, records in list(self._behind.items()):
            types = [envelope_from_bytes(record.headers).type for record in records]
            if types[0] == type_name:
                held = next((n for n, each in enumerate(types) if each in self._delays.away), len(records))
                self._behind[lane] = records[:held]
                self._release(lane)
                if records[held:]:
                    self._behind[lane] = records[held:]

    async def close(self) -> None:
        """Close the bus when the released records are on it."""
        await asyncio.gather(*self._sending)
        await self._bus.close()
