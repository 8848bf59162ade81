"""Looking at the demo's system from outside: the rows of its services' databases, and the records of its log.

The embedded tier is read from its files directly, without the framework. A server is asked through the ports: a session
that only reads, and a consumer group of the ledger's own.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from partita.app import App
from partita.bus.port import Bus, GroupLag, Record
from partita.errors import BusUnavailable, PartitaError
from partita.message import Envelope, envelope_from_bytes
from partita.store.port import Store

T = TypeVar("T")
Rows = list[tuple[Any, ...]]
Fetch = Callable[[str, str], Rows]
"""A service's name and a statement, to the rows."""

READ_WITHIN_S = 60.0
POLL_COUNT = 1_000
LOOK_S = 0.2
CALM_LOOKS = 3
CALM_LOOKS_UNTOLD = 25
FILE_RECORDS = """
SELECT p.topic, p.partition, r.position, r.id, r.key, r.headers FROM record AS r JOIN place AS p ON p.place = r.place
ORDER BY r.position
"""
FILE_BEHIND = "SELECT count(*) FROM progress AS g JOIN record AS r ON r.place = g.place AND r.position > g.position"


@dataclass(frozen=True, slots=True)
class LogRecord:
    """A record of the log with its envelope, if its headers are one."""

    topic: str
    partition: int
    position: int
    id: str
    key: str | None
    envelope: Envelope | None


class Databases(Protocol):
    """The services' databases, to be read only."""

    def query(self, service: str, sql: str, **params: object) -> Rows:
        """The present rows; none if the database does not answer now."""
        ...

    def snapshot(self) -> AbstractContextManager[Fetch]:
        """A view in which all statements see one state of each database; here an unreadable database is an error."""
        ...

    def in_log(self, service: str, correlation_ids: Sequence[str]) -> Rows:
        """The messages that a service has written into the log of its own database: id, type, correlation, cause, topic,
        envelope, key and value, in the order of their times."""
        ...


class Log(Protocol):
    """The log, to be read only."""

    def records(self) -> list[LogRecord]:
        """All records of this run, in the order of each partition."""
        ...

    def behind(self) -> int:
        """The number of records that the services' groups must still handle.

        Raises:
            BusUnavailable: the log does not answer now.
        """
        ...


def patiently(ask: Callable[[], T], within_s: float = READ_WITHIN_S) -> T:
    """The log's answer; the question is repeated until an answer comes.

    Raises:
        BusUnavailable: no answer came in all that time.
    """
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        with contextlib.suppress(BusUnavailable):
            return ask()
        time.sleep(LOOK_S)
    return ask()


def is_copy(topic: str) -> bool:
    """A record of a retry topic or a DLQ is a copy of a message, and may be unreadable."""
    return ".retry-" in topic or topic.endswith(".dlq")


def envelope_of(headers: bytes) -> Envelope | None:
    """The envelope in a record's headers, if they are an envelope."""
    try:
        return envelope_from_bytes(headers)
    except ValueError:
        return None


def open_file(path: Path, timeout_s: float = 10) -> sqlite3.Connection:
    """A database file, read only, at one state."""
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=timeout_s)
    db.execute("BEGIN")
    return db


class DatabaseFiles:
    """The embedded tier's databases, one file for each service."""

    def __init__(self, data: Path) -> None:
        self._data = data

    def query(self, service: str, sql: str, **params: object) -> Rows:
        """The present rows."""
        try:
            with contextlib.closing(open_file(self._data / f"{service}.db", 1)) as db:
                return db.execute(sql, params).fetchall()
        except sqlite3.Error:
            return []  # not created yet

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Fetch]:
        """A view in which all statements see one state of each file."""
        with contextlib.ExitStack() as held:
            files: dict[str, sqlite3.Connection] = {}

            def fetch(service: str, sql: str) -> Rows:
                if service not in files:
                    path = self._data / f"{service}.db"
                    files[service] = held.enter_context(contextlib.closing(open_file(path)))
                return files[service].execute(sql).fetchall()

            yield fetch

    def in_log(self, service: str, correlation_ids: Sequence[str]) -> Rows:
        """None: no log is in a file of a service."""
        return []


class LogFile:
    """The embedded log, one file."""

    def __init__(self, data: Path) -> None:
        self._path = data / "log.db"

    def records(self) -> list[LogRecord]:
        """All records on the log."""
        with contextlib.closing(open_file(self._path)) as db:
            rows = db.execute(FILE_RECORDS).fetchall()
        return [LogRecord(r[0], r[1], r[2], r[3], r[4], envelope_of(r[5])) for r in rows if not is_copy(r[0])]

    def behind(self) -> int:
        """The number of records that the groups must still handle."""
        with contextlib.closing(open_file(self._path)) as db:
            count: int = db.execute(FILE_BEHIND).fetchone()[0]
        return count


class Loop:
    """Asynchronous calls from blocking code; connections stay open between calls."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self.held = contextlib.AsyncExitStack()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run this coroutine to its end."""
        return self._runner.run(work)

    def close(self) -> None:
        """Close all connections, and the loop."""
        try:
            self.run(self.held.aclose())
        finally:
            self._runner.close()


