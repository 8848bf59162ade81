"""Real servers for the tests, each a child of the test process, on a free port, in a folder of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

READY_WITHIN_S = 30.0
STOPS_WITHIN_S = 20.0


@contextlib.contextmanager
def postgres_url() -> Iterator[str]:
    """A PostgreSQL of its own, ready for statements, as `postgresql://postgres@127.0.0.1:port/postgres`."""
    programs = _postgres_programs()
    if programs is None and os.environ.get("CI"):
        pytest.fail("no PostgreSQL here, and nothing is skipped in CI: apt-get install postgresql")
    if programs is None:
        pytest.skip("no PostgreSQL here; to run these tests: apt-get install postgresql")
    who = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="partita-postgres-", dir="/tmp" if who else None))
    try:
        if who:
            shutil.chown(folder, "postgres", "postgres")
        data = folder / "data"
        command = [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-instructions", "-E", "UTF8"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60, **who)  # type: ignore[call-overload]
        port = _free_port()
        options = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": "",
            "shared_buffers": "64MB",
        }
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [programs / "postgres", "-D", data, *(f"--{name}={value}" for name, value in options.items())],
                cwd=folder, stdout=log, stderr=log, start_new_session=True, **who,
            )  # fmt: skip
        try:
            _wait_until_ready(server, programs, port, folder / "log")
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(signal.SIGINT)  # a fast shutdown: who is connected is cut off
            try:
                server.wait(STOPS_WITHIN_S)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _postgres_programs() -> Path | None:
    """The folder of `initdb` and `postgres`, where Debian, the path, or a link on it has them."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((f for f in folders if (f / "initdb").exists() and (f / "postgres").exists()), None)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait_until_ready(server: subprocess.Popen[bytes], programs: Path, port: int, log: Path) -> None:
    """Ready means that a statement succeeded, not that the port accepts."""
    ask = [programs / "psql", "-X", "-q", "-h", "127.0.0.1", "-p", str(port), "-U", "postgres", "-c", "SELECT 1"]
    until = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < until and server.poll() is None:
        if subprocess.run(ask, capture_output=True, timeout=10, check=False).returncode == 0:
            return
        time.sleep(0.05)
    raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text(encoding='utf-8')[-2_000:]}")
