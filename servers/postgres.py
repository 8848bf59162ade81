"""A PostgreSQL of its own: a new cluster in a folder, fsync on, listening on loopback."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from servers.process import ServerFailed, ServerProcess

MISSING = "no PostgreSQL here; to have it: apt-get install postgresql"


def programs() -> Path | None:
    """The folder of `initdb` and `postgres`, where Debian, the path, or a link on it has them."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((f for f in folders if (f / "initdb").exists() and (f / "postgres").exists()), None)


def postgres(folder: Path, port: int, **options: str) -> ServerProcess:
    """A server whose data lie in `folder` (made where it is new); `options` are settings of postgresql.conf.

    Raises:
        ServerFailed: there is no PostgreSQL here.
    """
    where = programs()
    if where is None:
        raise ServerFailed(MISSING)
    user = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
    data = folder / "data"
    folder.mkdir(parents=True, exist_ok=True)
    if not data.exists():
        who: Mapping[str, Any] = {}
        if user:
            shutil.chown(folder, user, user)
            who = {"user": user, "group": user, "extra_groups": []}
        command = [where / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-instructions", "-E", "UTF8"]
        made = subprocess.run(command, cwd=folder, check=False, capture_output=True, timeout=60, **who)
        if made.returncode:
            raise ServerFailed(f"initdb in {folder}: {made.stderr.decode('utf-8', 'replace')}")
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "",
        "shared_buffers": "64MB",
        "wal_level": "logical",
    } | options
    command_line = [str(where / "postgres"), "-D", str(data), *(f"--{k}={v}" for k, v in settings.items())]
    ask = [where / "psql", "-X", "-q", "-h", "127.0.0.1", "-p", str(port), "-U", "postgres", "-c", "SELECT 1"]

    def ready() -> bool:
        return subprocess.run(ask, capture_output=True, timeout=10, check=False).returncode == 0

    return ServerProcess("PostgreSQL", folder, command_line, ready, user, signal.SIGINT)


def url(port: int, database: str = "postgres") -> str:
    """Where such a server is found."""
    return f"postgresql://postgres@127.0.0.1:{port}/{database}"
