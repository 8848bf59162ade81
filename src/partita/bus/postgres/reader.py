"""Reading the log: one statement finds the partitions with new records, shares the batch among them and reads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from operator import itemgetter
from typing import NamedTuple

from partita.bus.held_partitions import Where
from partita.bus.port import READ_RECORDS_MAX, Reading, Record
from partita.bus.position import Origin, Position
from partita.databases.postgres.arrays import told, unnest
from partita.databases.postgres.asking import ERRORS
from partita.databases.postgres.database import Database

# Offsets of a place are dense, so waiting records are counted by a subtraction. Places with few records leave their rest
# of the batch to the others: with the places in the order of waiting records, the level that fills the batch is the largest
# of (the rest after all smaller places took theirs) / (the number of places that are not smaller). A place whose reader is
# below its floor yields a row without a record.
READ = f"""
WITH behind AS (
    SELECT r.ord, p.place, r.last > 0 AND r.last < p.floor AS passed, greatest(r.last, p.floor) AS last,
           p.head - greatest(r.last, p.floor) AS waiting, p.floor
    FROM {unnest(place="bigint", last="bigint")} JOIN partita_log.place AS p ON p.place = r.place
    WHERE p.head > greatest(r.last, p.floor) OR (r.last > 0 AND r.last < p.floor)
),
level AS (
    SELECT greatest(floor(max(($3 - before) / rest)), 1)::bigint AS level FROM (
        SELECT sum(waiting) OVER w - waiting AS before, count(*) OVER () - row_number() OVER w + 1 AS rest
        FROM behind WINDOW w AS (ORDER BY waiting, ord)) AS filled
)
SELECT b.place, b.passed, b.floor, r.position, r.key, r.headers, r.value, r.appended_us
FROM behind AS b CROSS JOIN level LEFT JOIN LATERAL (
    SELECT position, key, headers, value, appended_us FROM partita_log.record
    WHERE place = b.place AND position > b.last ORDER BY position LIMIT least(b.waiting, level.level)) AS r ON NOT b.passed
ORDER BY b.ord, r.position LIMIT $3
"""
HISTORY = """
SELECT position, key, headers, value, appended_us FROM partita_log.record
WHERE place = $1 AND position > $2 AND appended_us >= $3 ORDER BY position LIMIT 500
"""
# One statement sees one state: between a separate look at the floor and a read, records could be trimmed. Without a
# record it returns one row, for the bounds.
READ_FROM = """
SELECT p.floor, p.head, r.position, r.key, r.headers, r.value, r.appended_us
FROM partita_log.place AS p LEFT JOIN LATERAL (
    SELECT position, key, headers, value, appended_us FROM partita_log.record
    WHERE place = p.place AND position >= coalesce($1::bigint, p.floor + 1) ORDER BY position LIMIT $3) AS r ON TRUE
WHERE p.place = $2 ORDER BY r.position
"""
APPENDED_US = itemgetter(Record._fields.index("appended_us"))


class Found(NamedTuple):
    """The records, those of a partition in offset order; or a place whose reader is below the floor, and that floor."""

    records: list[Record]
    passed: tuple[int, int] | None


async def read(database: Database, after: Sequence[tuple[int, int]], where: Mapping[int, Where], count: int) -> Found:
    """The records behind (place, last offset read), at most `count`; the first places are served first."""
    async with database.asking() as link:
        try:
            rows = await link.connection.fetch(READ, [place for place, _ in after], [last for _, last in after], count)
        except ERRORS as error:
            raise link.meant(error) from error
    records = []
    for place, passed, floor, position, key, headers, value, appended_us in rows:
        if passed:
            return Found([], (place, floor))
        topic, partition = where[place]
        records.append(Record(topic, partition, position, told(key), headers, value, appended_us))
    # Causes come before effects, also across partitions, as far as the server's clock is right. Within one partition its
    # times never go back, and equal times keep their order.
    records.sort(key=APPENDED_US)
    return Found(records, None)


async def read_from(
    database: Database, origin: Origin, place: int, position: Position | None, limit: int
) -> Reading | None:
    """See `partita.bus.port.Bus.read`; None = the partition no longer exists."""
    begin = None if position is None else origin.offset(position)
    count = max(0, min(limit, READ_RECORDS_MAX))
    async with database.asking() as link:
        rows = await link.rows(READ_FROM, begin, place, count)
    if not rows:
        return None
    floor, head = rows[0][:2]
    offset = floor + 1 if begin is None else begin
    origin.check(offset, floor + 1, head + 1)
    records = [
        Record(origin.topic, origin.partition, at, told(key), headers, value, appended_us)
        for _, _, at, key, headers, value, appended_us in rows
        if at is not None
    ]
    return Reading(records, origin.position(records[-1].offset + 1 if records else offset))


async def history(database: Database, where: Where, place: int, since_us: int) -> AsyncIterator[list[Record]]:
    """The records of a partition since then, in batches."""
    after, more = 0, True
    while more:
        async with database.asking() as link:
            rows = await link.rows(HISTORY, place, after, since_us)
        yield [Record(*where, position, told(key), head, value, at) for position, key, head, value, at in rows]
        after, more = (rows[-1][0], True) if rows else (after, False)
