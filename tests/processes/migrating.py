"""A process that migrates: it applies migrations, given as JSON, to a file or a schema, and prints those it applied."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from partita.databases.sqlite.migrations import SqliteMigrations
from partita.machine.system import this_machine
from partita.migrations.migration import Migrations

APPLICATION_ID = 7


def migrations(where: str, scripts: list[str], tables: str = "") -> Migrations:
    """The migrations of the service `svc` at a URL, or of a file."""
    if "://" in where:
        from partita.databases.postgres.migrations import PostgresMigrations

        return PostgresMigrations(where, this_machine(), "svc", scripts, tables)
    return SqliteMigrations(
        Path(where), this_machine(), application_id=APPLICATION_ID, migrations=scripts, tables=tables
    )


if __name__ == "__main__":
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(list(asyncio.run(migrations(sys.argv[1], json.loads(sys.argv[2])).upgrade()))), flush=True)
