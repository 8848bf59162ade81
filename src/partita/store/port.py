"""What a store must do: transactions, and the ledgers that keep Partita's promises inside them.

Ledger methods take whole batches. Within a session only the database suspends. Times are microseconds by its clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple, Protocol

from partita.store.handover import Reader
from partita.store.leases import Leases
from partita.store.operations import Operations
from partita.store.sagas import Sagas, Tombstone, Tombstones
from partita.store.trail import Trail
from partita.store.trouble import DeadLetters, Groups, Parking
from partita.store.workers import Workers

SqlRow = Mapping[str, Any]
SLOTS = 4
"""The outbox is split in this many slots by hash of the key, so that several relays can share it."""
NOT_SENT = -1
"""The slot of a row that need not travel: kept for people, and passed over by who reads the table instead of us."""


class InboxRow(NamedTuple):
    """A message about to be handled: `consumer` + `message_id` is what may happen once."""

    consumer: str
    message_id: str
    type: str
    key: str | None
    correlation_id: str
    causation_id: str | None
    payload_hash: str
    at_us: int
    outcome: str  # handled, refused, tombstone, waiting, dead, discarded
    reply: bytes | None = None  # what is kept of the message and its answer; None where it never comes in other bytes


class InboxEntry(NamedTuple):
    """What the inbox knows of a message."""

    payload_hash: str
    outcome: str  # also "expired": it was handled so long ago that nothing else is known
    at_us: int
    reply: bytes | None


class Inbox(Protocol):
    """Which messages were handled: the mark is written first, in the handler's transaction."""

    async def seen(self, consumer: str, ids: Sequence[str]) -> Mapping[str, InboxEntry]:
        """Those of the ids that are marked already."""
        ...

    async def mark(self, rows: Sequence[InboxRow]) -> None:
        """Mark messages; the caller asked `seen` in this transaction.

        Raises:
            StoreContended: another transaction marked one of them meanwhile; roll back and run again. It may be told
                later, but before the next statement of a handler has run, or by the commit.
        """
        ...

    async def resolve(self, consumer: str, outcomes: Sequence[tuple[str, str, bytes | None]]) -> None:
        """Set (message id, outcome, reply) of messages that are marked; None keeps the reply that is there."""
        ...

    async def purge(self, before_us: int, limit: int) -> int:
        """Forget at most `limit` marks older than that, never those of messages that are parked or have an open letter;
        returns how many. Of those that a user named it stays known that they were handled, and nothing else."""
        ...

    async def purge_keys(self, before_us: int, limit: int) -> int:
        """Forget also that; returns of how many."""
        ...

    async def forgotten_us(self) -> int:
        """A message that was made up to then and has no mark may have been handled and forgotten; 0 = none was."""
        ...

    async def newest_us(self) -> int:
        """When the newest mark was written; 0 = there is none."""
        ...


class Sequences(Protocol):
    """The key sequence: dense numbers per (topic, key) going out, the last one handled coming in."""

    async def reserve(self, counts: Mapping[tuple[str, str], int]) -> Mapping[tuple[str, str], int]:
        """Give each (topic, key) its next so many numbers; returns the last one given before them.

        Nobody else is given any of these keys until this transaction ends, so that they leave in commit order.
        """
        ...

    async def last_in(self, consumer: str, keys: Sequence[tuple[str, str, str]]) -> Mapping[tuple[str, str, str], int]:
        """The last number handled of each (source, topic, key); absent = the key is new."""
        ...

    async def begin_in(self, consumer: str, first: Mapping[tuple[str, str, str], int]) -> None:
        """Store numbers handled of keys that were new when this transaction asked.

        Raises:
            StoreContended: as `Inbox.mark`; another transaction began one of them meanwhile.
        """
        ...

    async def save_in(self, consumer: str, last: Mapping[tuple[str, str, str], int]) -> None:
        """Store the last numbers handled."""
        ...

    async def base_in(self, consumer: str, first: Mapping[tuple[str, str, str], int]) -> None:
        """Store the bases of keys that a group began in the middle: the first number it counted."""
        ...

    async def bases_in(self, consumer: str, keys: Sequence[tuple[str, str, str]]) -> Mapping[tuple[str, str, str], int]:
        """The bases that were stored; absent = the key was begun with its number 1."""
        ...

    async def forget_in(self, consumer: str, topic: str) -> None:
        """A group begins anew in a topic: the next number of each key is its base."""
        ...


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


class InHand(NamedTuple):
    """The records a consumer was working on when it was last heard of."""

    topic: str
    partition: int
    first: int
    last: int


PUT_BY_A_PERSON = "(put by a person)"
"""Stands for the log of a partition in which a person has put the group to another place."""


class Noted(NamedTuple):
    """What the database knows of a partition: in which log, the oldest offset that may not be handled yet, and the first
    that was never in hand here. `log` is empty where nothing was ever noted."""

    log: str
    first: int
    reached: int


class Claims(Protocol):
    """Who may write the effects of a partition: the fence between a paused process and its successor."""

    async def check(self, consumer: str, held: Sequence[tuple[str, int, int]]) -> None:
        """Each (topic, partition, epoch) is still ours.

        Raises:
            Fenced: one was claimed by another since; the transaction must be rolled back.
        """
        ...

    async def put(self, consumer: str, topic: str) -> None:
        """A person puts the group to another place in a topic: where the bus says it stands is right."""
        ...


class Asked(NamedTuple):
    """What admission must know of a batch of one consumer group before it decides."""

    consumer: str
    held: Sequence[tuple[str, int, int]]  # (topic, partition, epoch) that must still be ours
    marks: Sequence[tuple[str, str]]  # (consumer, message id): were they marked?
    places: Sequence[tuple[str, str, str]]  # (source, topic, key): their last numbers
    keys: Sequence[tuple[str, str]]  # (topic, key): is one of them parked?
    steps: Sequence[tuple[str, str, str]]  # (saga, saga id, step): were they undone?


