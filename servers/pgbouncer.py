"""PgBouncer in transaction mode before a PostgreSQL: what many databases are reached through in production."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

from servers.process import ServerFailed, ServerProcess

MISSING = "no PgBouncer here; to have it: apt-get install pgbouncer"
SETTINGS = """\
[databases]
* = host=127.0.0.1 port={server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
pool_mode = {mode}
auth_type = trust
auth_file = {folder}/users.txt
max_client_conn = 500
default_pool_size = {size}
"""


def pgbouncer(folder: Path, port: int, server: int, *, mode: str = "transaction", size: int = 10) -> ServerProcess:
    """A pooler at `port` before the PostgreSQL at `server`, with `size` connections to it.

    Raises:
        ServerFailed: there is no PgBouncer here.
    """
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        raise ServerFailed(MISSING)
    folder.mkdir(parents=True, exist_ok=True)
    text = SETTINGS.format(server=server, port=port, mode=mode, folder=folder, size=size)
    (folder / "pgbouncer.ini").write_text(text, encoding="utf-8")
    (folder / "users.txt").write_text('"postgres" ""\n', encoding="utf-8")
    user = None
    if os.geteuid() == 0:  # it refuses to run as root
        user = "postgres"
        shutil.chown(folder, user, user)

    def ready() -> bool:
        try:
            with socket.create_connection(("127.0.0.1", port), 1):
                return True
        except OSError:
            return False

    return ServerProcess("PgBouncer", folder, [program, "-q", str(folder / "pgbouncer.ini")], ready, user)
