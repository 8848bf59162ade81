"""The one door to the stores: by URL or path, the adapter imported only when asked for."""

from __future__ import annotations

from pathlib import Path

from partita.clock import Clock
from partita.errors import SettingsError
from partita.sqlite_file.wake import Wake
from partita.store.port import Store


def connect_store(
    where: str | Path, *, service: str, tables: str, clock: Clock, wake: Wake | None = None, create: bool = True
) -> Store:
    """The store of a service at a URL (`sqlite:///folder`, `postgresql://user@host/database`) or a path to its file.
    Without `create` a server's database is not touched where the service has no data in it.

    Raises:
        SettingsError: the URL names no store of this build.
    """
    if isinstance(where, str) and "://" in where:
        scheme, _, rest = where.partition("://")
        if scheme in ("postgresql", "postgres"):
            return _postgres(where, service, tables, clock, create)
        if scheme != "sqlite":
            raise SettingsError(
                f"{where}: this build has no store for {scheme}://.",
                hint="sqlite:///folder or postgresql://user@host:port/database",
            )
        where = Path(rest) / f"{service}.db"
    from partita.store.sqlite.store import SqliteStore

    return SqliteStore(Path(where), service=service, tables=tables, clock=clock, wake=wake)


def _postgres(url: str, service: str, tables: str, clock: Clock, create: bool) -> Store:
    try:
        from partita.store.postgres.store import PostgresStore
    except ModuleNotFoundError as error:
        if error.name != "asyncpg":
            raise
        raise SettingsError("PostgreSQL needs the driver asyncpg.", hint="pip install 'partita[postgres]'") from error
    return PostgresStore(url, service=service, tables=tables, clock=clock, create=create)
