"""The one door to the stores: by URL or path, the adapter imported only when asked for."""

from __future__ import annotations

from pathlib import Path

from partita.clock import Clock
from partita.errors import SettingsError
from partita.sqlite_file.wake import Wake
from partita.store.port import Store


def connect_store(where: str | Path, *, service: str, tables: str, clock: Clock, wake: Wake | None = None) -> Store:
    """The store of a service at a URL (`sqlite:///folder`) or a path to its file.

    Raises:
        SettingsError: the URL names no store of this build.
    """
    if isinstance(where, str) and "://" in where:
        scheme, _, rest = where.partition("://")
        if scheme != "sqlite":
            raise SettingsError(f"{where}: this build has no store for {scheme}://.", hint="sqlite:///folder")
        where = Path(rest) / f"{service}.db"
    from partita.store.sqlite.store import SqliteStore

    return SqliteStore(Path(where), service=service, tables=tables, clock=clock, wake=wake)
