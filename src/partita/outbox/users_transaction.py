"""`Outbox`: events that leave with a transaction of the user's program.

G1 for a program that already has a transaction, of SQLAlchemy, asyncpg, psycopg, sqlite3 or Django: its rows and our
event commit together or not at all. The service's relay publishes it like an event of a handler, in the same key sequence.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple, Protocol, overload

from partita.catalog.contract import Contract, contract_of
from partita.catalog.event import Event
from partita.catalog.service import Service
from partita.clock import Clock, Ids, SystemClock, SystemIds
from partita.codec.connect import connect_codec
from partita.errors import Malformed, NoTransaction, PartitaError, StoreUnavailable
from partita.message import envelope_to_bytes, first_trace, unnumbered_headers
from partita.outbox.drivers.connect import driver_of
from partita.outbox.drivers.port import Awaited, Blocking
from partita.outbox.outbox import Composer, row_of
from partita.store.connect import foreign_tables
from partita.store.users_transaction import ForeignTables, Script, UnnumberedRow

LINEAGE_CHARS_MAX = 200


class BlockingTransaction(Protocol):
    """A Session or Connection of SQLAlchemy, a connection of psycopg, sqlite3 or Django, as the type checker sees it."""

    def commit(self) -> None:
        """Blocking."""
        ...


class AwaitedTransaction(Protocol):
    """An AsyncSession or AsyncConnection of SQLAlchemy, an AsyncConnection of psycopg."""

    def commit(self) -> Coroutine[Any, Any, None]:
        """Awaited."""
        ...


class AsyncpgTransaction(Protocol):
    """A connection of asyncpg."""

    @property
    def fetchval(self) -> Callable[..., Coroutine[Any, Any, Any]]:
        """Awaited."""
        ...


class Lineage(NamedTuple):
    """The origin of a message: its correlation, the message or request that caused it, its trace."""

    correlation_id: str
    causation_id: str | None = None
    traceparent: str | None = None


LINEAGE: ContextVar[Lineage | None] = ContextVar("partita_lineage", default=None)


class Outbox:
    """The outbox of one service for transactions of the user's own: `outbox = app.outbox(orders)`, or `Outbox(orders)`.

    It opens nothing and needs no running worker: the events wait in the service's database until a relay of the service
    takes them (`partita run module:app --only orders --roles relay`). One outbox serves all threads and event
    loops of a process, and the processes that fork from it.
    """

    def __init__(self, service: Service, *, clock: Clock | None = None, ids: Ids | None = None) -> None:
        self.service = service
        self._clock = clock or SystemClock()
        self._ids = ids or SystemIds(self._clock)
        self._codec = connect_codec()
        self._tables: dict[str, ForeignTables] = {}
        self._sources: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Outbox({self.service.name!r})"

    @overload
    def add(
        self,
        where: AwaitedTransaction | AsyncpgTransaction,
        /,
        *events: Event,
        correlation_id: str | None = None,
        causation_id: str | None = None,
    ) -> Coroutine[Any, Any, None]: ...
    @overload
    def add(
        self,
        where: BlockingTransaction,
        /,
        *events: Event,
        correlation_id: str | None = None,
        causation_id: str | None = None,
    ) -> None: ...
    def add(
        self, where: Any, /, *events: Event, correlation_id: str | None = None, causation_id: str | None = None
    ) -> Any:
        """Write events into the open transaction of `where`: they leave in this order when it commits, and never if it does
        not. Await it where the connection is awaited (AsyncSession, AsyncConnection, asyncpg).

        It neither begins, commits nor rolls back. For one key, a second transaction waits here until the first has ended,
        so that events leave in the order of the commits. In one transaction pass the events of several keys in one call: two
        transactions that take the same keys in different orders deadlock, as with any row. Errors of the database come as the
        driver raises them.

        Args:
            where: the session or connection whose transaction it is; for Django `django.db.connection`.
            events: events of this service.
            correlation_id: the journey they belong to; else that of `caused_by`, else each call begins a journey of its own.
            causation_id: the message or request that caused them.

        Raises:
            NoTransaction: `where` is in no transaction, or in a failed one.
            NotFound, StoreMismatch: it is another database.
            Malformed, MessageTooLarge: an event cannot be sent.
            PartitaError: it is no event of this service.
        """
        contracts = [self._contract(event) for event in events]
        lineage = _lineage(correlation_id, causation_id)
        driver = driver_of(where)
        tables = self._tables.get(driver.dialect)
        if tables is None:
            tables = self._tables[driver.dialect] = foreign_tables(driver.dialect, self.service.name)
        script = self._script(driver.dialect, tables, list(zip(contracts, events, strict=True)), lineage)
        if isinstance(driver, Awaited):
            return self._awaited(driver, tables, script)
        driver.run(script)
        _wake_after(driver, tables)
        return Written(type(where).__name__)

    def wake(self) -> None:
        """Wake the relays after the commit of a plain SQLite connection, which reports no commit. Without it they poll
        twice a second; a session, Django and PostgreSQL wake them without this call."""
        tables = self._tables.get("sqlite")
        call = None if tables is None else tables.wake()
        if call is not None:
            call()

    @staticmethod
    @contextmanager
    def caused_by(
        correlation_id: str, *, causation_id: str | None = None, traceparent: str | None = None
    ) -> Iterator[None]:
        """Set the origin of events added inside the block: for a middleware, with the headers of the request.

        Raises:
            Malformed: an id is empty or too long.
        """
        token = LINEAGE.set(_checked(Lineage(correlation_id, causation_id, traceparent)))
        try:
            yield
        finally:
            LINEAGE.reset(token)

    def _contract(self, event: Event) -> Contract:
        contract = contract_of(type(event))
        if contract.kind != "event":
            raise PartitaError(
                f"{contract.name} is a {contract.kind}; only events can leave with your own transaction.",
                hint="Commands are sent by sagas, with tx.send in a handler, with app.send, or with app.post.",
            )
        if contract.service is not self.service:
            raise PartitaError(
                f"{contract.name} belongs to {contract.service.name}, this is the outbox of {self.service.name}.",
                hint="A service publishes its own facts: take the outbox of that service.",
            )
        return contract

    async def _awaited(self, driver: Awaited, tables: ForeignTables, script: Script[None]) -> None:
        await driver.run(script)
        _wake_after(driver, tables)

    def _script(
        self, dialect: str, tables: ForeignTables, events: Sequence[tuple[Contract, Event]], lineage: Lineage | None
    ) -> Script[None]:
        """Compose and write; repeat it if the database has another identity than at the last look."""
        if not events:
            return
        known = self._sources.get(dialect)
        for source in (known, None):
            said = (yield from tables.source()) if source is None else source
            if (yield from tables.write(said, self._rows(said, events, lineage))):
                self._sources[dialect] = said
                return
        raise StoreUnavailable(
            f"The database of {self.service.name} changed its identity between two looks.",
            hint="Roll back and try again.",
        )

    def _rows(
        self, source: str, events: Sequence[tuple[Contract, Event]], lineage: Lineage | None
    ) -> list[UnnumberedRow]:
        composer = Composer(source, self._codec, self._ids)
        now_us = self._clock.now_us()
        rows: list[UnnumberedRow] = []
        for contract, event in events:
            message = composer.compose(contract, event, kind="event", cause=None, now_us=now_us)
            envelope = message.envelope
            if lineage is None:
                lineage = Lineage(envelope.correlation_id, None, envelope.traceparent)
            envelope.correlation_id, envelope.causation_id = lineage.correlation_id, lineage.causation_id
            if lineage.traceparent is not None:
                envelope.traceparent = lineage.traceparent
            elif envelope.correlation_id != envelope.id:  # the user's correlation may be any text, which names no trace
                envelope.traceparent = first_trace(envelope.id)
            keyed = message.key is not None
            headers, hole = unnumbered_headers(envelope) if keyed else (envelope_to_bytes(envelope), -1)
            rows.append(UnnumberedRow(row_of(message, headers, now_us), hole))
        return rows


class Written:
    """The result of `add` for a blocking connection; awaiting it is a mistake, which raises and so rolls back."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def __await__(self) -> Generator[Any, None, None]:
        raise NoTransaction(
            f"The calls of this {self._kind} block, so outbox.add blocks too: there is nothing to await.",
            hint="outbox.add(...) without await. The event is in the transaction: roll it back.",
        )


def _wake_after(driver: Blocking | Awaited, tables: ForeignTables) -> None:
    call = tables.wake()
    if call is not None:
        driver.after_commit(call)


def _lineage(correlation_id: str | None, causation_id: str | None) -> Lineage | None:
    around = LINEAGE.get()
    if correlation_id is None and causation_id is None:
        return around
    if correlation_id is None and around is not None:
        correlation_id = around.correlation_id
    if correlation_id is None:
        raise Malformed("A causation_id needs a correlation_id too.", hint="Give both.")
    return _checked(Lineage(correlation_id, causation_id, around.traceparent if around is not None else None))


def _checked(lineage: Lineage) -> Lineage:
    for name, text in zip(lineage._fields, lineage, strict=True):
        if text is not None and not 0 < len(text) <= LINEAGE_CHARS_MAX:
            raise Malformed(
                f"{name} has {len(text):,} characters; it is an id, of 1 to {LINEAGE_CHARS_MAX}.",
                hint="Values from outside may be anything: check it, or leave it out.",
            )
    return lineage
