"""The port of a store: transactions, and the ledgers that keep Partita's promises inside them.

Ledger methods take whole batches. Within a session only the database suspends. Times are microseconds by its clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple, Protocol

from partita.bell import Bell
from partita.databases.log_tables import LogTables
from partita.store.claims import Claims, Held, InHand
from partita.store.dead_letters import DeadLetters
from partita.store.groups import Groups
from partita.store.inbox import Inbox, InboxEntry
from partita.store.leases import Leases
from partita.store.operations import Operations
from partita.store.outbox import Outbox
from partita.store.parking import Parking
from partita.store.pending import Pending
from partita.store.sagas import Sagas
from partita.store.sequences import Sequences
from partita.store.tombstones import Tombstone, Tombstones
from partita.store.trail import Trail
from partita.store.tries import Tries
from partita.store.workers import Workers

SqlRow = Mapping[str, Any]


class Asked(NamedTuple):
    """The questions of admission about a batch of one consumer group."""

    consumer: str
    held: Held  # the claims that this process must still have; none in a session that only reads
    marks: Sequence[tuple[str, str]]  # (consumer, message id): were they marked?
    places: Sequence[tuple[str, str, str]]  # (source, topic, key): their last numbers
    keys: Sequence[tuple[str, str]]  # (topic, key): is one of them parked?
    steps: Sequence[tuple[str, str, str]]  # (saga, saga id, step): were they undone?
    sending: Sequence[str] = ()  # the keys under which messages probably leave
    sagas: Sequence[tuple[str, str]] = ()  # (saga, saga id): the instances that are loaded next


class Known(NamedTuple):
    """The answers; an absent entry means no, or never seen."""

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
    def pending(self) -> Pending: ...
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

    async def read_known(self, asked: Asked) -> Known:
        """The answers of `claims.check`, `inbox.seen`, `sequences.last_in`, `parking.held` and `tombstones.find` in
        this order; on a server in one round trip, with `sequences.reserve` and `sagas.load` made ready for what is asked
        next.

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
        """One statement for many argument rows, each atomic, in order; returns the number of rows that each changed."""
        ...

    async def fetch_many(self, sql: str, rows: Sequence[Mapping[str, Any]]) -> Sequence[Sequence[SqlRow]]:
        """One statement for many argument rows, each atomic, in order; returns the rows of each."""
        ...

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        """Undo the block's statements when it raises."""
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
    def tries(self) -> Tries: ...

    @property
    def left(self) -> int:
        """How many messages this process has written straight into the log."""
        ...

    @property
    def bell(self) -> Bell:
        """The relay's: rung with `rows` when rows may have been committed to the outbox, here or elsewhere."""
        ...

    async def open(self) -> None:
        """Connect, check and migrate.

        Raises:
            StoreUnavailable, StoreCorrupt, StoreMismatch: see errors.py; the file is untouched.
        """
        ...

    async def join(self, log: LogTables | None) -> bool:
        """Write the messages of handlers straight into this log if it is in the store's own database, and this user may write
        there; returns whether it is so. Otherwise a relay brings them to the bus.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        ...

    async def create_tables(self, *, migrate: bool = True) -> None:
        """Bring the service's own tables up to its declaration: run the text of `tables=`, or the unapplied files of
        `migrations=`. Without `migrate` only check.

        Raises:
            DeclarationError: the database refuses a statement.
            StoreMismatch: a file was changed after it was applied.
            MigrationPending: files must be applied, and `migrate` is off.
        """
        ...

    async def close(self) -> None:
        """Disconnect."""
        ...

    def transaction(self, *, durable: bool = True) -> AbstractAsyncContextManager[Session]:
        """A writing transaction: commits when the block ends, rolls back when it raises.

        `durable=False` may be lost in a power cut (never by a dying process): for work that can be done again.

        Raises:
            StoreUnavailable: it could not be committed (disk full, locked, gone); nothing was kept, or, where the connection
                was lost during the commit, all of it.
        """
        ...

    def reading(self, *, consistent: bool = True) -> AbstractAsyncContextManager[Session]:
        """A view that writes nothing. Without `consistent` each statement may see another state, and costs less."""
        ...

    async def take(self, consumer: str, ranges: Sequence[InHand], epochs: Sequence[int]) -> None:
        """Record in the claims that these records are about to be decoded and handled: if one kills the process, the next
        holder knows which. A former holder's records change nothing.

        The transaction is its own, and a power cut may lose it: no process died of a record then.
        """
        ...

    async def sent(self, rows: Sequence[tuple[int, int]]) -> None:
        """Remove these (slot, seq) from the outbox's queue: the bus acknowledged them.

        The transaction is its own, and a power cut may lose it: then the rows are sent again, and known by their ids.
        """
        ...

    async def now_us(self) -> int:
        """The store's clock, used for timers and retention."""
        ...

    async def look(self) -> None:
        """Ask a server for its time, which `now_us` goes on from, and whether it is still the opened database.

        Raises:
            StoreReplaced: it is another one.
        """
        ...
