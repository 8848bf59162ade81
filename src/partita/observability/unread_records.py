"""Unread records: how many records of each schema the consumer groups have still to read, for a person who changes a schema.

A topic may hold more than a person can wait for. So the question begins at the position of each group, where the oldest records
are that it has not read. It reads `LOOKED_AT` records of a topic for a group, and no longer than `LIMITS` times the limit of a
question; a count that reached one of the two says so. No group moves, and nothing is kept for the question.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from partita.bus.port import Bus, GroupLag
from partita.bus.position import Origin, Position
from partita.errors import NotFound, PositionRefused
from partita.message import envelope_from_bytes
from partita.observability.declarations import Declarations
from partita.observability.reach import BUS, Sight

LOOKED_AT = 10_000
LIMITS = 3
AT_ONCE = 500
RETRY = ".retry"
"""The groups of retry topics. Their messages are in the parking too, and are counted there."""


@dataclass(slots=True)
class Unread:
    """The records of a topic that a group has not read, by type and fingerprint. `is_cut` = there are more than were looked at;
    `behind` is the number of all, None where the group has no position yet, so that the whole topic is unread."""

    group: str
    topic: str
    behind: int | None
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    looked_at: int = 0
    is_cut: bool = False

    def hurt(self, message: str, revisions: Mapping[str, int]) -> list[str]:
        """The records of a message in these schemas, in words, a text for each revision. `revisions` has the number of each
        fingerprint."""
        found = Counter[int]()
        for (name, schema), count in self.counts.items():
            if name == message and schema in revisions:
                found[revisions[schema]] += count
        where = f"on {self.topic} that {self.group} has not read"
        among = f"the first {self.looked_at:,} of {'all' if self.behind is None else f'{self.behind:,}'}"
        if not found and self.is_cut:
            return [f"unknown: records {where}, {among} of which are others"]
        said = f" ({among} were looked at)" if self.is_cut else ""
        return [f"{count:,} records of revision {number} {where}{said}" for number, count in sorted(found.items())]


@dataclass(frozen=True, slots=True)
class _Part:
    """A partition, and the next offset that a group reads; None = its oldest record. `waiting` is None if unknown."""

    partition: int
    position: int | None
    waiting: int | None


async def unread_records(sight: Sight, app: Declarations, most: int = LOOKED_AT) -> list[Unread]:
    """The unread records of every group on the topics of this app's messages, also of groups that are no services of the app.
    Empty where the bus does not answer; `sight.unknown` has the reason."""
    bus, lags = sight.bus, await sight.lags()
    if bus is None or lags is None:
        return []
    found = await sight.ask(BUS, _of_all(sight, bus, app, lags, most), times=LIMITS + 1)
    return found or []


async def _of_all(sight: Sight, bus: Bus, app: Declarations, lags: Sequence[GroupLag], most: int) -> list[Unread]:
    until = sight.clock.monotonic() + LIMITS * sight.ask_s
    log, found = await bus.identity(), []
    for (group, topic), parts in sorted((await _groups(bus, app, lags)).items()):
        known = [part.waiting for part in parts]
        unread = Unread(group, topic, None if None in known else sum(filter(None, known)))
        # Partitions with few records leave the rest of their share to the others.
        in_order = sorted(parts, key=lambda part: (part.waiting is None, part.waiting or 0))
        for number, part in enumerate(in_order):
            share = (most - unread.looked_at) // (len(in_order) - number)
            is_whole = await _count(sight, bus, unread, Origin(log, topic, part.partition), part, share, until)
            unread.is_cut |= not is_whole
        found.append(unread)
    return found


async def _groups(bus: Bus, app: Declarations, lags: Sequence[GroupLag]) -> Mapping[tuple[str, str], list[_Part]]:
    """The partitions in which each group has something to read. A service without a position will begin at the oldest record."""
    topics = {contract.topic for contract in app.catalog.contracts.values() if contract.kind in ("event", "command")}
    services = {service.name for service in app.services}
    found: dict[tuple[str, str], list[_Part]] = {}
    for lag in lags:
        if lag.lag and (lag.topic in topics or lag.group in services) and not lag.group.endswith(RETRY):
            found.setdefault((lag.group, lag.topic), []).append(_Part(lag.partition, lag.position, lag.lag))
    known = {(lag.group, lag.topic, lag.partition) for lag in lags}
    wanted = [(service.name, topic) for service in app.services for topic in app.catalog.topics_of(service)]
    partitions = await bus.partitions(sorted({topic for _, topic in wanted}))
    for group, topic in wanted:
        for number in range(partitions.get(topic, 0)):
            if (group, topic, number) not in known:
                found.setdefault((group, topic), []).append(_Part(number, None, None))
    return found


async def _count(sight: Sight, bus: Bus, unread: Unread, origin: Origin, part: _Part, share: int, until: float) -> bool:
    """Count the unread records of a partition, at most so many, and until then by the clock. Returns whether these were all."""
    at: Position | None = None if part.position is None else origin.position(part.position)
    left = most = share if part.waiting is None else min(share, part.waiting)
    while left > 0:
        if sight.clock.monotonic() > until:
            return False
        count = min(left, AT_ONCE)
        try:
            reading = await bus.read(origin.topic, origin.partition, at, count)
        except PositionRefused:
            if at is None:
                return False
            at = None  # retention deleted records that the group has not read: it has the others to read
            continue
        except NotFound:
            return True  # the topic was deleted meanwhile
        unread.counts.update(_kind_of(record.headers) for record in reading.records)
        unread.looked_at += len(reading.records)
        left, at = left - len(reading.records), reading.next
        if len(reading.records) < count:
            return True
    return most == part.waiting


def _kind_of(headers: bytes) -> tuple[str, str]:
    try:
        envelope = envelope_from_bytes(headers)
    except msgspec.MsgspecError:
        return "", ""  # it has no schema of ours
    return envelope.type, envelope.schema
