"""The outbox: the messages that leave with a transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from partita.store.handover import Reader

SLOTS = 4
"""The outbox is split in this many slots by hash of the key, so that several relays can share it."""


NOT_SENT = -1
"""The slot of a row that need not travel: kept for people, and passed over by who reads the table instead of us."""


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
    """A row the relay has still to deliver; `seq` orders it within its slot."""

    seq: int
    id: str
    topic: str
    key: str | None
    headers: bytes
    payload: bytes
    at_us: int


class ParkedOut(NamedTuple):
    """A row the bus refused for good; later ones of its key wait behind it."""

    id: str
    type: str
    topic: str
    key: str | None
    reason: str
    at_us: int


class OutboxStatus(NamedTuple):
    """How much waits for the relays: rows, age of the oldest in microseconds (0 = none), rows parked because the bus
    refused them; and who else reads, where the outbox was handed over."""

    pending: int
    oldest_us: int
    parked: int
    total: int
    reader: Reader | None = None


class Outbox(Protocol):
    """Messages that leave: rows are never changed; what is pending is a queue of its own beside them."""

    async def add(self, rows: Sequence[OutboxRow], *, queued: bool = True) -> None:
        """Write messages; `queued=False` keeps a record of one that need not travel."""
        ...

    async def unsent(self, slots: Sequence[int], limit: int) -> Sequence[tuple[int, PendingRow]]:
        """Unsent rows of these slots, with the slot of each: at most `limit` rows of a slot, those of a key in commit order;
        rows of parked keys are left out."""
        ...

    async def waiting(self, messages: Sequence[tuple[str, str]]) -> frozenset[str]:
        """Those of the messages, each named by (correlation id, id), that have not left yet; empty where another program
        reads the outbox, of which nobody knows which rows it has taken."""
        ...

    async def park(self, slot: int, seq: int, key: str | None, reason: str) -> None:
        """The bus refused this row for good: it and later ones of its key wait for a person, other keys flow."""
        ...

    async def parked(self, limit: int = 100) -> Sequence[ParkedOut]:
        """The rows the bus refused, oldest first."""
        ...

    async def unpark(self) -> int:
        """Let all of them be tried again; returns how many were refused rows."""
        ...

    async def requeue(self) -> tuple[int, int]:
        """Let every row that is kept be sent again, also those the bus has had; returns how many there are now, and since
        when rows are kept. Receivers drop what they had: rows are kept as long as their ids are known."""
        ...

    async def status(self) -> OutboxStatus:
        """How much waits."""
        ...

    async def purge(self, before_us: int, limit: int) -> int:
        """Forget at most `limit` sent rows older than that; returns how many."""
        ...