class ServerDatabases:
    """Databases on a server, read through their stores."""

    def __init__(self, loop: Loop, stores: Mapping[str, Store]) -> None:
        self._loop = loop
        self._stores = stores

    def query(self, service: str, sql: str, **params: object) -> Rows:
        """The present rows."""

        async def rows() -> Rows:
            async with self._stores[service].reading() as session:
                return [tuple(row.values()) for row in await session.fetch(sql, params)]

        try:
            return self._loop.run(rows())
        except PartitaError:
            return []  # it may be starting again

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Fetch]:
        """A view in which all statements see one state of each database."""
        held = contextlib.AsyncExitStack()

        async def begin() -> dict[str, Any]:
            return {name: await held.enter_async_context(store.reading()) for name, store in self._stores.items()}

        async def rows(session: Any, sql: str) -> Rows:
            return [tuple(row.values()) for row in await session.fetch(sql, {})]

        try:
            sessions = self._loop.run(begin())
            yield lambda service, sql: self._loop.run(rows(sessions[service], sql))
        finally:
            self._loop.run(held.aclose())

    def in_log(self, service: str, correlation_ids: Sequence[str]) -> Rows:
        """The messages of a service that its outbox does not have, found by its trail."""

        async def rows() -> Rows:
            async with self._stores[service].reading() as session:
                found = await session.trail.messages(correlation_ids)
            return [
                (r.message_id, r.type, r.correlation_id, r.causation_id, r.topic, r.headers, r.key, r.payload)
                for r in found
            ]

        return self._loop.run(rows())


Start = Mapping[tuple[str, int], int]
"""The last offset of each partition that is older than this run."""


class ServerLog:
    """A log on a server, read by a consumer group of the ledger's own."""

    def __init__(self, loop: Loop, bus: Bus, app: App, start: Start) -> None:
        self._loop = loop
        self._bus = bus
        self._topics = topics_of(app)
        self._groups = groups_of(app)
        self._start = start

    def records(self) -> list[LogRecord]:
        """All records of this run."""
        found = self._loop.run(read_all(self._bus, self._topics))
        return [_of_server(r) for r in found if r.offset > self._start.get(r.at, -1)]

    def behind(self) -> int:
        """The number of records that the groups must still handle."""
        lags = self._loop.run(_lag(self._bus))
        return sum(each.lag for each in lags if each.group in self._groups)


def _of_server(record: Record) -> LogRecord:
    """A record for the ledger. A bus has no ids besides the message's own, so an unreadable record is named by its place."""
    envelope = envelope_of(record.headers)
    name = envelope.id if envelope is not None else f"{record.topic}/{record.partition}/{record.offset}"
    return LogRecord(record.topic, record.partition, record.offset, name, record.key, envelope)


async def _lag(bus: Bus, group: str | None = None) -> Sequence[GroupLag]:
    return await bus.lag(group)


def topics_of(app: App) -> list[str]:
    """Every topic that messages are sent to, without the copies."""
    contracts = app.catalog.contracts.values()
    return sorted({c.topic for c in contracts} | {c.service.faults_topic for c in contracts})


def groups_of(app: App) -> set[str]:
    """The consumer groups of the services."""
    return {name for s in app.services for name in (s.name, f"{s.name}.retry")}


async def read_all(bus: Bus, topics: Sequence[str]) -> list[Record]:
    """Every record of these topics from the oldest on, ordered by partition and offset.

    Raises:
        BusUnavailable: the head was not reached in time.
    """
    group = f"ledger-{os.urandom(6).hex()}"
    subscription = bus.subscribe(group, topics, group)
    found: dict[tuple[str, int, int], Record] = {}
    held: set[tuple[str, int]] = set()
    loop = asyncio.get_running_loop()
    until, keep_at, calm, needed = loop.time() + READ_WITHIN_S, 0.0, 0, CALM_LOOKS
    try:
        while calm < needed:
            try:
                polled = await subscription.poll(POLL_COUNT)
            except BusUnavailable:
                if loop.time() > until:
                    raise
                calm = 0  # the leader moves, and the subscription starts again by itself
                await asyncio.sleep(LOOK_S)
                continue
            held = (held | set(polled.assigned)) - set(polled.revoked)
            found |= {(r.topic, r.partition, r.offset): r for r in polled.records}
            subscription.done(polled.records)
            await subscription.release(polled.revoked)
            if loop.time() > until:
                raise BusUnavailable(f"The log was not read to its head within {READ_WITHIN_S:g} s.")
            if loop.time() >= keep_at or not polled.records:
                await subscription.keep()
                keep_at = loop.time() + 0.5
            if polled.records:
                calm = 0
                continue
            try:
                lags = await bus.lag(group)
            except BusUnavailable:
                calm = 0  # it may be starting again
                await asyncio.sleep(LOOK_S)
                continue
            calm = calm + 1 if held and not any(each.lag for each in lags) else 0
            # An adapter may not report a partition in which the group has not moved; then only waiting helps.
            told = held <= {(each.topic, each.partition) for each in lags}
            needed = CALM_LOOKS if told else CALM_LOOKS_UNTOLD
            await asyncio.sleep(LOOK_S)
    finally:
        await subscription.close()
    with contextlib.suppress(PartitaError):
        await bus.forget(
            group
        )  # its results are no longer needed, and the log keeps records until each group has read them
    return [found[place] for place in sorted(found)]
