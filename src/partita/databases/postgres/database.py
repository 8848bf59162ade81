"""A service's schema in a PostgreSQL database: a pool of connections, transactions, migrations."""

from __future__ import annotations

import contextlib
import functools
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import asyncpg

from partita.clock import Clock, seen_through, within
from partita.databases.postgres.asking import ERRORS, Link, meaning, stood_still, untrusted
from partita.databases.postgres.lock_waits import Holder, Waiting, holders, patiently
from partita.databases.postgres.naming import quoted, schema_of
from partita.databases.postgres.pooler import stands_between
from partita.databases.postgres.versions import MigratedSchema, advance, applied
from partita.errors import PartitaError, SettingsError, StoreUnavailable
from partita.migrations.migration import WAIT_S
from partita.settings.address import without_secrets
from partita.settings.amount import check_count, check_seconds
from partita.texts.users_sql import ended_within

T = TypeVar("T")
CONNECT_TIMEOUT_S = 10.0
URL_HINT = "postgresql://user@host:port/database; in a password, write / ? # @ : as %2F %3F %23 %40 %3A"


class PoolOptions(NamedTuple):
    """How to connect. Where `statement_cache_size` is not given it is 0 behind a pooler, which may be in transaction mode:
    then a statement prepared on one connection is missing on the next. `idle_s` is how long a transaction may be idle
    between two statements: a process that is stopped within one holds its locks, and its successor waits for them."""

    pool_max: int = 10
    statement_cache_size: int | None = None
    command_timeout_s: float | None = 60.0
    idle_s: float = 120.0
    connect_timeout_s: float = CONNECT_TIMEOUT_S


CACHED_STATEMENTS = 512
UNSYNCED = "set_config('synchronous_commit', 'off', true)"
"""Returned by a statement that is a transaction of its own: its commit does not wait for the disk."""
# Work that can be done again (a relay's marks, leases) takes milliseconds: its successor need not wait longer than for a
# stale heartbeat.
IDLE_UNSYNCED_S = 3.0
OPTION_MAX = 10_000
FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
KINDS = {
    "pool_max": int, "statement_cache_size": int, "command_timeout_s": float, "idle_s": float, "connect_timeout_s": float,
}  # fmt: skip


