"""The one door to the registry's storages: picks the adapter by URL or folder, and imports only that one."""

from __future__ import annotations

from pathlib import Path

from partita.errors import SettingsError
from partita.machine.port import Machine
from partita.registry_server.storage import Storage
from partita.settings.address import check_store, folder_of


def connect_storage(where: str | Path, machine: Machine) -> Storage:
    """The storage in a folder, or at a URL (`postgresql://user@host/database`, `sqlite:///folder`).

    Raises:
        SettingsError: the URL names no storage of this build.
    """
    check_store("The registry's store", str(where) if isinstance(where, str) else "")
    folder = where if isinstance(where, Path) else folder_of(where)
    if folder is not None:
        from partita.registry_server.sqlite import SqliteStorage

        return SqliteStorage(folder / "registry.db", machine)
    try:
        from partita.registry_server.postgres import PostgresStorage
    except ModuleNotFoundError as error:
        if error.name != "asyncpg":
            raise
        raise SettingsError("PostgreSQL needs the driver asyncpg.", hint="pip install 'partita[postgres]'") from error
    return PostgresStorage(str(where), machine)
