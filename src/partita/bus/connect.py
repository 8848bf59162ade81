"""The one door to the buses: by URL or path, the adapter imported only when asked for."""

from __future__ import annotations

from pathlib import Path

from partita.bus.port import Bus
from partita.clock import Clock
from partita.errors import SettingsError
from partita.sqlite_file.wake import Wake


def connect_bus(where: str | Path, clock: Clock, wake: Wake) -> Bus:
    """The bus at a URL (`log:///folder`) or a path to a log's file.

    Raises:
        SettingsError: the URL names no bus of this build.
    """
    if isinstance(where, str) and "://" in where:
        scheme, _, rest = where.partition("://")
        if scheme != "log":
            raise SettingsError(f"{where}: this build has no bus for {scheme}://.", hint="log:///folder")
        where = Path(rest) / "log.db"
    from partita.bus.log import LogBus

    return LogBus(Path(where), clock=clock, wake=wake)
