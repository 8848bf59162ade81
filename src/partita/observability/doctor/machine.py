"""This machine, the data folder, and the declarations of the app: findings that need no database."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from partita.assembly.existing import Parts
from partita.databases.sqlite.file import version as sqlite_version
from partita.observability.declarations import sagas_of
from partita.sagas.compiling import retry_horizon_s
from partita.sagas.lost_delays import lost_delays
from partita.topics.health import Finding

FREE_BYTES_MIN = 200_000_000
SQLITE_MIN = (3, 38, 0)


def check_machine() -> list[Finding]:
    """The versions of Python and SQLite."""
    version = ".".join(map(str, sys.version_info[:3]))
    new = sqlite_version() >= SQLITE_MIN
    fix = "" if new else "SQLite 3.38 or later is needed; use a newer Python build."
    return [
        Finding("ok", "Python", version),
        Finding("ok" if new else "bad", "SQLite", ".".join(map(str, sqlite_version())), fix),
    ]


def check_declarations(app: Parts) -> list[Finding]:
    """Check that ids are remembered for as long as a message may be tried again, and that delayed retries come in time."""
    found: list[Finding] = []
    for service in app.services:
        saga_s = max((d.deadline_s for d in service.declared.sagas), default=0.0)
        needed = max(map(retry_horizon_s, service.retries)) + saga_s
        if service.window_s < needed:
            found.append(
                Finding(
                    "bad",
                    f"window of {service.name}",
                    f"ids are remembered for {service.window_s:g} s, retries and sagas may take {needed:g} s",
                    f"Service({service.name!r}, window_s={needed:g}) or more",
                )
            )
    found = found or [Finding("ok", "windows", "ids are remembered longer than retries and sagas may take")]
    for definition in sagas_of(app):
        for lost in lost_delays(definition):
            found.append(Finding("note", f"{lost.step.name} of {definition.name}", lost.why, lost.fix))
    return found


def check_folder(data: Path) -> list[Finding]:
    """The folder of files, and the space on its disk."""
    if not data.is_dir():
        start = "The first start makes it: partita run MODULE:APP"
        return [Finding("note", "data", f"{data} does not exist yet", start)]
    free = shutil.disk_usage(data).free
    small = free < FREE_BYTES_MIN
    fix = "Free some space: a full disk stops every commit." if small else ""
    return [Finding("bad" if small else "ok", "data", f"{data}, {free / 1e9:.1f} GB free", fix)]
