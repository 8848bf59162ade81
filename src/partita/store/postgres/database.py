"""A service's schema in a PostgreSQL database: a pool of connections, transactions, migrations."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import asyncpg

from partita.errors import NotFound, SettingsError, StoreMismatch, StoreUnavailable
from partita.store.postgres.asking import ERRORS, Link, meaning

T = TypeVar("T")
IDENTIFIER_BYTES_MAX = 63
CONNECT_TIMEOUT_S = 10

SCHEMA_EXISTS = "SELECT 1 FROM pg_namespace WHERE nspname = $1"
TABLES = "SELECT relname FROM pg_class WHERE relnamespace = $1::regnamespace AND relkind = 'r'"
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))"
META = """
CREATE TABLE partita_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE partita_migration (number BIGINT PRIMARY KEY, applied_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp());
"""
APPLIED = "SELECT coalesce(max(number), 0) FROM partita_migration"
APPLY = "INSERT INTO partita_migration (number) VALUES ($1)"


class PoolOptions(NamedTuple):
    """How to connect. Behind a pooler in transaction mode `statement_cache_size` must be 0."""

    pool_max: int = 10
    statement_cache_size: int = 512
    command_timeout_s: float = 60.0


def options_of(url: str) -> tuple[str, PoolOptions]:
    """The URL as the driver reads it, and what its query says to us (`?pool_max=4&statement_cache_size=0`).

    Raises:
        SettingsError: a number is none.
    """
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    defaults = PoolOptions()
    try:
        ours = {name: type(getattr(defaults, name))(value) for name, value in query if name in PoolOptions._fields}
    except ValueError as error:
        raise SettingsError(f"{shown(url)}: {error}.", hint="pool_max, statement_cache_size: whole numbers.") from error
    rest = urlencode([(name, value) for name, value in query if name not in ours])
    return urlunsplit(parts._replace(query=rest)), defaults._replace(**ours)


def shown(url: str) -> str:
    """The URL without its password, for people."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def schema_of(service: str) -> str:
    """The schema of a service: its name, as far as PostgreSQL takes it (it would cut a long one without a word)."""
    name = f"partita_{service}" if service.startswith("pg_") else service
    if len(name.encode()) <= IDENTIFIER_BYTES_MAX:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:12]
    return f"{name.encode()[: IDENTIFIER_BYTES_MAX - 13].decode(errors='ignore')}_{digest}"


def quoted(name: str) -> str:
    """A name as an identifier in SQL."""
    return '"' + name.replace('"', '""') + '"'


async def seen_through(work: Coroutine[Any, Any, T]) -> T:
    """Work that is not left half done by a caller that is cancelled, even twice."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        task.exception()  # looked at: the caller is told that it was cancelled, nothing else
        raise cancelled
    return task.result()


async def _as_it_is(connection: Any) -> None:
    """In place of the driver's reset, a round trip after each transaction: our settings end with their transaction."""


