"""Cases of a bus that keeps its records about readers without a group: reading a partition from a position on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from partita.bus.features import Feature
from partita.bus.port import READ_RECORDS_MAX, Bus, Reading, Record
from partita.bus.position import Position
from partita.errors import BusUnavailable, NotFound, PositionRefused
from partita.testing.conformance import topics
from partita.testing.conformance.case import Case
from partita.testing.conformance.topics import OpenBus

PAGES_MAX = 100


async def _read(bus: Bus, partition: int, position: Position | None, limit: int) -> Reading:
    """Read as a projection does: repeat while the leader of a new topic is unknown."""
    until = asyncio.get_running_loop().time() + topics.PATIENCE_S
    while asyncio.get_running_loop().time() < until:
        try:
            return await bus.read(topics.TOPIC, partition, position, limit)
        except BusUnavailable:
            await topics.pause()
    return await bus.read(topics.TOPIC, partition, position, limit)


async def _read_all(bus: Bus, partition: int, position: Position | None, limit: int) -> tuple[list[Record], Position]:
    """All records, page by page."""
    found: list[Record] = []
    for _ in range(PAGES_MAX):
        reading = await _read(bus, partition, position, limit)
        assert len(reading.records) <= limit, "more than the limit"
        if not reading.records:
            return found, reading.next
        found += reading.records
        position = reading.next
    raise AssertionError(f"{len(found)} records, and no end")


async def a_partition_is_read_from_a_position_on(open_bus: OpenBus) -> None:
    """Page by page, each record once and in order, with its bytes; another process continues at the position of the first, and
    finds the records appended meanwhile behind it."""
    async with topics.opened(open_bus) as one, topics.opened(open_bus) as two:
        empty = {n: (await _read(one, n, None, 10)).next for n in range(4)}
        await one.append([topics.outgoing(n, f"k{n % 7}") for n in range(40)])
        seen: list[int] = []
        ends: dict[int, Position] = {}
        for partition in range(4):
            records, ends[partition] = await _read_all(one, partition, empty[partition], 3)
            whole, end = await _read_all(two, partition, None, 1_000)
            assert whole == records and end == ends[partition], "two readers see one partition alike"
            assert {record.at for record in records} <= {(topics.TOPIC, partition)}
            assert [r.offset for r in records] == sorted({r.offset for r in records}), "offsets grow"
            seen += topics.numbers(records)
            if len(records) > 2:
                middle = await _read(one, partition, None, 2)
                assert (await _read_all(two, partition, middle.next, 100))[0] == records[2:]
        assert sorted(seen) == list(range(40)), "a record is missing, or came twice"
        await two.append([topics.outgoing(40 + n, f"k{n}") for n in range(7)])
        more = [r for n in range(4) for r in (await _read_all(one, n, ends[n], 2))[0]]
        assert sorted(topics.numbers(more)) == list(range(40, 47))
        assert {r.headers for r in more} == {topics.outgoing(0).headers} and {r.key for r in more} <= {
            f"k{n}" for n in range(7)
        }


async def reading_from_a_position_is_bounded_and_moves_no_group(open_bus: OpenBus) -> None:
    """A limit of 0 returns only the position; one that is too large is cut. Positions of groups do not change."""
    async with topics.opened(open_bus) as bus:
        for start in range(0, READ_RECORDS_MAX + 200, 300):
            await bus.append([topics.outgoing(n) for n in range(start, start + 300)])
        places = [n for n in range(4) if (await _read(bus, n, None, 1)).records]
        (partition,) = places
        nothing = await _read(bus, partition, None, 0)
        first = await _read(bus, partition, nothing.next, READ_RECORDS_MAX * 10)
        assert not nothing.records and 0 < len(first.records) <= READ_RECORDS_MAX
        rest, _ = await _read_all(bus, partition, first.next, 1_000)
        assert topics.numbers([*first.records, *rest]) == list(range(READ_RECORDS_MAX + 200))
        subscription = bus.subscribe("group", [topics.TOPIC], "one")
        assert topics.numbers(await topics.drain(subscription, 1))[0] == 0
        await subscription.close()


async def a_position_of_another_partition_or_log_is_refused(open_bus: OpenBus) -> None:
    """With such a position a projection would silently skip records or apply some twice."""
    async with topics.opened(open_bus) as bus:
        await bus.append([topics.outgoing(n, f"k{n}") for n in range(20)])
        position = (await _read(bus, 0, None, 1)).next
        log = await bus.identity()
        assert log and log in position, "a position names its log"
        for wrong, partition in (
            (position, 1),
            (Position(position.replace(log, "another")), 0),
            (Position(position.replace(topics.TOPIC, "another")), 0),
            (Position(""), 0),
            (Position("7"), 0),
            (Position("9" * 5_000 + "/0"), 0),
        ):
            await _is_refused(bus, partition, wrong)
        beyond = (await _read_all(bus, 0, None, 100))[1]
        digits = next(part for part in beyond.split("/") if part.isdecimal())
        await _is_refused(bus, 0, Position(beyond.replace(digits, str(int(digits) + 1_000_000), 1)))
        for topic, partition in ((topics.TOPIC, 99), ("conformance.absent", 0)):
            try:
                await bus.read(topic, partition, None, 10)
            except NotFound:
                continue
            raise AssertionError("a partition that does not exist was read")


async def _is_refused(bus: Bus, partition: int, position: Position) -> None:
    try:
        reading = await _read(bus, partition, position, 10)
    except PositionRefused:
        return
    raise AssertionError(f"{position[:80]!r} was read in {partition}: {len(reading.records)} records")


async def a_position_whose_records_were_deleted_is_refused(open_bus: OpenBus) -> None:
    """Retention may delete records that no group needs; a reader gets an error, and never silently skips records."""
    async with topics.opened(open_bus) as bus:
        await bus.append([topics.outgoing(n) for n in range(6)])
        (partition,) = [n for n in range(4) if (await _read(bus, n, None, 1)).records]
        early = (await _read(bus, partition, None, 2)).next
        end = (await _read_all(bus, partition, None, 100))[1]
        deleted = await bus.trim(2**62)
        if deleted:
            await _is_refused(bus, partition, early)
            assert not (await _read(bus, partition, None, 10)).records
        else:  # the broker itself deletes, later
            assert _values(await _read(bus, partition, early, 10)) == [2, 3, 4, 5]
        await bus.append([topics.outgoing(6)])
        assert _values(await _read(bus, partition, end, 10)) == [6], "nothing was deleted behind this one"


def _values(reading: Reading) -> Sequence[int]:
    return topics.numbers(reading.records)


CASES: tuple[Case, ...] = (
    Case(Feature.REPLAY | Feature.PARTITIONS | Feature.OFFSETS, a_partition_is_read_from_a_position_on),
    Case(
        Feature.REPLAY | Feature.PARTITIONS | Feature.KEY_ORDER, reading_from_a_position_is_bounded_and_moves_no_group
    ),
    Case(Feature.REPLAY | Feature.PARTITIONS, a_position_of_another_partition_or_log_is_refused),
    Case(Feature.REPLAY | Feature.PARTITIONS | Feature.KEY_ORDER, a_position_whose_records_were_deleted_is_refused),
)