class Known(NamedTuple):
    """The answers; what is absent is not so, or was never seen."""

    marks: dict[tuple[str, str], InboxEntry]
    last: dict[tuple[str, str, str], int]
    parked: frozenset[tuple[str, str]]
    undone: Mapping[tuple[str, str, str], Tombstone]


class Session(Protocol):
    """An open transaction: plain SQL with `:name` parameters, and the ledgers."""

    @property
    def inbox(self) -> Inbox: ...
    @property
    def sequences(self) -> Sequences: ...
    @property
    def outbox(self) -> Outbox: ...
    @property
    def sagas(self) -> Sagas: ...
    @property
    def tombstones(self) -> Tombstones: ...
    @property
    def parking(self) -> Parking: ...
    @property
    def groups(self) -> Groups: ...
    @property
    def operations(self) -> Operations: ...
    @property
    def dead_letters(self) -> DeadLetters: ...
    @property
    def claims(self) -> Claims: ...
    @property
    def trail(self) -> Trail: ...

    async def look(self, asked: Asked) -> Known:
        """As `claims.check`, `inbox.seen`, `sequences.last_in`, `parking.held` and `tombstones.find`, one after the other;
        where each would cost a way to a server, in one.

        Raises:
            Fenced: as `claims.check`.
        """
        ...

    async def execute(self, sql: str, params: Mapping[str, Any]) -> int:
        """Run a writing statement; returns how many rows it changed."""
        ...

    async def fetch(self, sql: str, params: Mapping[str, Any]) -> Sequence[SqlRow]:
        """Run a statement and return its rows."""
        ...

    async def execute_many(self, sql: str, rows: Sequence[Mapping[str, Any]]) -> Sequence[int]:
        """One statement for many argument rows, each atomic, in order; rows changed by each."""
        ...

    async def fetch_many(self, sql: str, rows: Sequence[Mapping[str, Any]]) -> Sequence[Sequence[SqlRow]]:
        """One statement for many argument rows, each atomic, in order; what each returned."""
        ...

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        """Undo what happens inside when an exception leaves it."""
        ...


class Attempts(Protocol):
    """What is in hand and how often it was tried; survives the death of the process, written before decoding.

    These writes are not synced to disk: a dead process loses nothing, and a power cut blames no message.
    """

    async def claim(self, consumer: str, topic: str, partition: int, owner: str) -> tuple[int, InHand | None]:
        """Become the writer of a partition: the new epoch, and what the former one left in hand.

        Raises:
            StoreContended: the former one is in a transaction; ask again by and by. Or it is waited for.
        """
        ...

    async def take(self, consumer: str, ranges: Sequence[InHand], epochs: Sequence[int]) -> None:
        """These records are about to be decoded and handled."""
        ...

    async def noted(self, consumer: str, topic: str, partition: int) -> Noted:
        """What is known of a partition that was claimed, to compare with where the bus says that the group stands."""
        ...

    async def note(self, consumer: str, topic: str, partition: int, log: str, reached: int) -> None:
        """From here on it is a partition of this log, and what is before `reached` is no business of this database."""
        ...

    async def count(
        self, consumer: str, topic: str, partition: int, offset: int, *, tried: int = 1, failed: int = 0
    ) -> tuple[int, int]:
        """Count tries of one record, and how many of them were seen to fail: the others did not survive.

        Returns (tries, failed) so far.
        """
        ...

    async def survived(self, consumer: str, topic: str, partition: int, offset: int) -> None:
        """A counted try was survived, though its record had become another member's: it failed, and killed nobody."""
        ...

    async def forget(self, consumer: str, topic: str, partition: int, offset: int) -> None:
        """That record is settled. Those before it may be in work: of one that kills its process the count must stay."""
        ...


class Store(Protocol):
    """One service's database."""

    @property
    def name(self) -> str: ...
    @property
    def source(self) -> str:
        """The id and incarnation of this database, the `source` of its messages."""
        ...

    @property
    def leases(self) -> Leases: ...
    @property
    def workers(self) -> Workers: ...
    @property
    def attempts(self) -> Attempts: ...

    on_outbox: Callable[[], None]  # called when rows for the relay may have been committed, here or elsewhere

    async def open(self) -> None:
        """Connect, check and migrate.

        Raises:
            StoreUnavailable, StoreCorrupt, StoreMismatch: see errors.py; the file is untouched.
        """
        ...

    async def create_tables(self) -> None:
        """Create the service's own tables where they do not exist."""
        ...

    async def close(self) -> None:
        """Disconnect."""
        ...

    def transaction(self, *, durable: bool = True) -> AbstractAsyncContextManager[Session]:
        """A writing transaction: commits when the block ends, rolls back when it raises.

        `durable=False` may be lost in a power cut (never by a dying process): for what can be done again.

        Raises:
            StoreUnavailable: it could not be committed (disk full, locked, gone); nothing was kept, or, where the connection
                was lost during the commit, all of it.
        """
        ...

    def reading(self, *, consistent: bool = True) -> AbstractAsyncContextManager[Session]:
        """A view that writes nothing. Without `consistent` each statement may see another state, and costs less."""
        ...

    async def sent(self, rows: Sequence[tuple[int, int]]) -> None:
        """The bus acknowledged these (slot, seq) of the outbox: they are pending no more.

        In a transaction of its own that a power cut may lose: then they are sent again, and known by their ids.
        """
        ...

    async def now_us(self) -> int:
        """The store's clock, by which timers and retention go."""
        ...