def options_of(url: str) -> tuple[str, PoolOptions]:
    """The URL as the driver reads it, and Partita's own options from its query (`?pool_max=4&statement_cache_size=0`).

    Raises:
        SettingsError: an option is not a number.
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # the error's text may hold the password
        raise SettingsError("The store's URL cannot be read.", hint=URL_HINT) from None
    query = parse_qsl(parts.query, keep_blank_values=True)
    defaults = PoolOptions()
    try:
        ours: dict[str, Any] = {name: KINDS[name](value) for name, value in query if name in KINDS}
    except ValueError:
        raise SettingsError(
            f"{without_secrets(url)}: an option of the URL is not a number.",
            hint="pool_max, statement_cache_size: whole numbers; those that end in _s: seconds.",
        ) from None
    for name, value in ours.items():
        if KINDS[name] is int:
            check_count(SettingsError, f"{name} in the URL", value, least=int(name == "pool_max"), most=OPTION_MAX)
        else:
            check_seconds(SettingsError, f"{name} in the URL", value, most=86_400.0)
    for name, value in query:
        if name in FILES and value != "system" and not os.access(value, os.R_OK):
            raise SettingsError(f"{name} in the store's URL names no file that can be read.", hint=URL_HINT)
    rest = urlencode([(name, value) for name, value in query if name not in ours])
    return urlunsplit(parts._replace(query=rest)), defaults._replace(**ours)


async def _as_it_is(connection: Any) -> None:
    """Skip the driver's reset, a round trip after each transaction: Partita's settings end with their transaction."""


class Database:
    """The connections of one store to its schema.

    The search path is set in every transaction, in the round trip of its BEGIN: a pooler hands out connections that
    other clients have used, and refuses settings at connecting. Without a pooler the connections have it as well, so
    that a single statement needs no transaction around it.
    """

    def __init__(self, url: str, service: str, clock: Clock, *, create: bool = True, migrate: bool = True) -> None:
        self._clock = clock
        self.url, self.options = options_of(url)
        self.where = f"{without_secrets(url)} ({service})"
        self.schema = schema_of(service)
        self._create = create
        self._migrate = migrate
        self._names = f"{quoted(self.schema)}, public"
        self._path = f"SET LOCAL search_path TO {self._names}"
        self._pool: Any = None
        self.wait_s = WAIT_S
        """The total time that `changing` waits for other sessions."""
        self.pooled = False
        self.greet: Callable[[Any], Awaitable[None]] | None = None
        """Checks each new connection before its first query; the task that asked for the connection gets its error."""
        self.refused: Callable[[], PartitaError] | None = None
        """The error of every later query."""

    async def open(self, migrations: Sequence[str]) -> None:
        """Connect, check and migrate.

        Raises:
            StoreUnavailable, StoreMismatch, MigrationPending: with what to do; the database is untouched.
        """
        await self.open_pool()
        place = MigratedSchema(self.schema, self.where, migrations)
        async with self.reading() as link:
            more = await applied(link, place) != len(migrations)
        while more:  # each commits by itself: a process killed midway continues where it was
            more = await self.changing("the next migration", functools.partial(self._advance, place)) is not None

    async def _advance(self, place: MigratedSchema, link: Link) -> int | None:
        return await advance(link, place, create=self._create, migrate=self._migrate)

    async def changing(self, what: str, work: Callable[[Link], Awaitable[T]]) -> T:
        """Change the schema in a transaction of its own. It blocks others for a moment at most, and is begun again until the
        way is free.

        Raises:
            StoreUnavailable: the way was not free within `wait_s`; names the sessions in the way.
        """

        async def find_holders() -> Sequence[Holder]:
            async with self.asking() as link:
                return await holders(link, self.schema)

        async def attempt(moment: str) -> T:
            async with self.writing() as link:
                await link.run(f"SET LOCAL lock_timeout TO '{moment}'")
                return await work(link)

        return await patiently(self._clock, Waiting(what, self.where, find_holders, self.wait_s), attempt)

    async def open_pool(self) -> None:
        """Connect.

        Raises:
            StoreUnavailable, SettingsError: with what to do.
        """
        options = self.options
        try:
            self.pooled = await self._is_pooled()
            cached = options.statement_cache_size
            if cached is None:
                cached = 0 if self.pooled else CACHED_STATEMENTS
            self._pool = await asyncpg.create_pool(
                self.url,
                min_size=1,
                max_size=options.pool_max,
                statement_cache_size=cached,
                command_timeout=options.command_timeout_s,
                timeout=options.connect_timeout_s,
                init=self._greet,
                reset=_as_it_is,
                server_settings={"application_name": "partita"} | ({} if self.pooled else {"search_path": self._names}),
            )
        except asyncpg.ClientConfigurationError as error:
            raise SettingsError(f"{self.where}: {error}.", hint=URL_HINT) from error
        except ssl.SSLError as error:  # is a ValueError too, if a certificate is not trusted
            raise untrusted(error, self.where) from error
        except ValueError:  # the error's text is a part of the URL, perhaps of the password
            raise SettingsError(f"{self.where}: the URL cannot be read.", hint=URL_HINT) from None
        except ERRORS as error:
            # An option that the server does not know: the error's text may be a part of the password.
            unknown = SettingsError(f"{self.where}: the server refuses an option of the URL.", hint=URL_HINT)
            raise meaning(error, self.where) or unknown from error

    @property
    def _limit_s(self) -> Any:
        """The time limit for connecting. Any: the driver takes every number, its hint says int."""
        return self.options.connect_timeout_s

    async def _greet(self, connection: Any) -> None:
        if self.greet is not None:
            await self.greet(connection)

    async def _is_pooled(self) -> bool:
        connection = await asyncpg.connect(self.url, timeout=self._limit_s, statement_cache_size=0)
        try:
            return await stands_between(connection)
        finally:
            await connection.close(timeout=self.options.connect_timeout_s)

    async def connect(self) -> Any:
        """A connection beside the pool, to listen on."""
        try:
            return await asyncpg.connect(self.url, timeout=self._limit_s, command_timeout=self._limit_s)
        except ERRORS as error:
            raise meaning(error, self.where) or error from error

    async def close(self) -> None:
        """Disconnect; connections still in use are cut after a while."""
        if self._pool is not None:
            pool, self._pool = self._pool, None
            try:
                async with within(self._clock, self.options.connect_timeout_s):
                    await pool.close()
            except ERRORS:
                pool.terminate()

    @asynccontextmanager
    async def writing(self, *, durable: bool = True, notify: list[str] | None = None) -> AsyncIterator[Link]:
        """A transaction: commits at the end of the block, rolls back when it raises. The channels in `notify` by
        then are notified with the commit.

        Raises:
            StoreUnavailable: it could not begin or commit. If the connection was lost during the commit, all of it may
            have been kept: a repeated run finds its own marks.
        """
        idle_s = self.options.idle_s if durable else min(self.options.idle_s, IDLE_UNSYNCED_S)
        # The locks need this level; a role or a database may have another default.
        stand_still = f"SET LOCAL idle_in_transaction_session_timeout TO {round(idle_s * 1_000)}"
        begin = f"BEGIN ISOLATION LEVEL READ COMMITTED; {self._path}; {stand_still}"
        if not durable:
            begin += "; SET LOCAL synchronous_commit TO off"
        began = self._clock.monotonic()
        # The driver reports the server's reason for ending a session only to a call in progress. A call made while the end
        # arrives fails inside the driver (InternalClientError) before it sends anything.
        async with self._linked(begin, writing=True) as link:
            try:
                yield link
                if link.failed is None:
                    await link.flush()
                if link.failed is not None:
                    raise link.failed
                if link.is_lost():
                    raise StoreUnavailable(
                        f"{self.where}: the server ended the connection within the transaction.",
                        hint="It is run again.",
                    )
            except StoreUnavailable as error:
                ended = link.is_lost() or isinstance(error.__cause__, asyncpg.InternalClientError)
                if ended and self._clock.monotonic() - began >= idle_s:
                    raise stood_still(self.where) from error
                raise
            if not link.is_open():
                ended_within(self.where)
            told = [f"NOTIFY {quoted(channel)}" for channel in dict.fromkeys(notify or ())]
            try:
                tag = await seen_through(link.connection.execute("; ".join([*link.last, *told, "COMMIT"])))
            except ERRORS as error:
                if isinstance(error, asyncpg.InternalClientError) and self._clock.monotonic() - began >= idle_s:
                    raise stood_still(self.where) from error
                raise meaning(error, self.where) or error from error
            if tag != "COMMIT":
                raise StoreUnavailable(f"{self.where}: the server rolled the transaction back.")

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Link]:
        """A view of one state of the committed data; it writes nothing."""
        async with self._linked(
            f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {self._path}", writing=False
        ) as link:
            yield link

    @asynccontextmanager
    async def glance(self) -> AsyncIterator[Link]:
        """For reading statements that may see different states: each is a transaction of its own, in one round trip."""
        async with self.reading() if self.pooled else self._connected(writing=False) as link:
            yield link

    @asynccontextmanager
    async def stroke(self) -> AsyncIterator[Link]:
        """For one writing statement that may be done again, in one round trip. It has `UNSYNCED` in its RETURNING."""
        async with self.writing(durable=False) if self.pooled else self._connected(writing=True) as link:
            yield link

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[Link]:
        """A connection on which each statement is a transaction of its own, in one round trip: it names its schema.

        No transaction is idle here, so none holds a lock or a snapshot that others wait for.
        """
        async with self._connected(writing=True) as link:
            yield link

    @asynccontextmanager
    async def _linked(self, begin: str, *, writing: bool) -> AsyncIterator[Link]:
        async with self._connected(writing=writing) as link:
            try:
                await link.connection.execute(begin)
            except ERRORS as error:
                raise meaning(error, self.where) or error from error
            yield link

    @asynccontextmanager
    async def _connected(self, *, writing: bool) -> AsyncIterator[Link]:
        if self._pool is None:
            raise StoreUnavailable(f"{self.where}: it is not open.")
        if self.refused is not None:
            raise self.refused()
        pool = self._pool
        try:
            connection = await pool.acquire(timeout=self.options.command_timeout_s)
        except ERRORS as error:
            raise meaning(error, self.where) or error from error
        link = Link(connection, self.where, writing=writing)
        try:
            yield link
        finally:
            await seen_through(self._give_back(pool, link))

    async def _give_back(self, pool: Any, link: Link) -> None:
        # If the connection is lost the server rolls back, and the pool makes another.
        with contextlib.suppress(*ERRORS):
            if link.is_open():
                await link.connection.execute("ROLLBACK", timeout=self.options.connect_timeout_s)
        with contextlib.suppress(*ERRORS):
            if link.is_open():
                link.connection.terminate()
        with contextlib.suppress(*ERRORS):
            await pool.release(link.connection, timeout=self.options.connect_timeout_s)
