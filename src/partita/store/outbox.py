"""The outbox: the messages that leave with a transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from partita.store.handover import Reader

SLOTS = 4
"""The outbox is split into this many slots by the key's hash, so that several relays can share it."""


NOT_SENT = -1
"""The slot of a row that need not be sent: kept for people, and skipped by another reader of the table."""


class OutboxRow(NamedTuple):
    """A message leaving. The first five columns are named as Debezium's outbox event router reads them."""

    id: str
    aggregatetype: str  # the topic
    aggregateid: str | None  # the key
    type: str
    payload: bytes
    headers: bytes
    correlation_id: str
    causation_id: str | None
    slot: int
    at_us: int


class PendingRow(NamedTuple):
    """A row that the relay has still to deliver; `seq` orders it within its slot."""

    seq: int
    id: str
    topic: str
    key: str | None
    headers: bytes
    payload: bytes
    at_us: int


class ParkedOut(NamedTuple):
    """A row that the bus refused for good; later rows of its key wait behind it."""

    id: str
    type: str
    topic: str
    key: str | None
    reason: str
    at_us: int


class OutboxStatus(NamedTuple):
    """The relays' backlog: rows, age of the oldest in microseconds (0 = none), rows parked because the bus refused
    them; and the other reader, where the outbox was handed over."""

    pending: int
    oldest_us: int
    parked: int
    total: int
    reader: Reader | None = None


class Outbox(Protocol):
    """Outgoing messages: rows are never changed; a queue beside them lists the pending ones."""

    async def add(self, rows: Sequence[OutboxRow], *, queued: bool = True) -> None:
        """Write messages; `queued=False` only records one that need not be sent."""
        ...

    async def leave(self, rows: Sequence[OutboxRow]) -> None:
        """Write messages of handlers and sagas. Where the log is in the same database (`Store.join`), they are in the log with
        the commit, except those of keys with rows that still wait: these go the same way, so no row is overtaken."""
        ...

    async def unsent(self, slots: Sequence[int], limit: int) -> Sequence[tuple[int, PendingRow]]:
        """Unsent rows of these slots, each with its slot: at most `limit` rows of a slot, those of a key in commit
        order, without rows of parked keys."""
        ...

    async def waiting(self, messages: Sequence[tuple[str, str]]) -> frozenset[str]:
        """The messages, each named by (correlation id, id), that have not left yet; empty where another program reads
        the outbox, since its progress by row is unknown."""
        ...

    async def park(self, slot: int, seq: int, key: str | None, reason: str) -> None:
        """Park a row that the bus refused for good: it and later rows of its key wait for an operator, other keys
        flow."""
        ...

    async def parked(self, limit: int = 100) -> Sequence[ParkedOut]:
        """The rows that the bus refused, oldest first."""
        ...

    async def unpark(self) -> int:
        """Release all parked keys to be tried again; returns how many rows had been refused."""
        ...

    async def requeue(self, since_us: int) -> tuple[int, int]:
        """Queue every kept row again, also those that the bus already has; returns how many rows are kept, and since
        when. Receivers drop the copies: rows are kept as long as their ids are known. Messages since `since_us` in a log of
        this database that is not the bus any more are queued too."""
        ...

    async def status(self) -> OutboxStatus:
        """The relays' backlog."""
        ...

    async def purge(self, before_us: int, limit: int) -> int:
        """Delete at most `limit` sent rows older than that; returns how many."""
        ...
