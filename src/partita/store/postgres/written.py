"""The messages of a service, as people ask about them: the rows of its outbox, and those of the log that its own transactions
wrote there, where the log is in its database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from partita.databases.postgres.asking import Link
from partita.message import envelope_from_bytes
from partita.store.outbox import SLOTS, OutboxRow
from partita.store.trail import TrailRow
from partita.texts.key_hash import slot_of

IN_OUTBOX = """
SELECT id, type, aggregatetype, aggregateid, correlation_id, causation_id, at_us, payload, headers FROM outbox
WHERE correlation_id = ANY($1::text[]) ORDER BY seq
"""
IN_LOG = """
SELECT r.id, t.name, r.key, r.correlation_id, r.appended_us, r.value, r.headers
FROM partita_log.record AS r JOIN partita_log.place AS p ON p.place = r.place
JOIN partita_log.topic AS t ON t.topic = p.topic
WHERE r.correlation_id = ANY($1::text[]) AND r.writer = $2 ORDER BY r.appended_us, r.place, r.position
"""
SINCE = """
SELECT r.place, r.position, r.id, t.name, r.key, r.correlation_id, r.appended_us, r.value, r.headers
FROM partita_log.record AS r JOIN partita_log.place AS p ON p.place = r.place
JOIN partita_log.topic AS t ON t.topic = p.topic
WHERE (r.place, r.position) > ($2, $3) AND r.writer = $1 AND r.appended_us >= $4
  AND NOT EXISTS (SELECT 1 FROM outbox AS o WHERE o.correlation_id = r.correlation_id AND o.id = r.id)
ORDER BY r.place, r.position LIMIT 500
"""
KEY_IN_OUTBOX = "SELECT correlation_id FROM outbox WHERE aggregateid = $1 ORDER BY seq"
KEY_IN_LOG = """
SELECT correlation_id FROM partita_log.record WHERE key = $1 AND writer = $2 ORDER BY appended_us, place, position
"""


class Written:
    """The questions. `in_log`: the log is in this database, and this user may read it."""

    def __init__(self, link: Link, service: str, *, in_log: bool) -> None:
        self._link = link
        self._service = service
        self._in_log = in_log

    async def correlations(self, key: str) -> list[str]:
        """The correlation ids of messages with this key."""
        found = await self._link.rows(KEY_IN_OUTBOX, key)
        if self._in_log:
            found += await self._link.rows(KEY_IN_LOG, key, self._service)
        return list(dict.fromkeys(row[0] for row in found))

    async def messages(self, correlation_ids: Sequence[str]) -> list[TrailRow]:
        """The messages with these correlation ids, in the order of their times."""
        asked = list(correlation_ids)
        found = [TrailRow(*row) for row in await self._link.rows(IN_OUTBOX, asked)]
        if self._in_log:
            found += [_of_log(row) for row in await self._link.rows(IN_LOG, asked, self._service)]
            found.sort(key=lambda row: row.at_us)
        return found

    async def in_log_since(self, since_us: int) -> AsyncIterator[list[OutboxRow]]:
        """The messages in the log of this database that are not in the outbox, as rows for it, those of a partition in order."""
        after = (0, 0)
        while self._in_log:
            found = await self._link.rows(SINCE, self._service, *after, since_us)
            if not found:
                return
            yield [_for_outbox(_of_log(row[2:])) for row in found]
            after = found[-1][:2]


def _for_outbox(row: TrailRow) -> OutboxRow:
    slot = slot_of(row.key if row.key is not None else row.message_id, SLOTS)
    return OutboxRow(
        row.message_id, row.topic, row.key, row.type, row.payload, row.headers, row.correlation_id, row.causation_id, slot,
        row.at_us,
    )  # fmt: skip


def _of_log(row: tuple[Any, ...]) -> TrailRow:
    """A record as the row of an outbox: the rest is in its envelope, which this service wrote."""
    message_id, topic, key, correlation_id, at_us, payload, headers = row
    envelope = envelope_from_bytes(headers)
    return TrailRow(
        message_id, envelope.type, topic, key, correlation_id, envelope.causation_id, at_us, payload, headers
    )
