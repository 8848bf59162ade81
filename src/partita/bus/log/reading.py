"""Reading a partition of the embedded log from a position on."""

from __future__ import annotations

from partita.bus.port import READ_RECORDS_MAX, Reading, Record
from partita.bus.position import Origin, Position
from partita.databases.sqlite.file import SqliteFile
from partita.errors import BusUnavailable, StoreUnavailable

# One statement sees one state of the file: between a separate look at the floor and a read, records could be trimmed.
# Without a record it returns one row, for the bounds.
READ_FROM = """
SELECT p.floor, p.head, r.position, r.key, r.headers, r.value, r.appended_us FROM place AS p
LEFT JOIN record AS r ON r.place = p.place AND r.position >= coalesce(?1, p.floor + 1)
WHERE p.place = ?2 ORDER BY r.position LIMIT ?3
"""


async def read_from(file: SqliteFile, origin: Origin, place: int, position: Position | None, limit: int) -> Reading:
    """See `partita.bus.port.Bus.read`."""
    begin = None if position is None else origin.offset(position)
    count = max(0, min(limit, READ_RECORDS_MAX))
    try:
        async with file.reading() as db:
            rows = db.execute(READ_FROM, (begin, place, max(1, count))).fetchall()
    except StoreUnavailable as error:
        raise BusUnavailable(error.what, hint=error.hint) from error
    floor, head = rows[0][:2]
    offset = floor + 1 if begin is None else begin
    origin.check(offset, floor + 1, max(floor, head) + 1)
    records = [Record(origin.topic, origin.partition, *row[2:]) for row in rows[:count] if row[2] is not None]
    return Reading(records, origin.position(records[-1].offset + 1 if records else offset))
