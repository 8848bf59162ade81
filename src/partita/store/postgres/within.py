"""The messages that a transaction writes straight into the log of its own database: the log's row is the outbox's row.

They are the transaction's last work, in one message with its COMMIT. The offsets are taken there under the locks of their
partitions, so no gap is seen, and no lock of the log lasts for a round trip or while a client does nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from partita.databases.postgres.asking import Link
from partita.databases.postgres.literals import bytes_literal, numbers_literal, text_literal, texts_literal
from partita.store.outbox import OutboxRow
from partita.texts.key_hash import hash_of

BYTES_MAX = 16 * 2**20
"""More go by the queue: the text of a message to the server is twice as long as its bytes."""

TOPICS = "SELECT name FROM partita_log.topic WHERE name = ANY($1::text[])"
PUT = "SELECT partita_log.put({})"


class Within:
    """The messages of one transaction that go into the log beside its store. `topics` are those that the log is known to
    have; they stay."""

    def __init__(self, link: Link, service: str, topics: set[str]) -> None:
        self._link = link
        self._service = service
        self._topics = topics
        self._queued: set[tuple[str, str | None]] = set()
        self._rows: list[OutboxRow] = []
        self._size = 0

    def queued(self, topic: str, key: str | None) -> None:
        """A message of this key waits in the queue: later ones must not overtake it."""
        self._queued.add((topic, key))

    async def take(self, rows: Sequence[OutboxRow]) -> list[OutboxRow]:
        """Take the messages that may go into the log; returns the others, for the queue."""
        missing = {row.aggregatetype for row in rows} - self._topics
        if missing:
            self._topics.update(row[0] for row in await self._link.rows(TOPICS, sorted(missing)))
        others: list[OutboxRow] = []
        for row in rows:
            size = len(row.payload) + len(row.headers)
            fits = row.aggregatetype in self._topics and self._size + size <= BYTES_MAX
            if fits and (row.aggregateid is None or (row.aggregatetype, row.aggregateid) not in self._queued):
                self._size += size
                self._rows.append(row)
            else:
                self.queued(row.aggregatetype, row.aggregateid)
                others.append(row)
        return others

    @property
    def count(self) -> int:
        """How many messages were taken."""
        return len(self._rows)

    def undo(self, count: int) -> None:
        """Drop the messages taken after so many: a savepoint was rolled back."""
        del self._rows[count:]

    def write(self) -> None:
        """Write them with the COMMIT."""
        if not self._rows:
            return
        ids, topics, keys, _, payloads, headers, correlations, *_ = zip(*self._rows, strict=True)
        arrays = (
            text_literal(self._service),
            texts_literal(topics),
            numbers_literal([hash_of(key if key is not None else id_) for id_, key in zip(ids, keys, strict=True)]),
            texts_literal(ids),
            texts_literal(keys),
            bytes_literal(headers),
            bytes_literal(payloads),
            texts_literal(correlations),
        )
        self._link.last.append(PUT.format(", ".join(arrays)))