class Database:
    """The connections of one store to its schema.

    The search path is set in every transaction, in the round trip of its BEGIN: a pooler hands out connections that
    others have used, and refuses settings at connecting.
    """

    def __init__(self, url: str, service: str, *, create: bool = True) -> None:
        self.url, self.options = options_of(url)
        self.where = f"{shown(url)} ({service})"
        self.schema = schema_of(service)
        self._create = create
        self._path = f"SET LOCAL search_path TO {quoted(self.schema)}, public"
        self._pool: Any = None

    async def open(self, migrations: Sequence[str]) -> None:
        """Connect, check and migrate.

        Raises:
            StoreUnavailable, StoreMismatch: with what to do; the database is untouched.
        """
        options = self.options
        try:
            self._pool = await asyncpg.create_pool(
                self.url,
                min_size=1,
                max_size=options.pool_max,
                statement_cache_size=options.statement_cache_size,
                command_timeout=options.command_timeout_s,
                timeout=CONNECT_TIMEOUT_S,
                reset=_as_it_is,
                server_settings={"application_name": "partita"},
            )
        except asyncpg.ClientConfigurationError as error:
            raise SettingsError(f"{self.where}: {error}.", hint="postgresql://user@host:port/database") from error
        except ERRORS as error:
            raise meaning(error, self.where) or error from error
        async with self.writing() as link:
            await self._migrate(link, migrations)

    async def connect(self) -> Any:
        """A connection beside the pool, to listen on."""
        try:
            return await asyncpg.connect(self.url, timeout=CONNECT_TIMEOUT_S, command_timeout=CONNECT_TIMEOUT_S)
        except ERRORS as error:
            raise meaning(error, self.where) or error from error

    async def close(self) -> None:
        """Disconnect; what is still open is cut after a while."""
        if self._pool is not None:
            pool, self._pool = self._pool, None
            try:
                await asyncio.wait_for(pool.close(), CONNECT_TIMEOUT_S)
            except ERRORS:
                pool.terminate()

    @asynccontextmanager
    async def writing(self, *, durable: bool = True, notify: list[str] | None = None) -> AsyncIterator[Link]:
        """A transaction: commits at the end of the block, rolls back when it raises. The channels in `notify` by
        then are notified with the commit.

        Raises:
            StoreUnavailable: it could not begin or commit. Where the connection was lost during the commit it may be
                that all of it was kept: what is run again finds its own marks.
        """
        begin = f"BEGIN; {self._path}" + ("" if durable else "; SET LOCAL synchronous_commit TO off")
        async with self._linked(begin, writing=True) as link:
            yield link
            if link.failed is not None:
                raise link.failed
            if not link.is_open():
                raise StoreUnavailable(
                    f"{self.where}: the transaction ended within its block.",
                    hint="COMMIT and ROLLBACK are not for handlers: the block's end commits.",
                )
            told = "".join(f"NOTIFY {quoted(channel)}; " for channel in dict.fromkeys(notify or ()))
            try:
                tag = await seen_through(link.connection.execute(f"{told}COMMIT"))
            except ERRORS as error:
                raise meaning(error, self.where) or error from error
            if tag != "COMMIT":
                raise StoreUnavailable(f"{self.where}: the server rolled the transaction back.")

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Link]:
        """A view of one state of what is committed; it writes nothing."""
        async with self._linked(
            f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {self._path}", writing=False
        ) as link:
            yield link

    @asynccontextmanager
    async def _linked(self, begin: str, *, writing: bool) -> AsyncIterator[Link]:
        if self._pool is None:
            raise StoreUnavailable(f"{self.where}: it is not open.")
        pool = self._pool
        try:
            connection = await pool.acquire(timeout=self.options.command_timeout_s)
        except ERRORS as error:
            raise meaning(error, self.where) or error from error
        link = Link(connection, self.where, writing=writing)
        try:
            try:
                await connection.execute(begin)
            except ERRORS as error:
                raise meaning(error, self.where) or error from error
            yield link
        finally:
            await seen_through(self._give_back(pool, link))

    async def _give_back(self, pool: Any, link: Link) -> None:
        # Where the connection is lost the server rolls back, and the pool makes another.
        with contextlib.suppress(*ERRORS):
            if link.is_open():
                await link.connection.execute("ROLLBACK", timeout=CONNECT_TIMEOUT_S)
        with contextlib.suppress(*ERRORS):
            if link.is_open():
                link.connection.terminate()
        with contextlib.suppress(*ERRORS):
            await pool.release(link.connection, timeout=CONNECT_TIMEOUT_S)

    async def _migrate(self, link: Link, migrations: Sequence[str]) -> None:
        await link.rows(LOCK, f"partita/{self.schema}")
        if await link.row(SCHEMA_EXISTS, self.schema) is None:
            if not self._create:
                raise NotFound(
                    f"{self.where}: no data of this service there.", hint="Name the database in PARTITA_STORE."
                )
            await link.run(f"CREATE SCHEMA {quoted(self.schema)}")
        tables = {row[0] for row in await link.rows(TABLES, quoted(self.schema))}
        if "partita_meta" not in tables:
            if tables:
                raise StoreMismatch(
                    f"{self.where}: the schema {self.schema} is another program's.",
                    hint="It was not touched. Choose another database, or another name for the service.",
                )
            await link.run(META)
        version = (await link.rows(APPLIED))[0][0]
        if version > len(migrations):
            raise StoreMismatch(
                f"{self.where}: written by a newer Partita (schema {version}, this one knows {len(migrations)}).",
                hint="It was not touched. Upgrade Partita here, or choose another database.",
            )
        for number, script in enumerate(migrations[version:], start=version + 1):
            await link.run(script)
            await link.run(APPLY, number)
