"""A real process on a real PostgreSQL and a real Kafka: its probes and its metrics while each server is stopped,
killed and started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from servers.process import ServerProcess, free_port
from tests.servers import kafka_cluster, postgres_server
from tests.waiting import until_blocking

pytestmark = [pytest.mark.processes, pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(300)]
ASK_S = 1.0
SOON_S = 60.0
METRICS_S = 15.0
"""Ten seconds and a 500 was what it took; the limit of a question is one second here."""


def get(port: int, path: str) -> tuple[int, str]:
    """Status and text; 0 = no process listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=METRICS_S) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def becomes(port: int, code: int, status: str) -> dict[str, Any]:
    """Wait until `/readyz` gives this answer."""

    def is_that(answer: tuple[int, str]) -> bool:
        return answer[0] == code and json.loads(answer[1])["status"] == status

    body: dict[str, Any] = json.loads(until_blocking(lambda: get(port, "/readyz"), SOON_S, holds=is_that)[1])
    return body


@contextmanager
def running(data: Path, port: int, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    words = ["run", "--only", "payment-service", "--metrics", f"127.0.0.1:{port}", "--grace", "1"]
    environment = {**os.environ, "PARTITA_DATA": str(data), "PARTITA_ASK_S": str(ASK_S), **variables}
    # Kept in a file: a native library that aborts the process reports that only here.
    with (data / "stderr").open("wb") as said:
        child = subprocess.Popen(
            [sys.executable, "-c", "from partita.cli.main import main; main()", *words], env=environment, stderr=said
        )
    try:
        yield child
        assert child.poll() is None, (data / "stderr").read_text()[-2_000:]
    finally:
        child.kill()
        child.wait()


@contextmanager
def without(servers: list[ServerProcess], how: str) -> Iterator[None]:
    """While they are killed, or stopped."""
    pids = [pid for server in servers if server.child is not None for pid in family(server.child.pid)]
    if how == "killed":
        for server in servers:
            server.kill()
    else:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        if how == "killed":
            for server in servers:
                server.start()
        else:
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)


def family(pid: int) -> list[int]:
    """A process and all its descendants: a PostgreSQL answers from processes that have groups of their own."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [pid, *(one for child in children for one in family(int(child)))]


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_probes_and_metrics_while_servers_are_away(how: str, tmp_path: Path) -> None:
    """Seen once: ready and 200 with both servers killed, and a 500 for the metrics after ten seconds."""
    with postgres_server() as (database, url), kafka_cluster() as cluster:
        port = free_port()
        with running(tmp_path, port, PARTITA_STORE=url, PARTITA_BUS=cluster.url):
            becomes(port, 200, "ok")
            with without(list(cluster.nodes), how):
                body = becomes(port, 200, "degraded")
                assert {c["name"] for c in body["checks"] if c["status"] == "degraded"} >= {"bus"}
                _metrics(port, lambda text: "partita_bus_up 0.0" in text and "partita_outbox_pending_rows{" in text)
            becomes(port, 200, "ok")
            with without([database], how):
                body = becomes(port, 503, "down")
                assert {c["name"] for c in body["checks"] if c["status"] == "down"} == {"store of payment-service"}
                _metrics(port, lambda text: 'partita_store_up{service="payment-service"} 0.0' in text)
                assert get(port, "/livez")[0] == 200
            becomes(port, 200, "ok")
            _metrics(port, lambda text: 'partita_store_up{service="payment-service"} 1.0' in text)


def _metrics(port: int, good: Callable[[str], bool]) -> None:
    began = time.monotonic()
    code, text = get(port, "/metrics")
    assert code == 200 and good(text), text
    assert time.monotonic() - began < METRICS_S
