"""The registry as a process. Killed while clients post, it restarts with every id that it gave; stopped by SIGTERM,
it ends in order."""

from __future__ import annotations

import http.client
import signal
import subprocess
import threading
import urllib.error
from pathlib import Path

import pytest
from tests.registry_process import PARTITA, ask, served
from tests.unit.registry_server.registry_desk import record
from tests.waiting import until_blocking

pytestmark = [pytest.mark.slow, pytest.mark.processes]
KILLS = 5
CLIENTS = 4
POSTS_BETWEEN = 30


class Client(threading.Thread):
    """Posts schemas of its own and common ones until it is stopped; keeps each answered id."""

    def __init__(self, number: int, url: list[str]) -> None:
        super().__init__(daemon=True)
        self.number = number
        self.url = url
        self.given: dict[str, int] = {}
        self.over = threading.Event()
        self.wrong: list[str] = []

    def run(self) -> None:
        count = 0
        while not self.over.is_set():
            count += 1
            text = record(f"common{count // 2}" if count % 2 else f"own{self.number}_{count}")
            try:
                made = ask("POST", f"{self.url[0]}/subjects/s{self.number}-{count}/versions", {"schema": text})
            except urllib.error.HTTPError as error:
                self.wrong.append(f"{error.code} {error.read()!r}")
            except (OSError, ValueError, http.client.HTTPException):
                self.over.wait(0.01)  # the server was killed: the outcome is unknown, and the client goes on
            else:
                self.given[made["schema"]] = made["id"]


@pytest.mark.parametrize("place", ["file", pytest.param("server", marks=pytest.mark.long)])
def test_ids_survive_kills_while_clients_post(place: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Records on the topics have these ids: a lost id makes them unreadable, an id that is given twice makes them
    misread."""
    words = ["--data", str(tmp_path)] if place == "file" else ["--store", request.getfixturevalue("database")]
    url = [""]
    clients = [Client(number, url) for number in range(CLIENTS)]
    for kill in range(KILLS):
        with served(*words, errors=tmp_path / f"errors{kill}") as (child, url[0]):
            if not kill:
                for client in clients:
                    client.start()
            before = sum(len(client.given) for client in clients)
            until_blocking(lambda: sum(len(c.given) for c in clients) >= before + POSTS_BETWEEN)  # noqa: B023
            child.send_signal(signal.SIGKILL)
    for client in clients:
        client.over.set()
        client.join()

    assert [client.wrong for client in clients] == [[]] * CLIENTS
    given: dict[str, int] = {}
    for client in clients:
        for text, number in client.given.items():
            assert given.setdefault(text, number) == number, "one content, two ids"
    assert len(set(given.values())) == len(given) >= KILLS * POSTS_BETWEEN // 2
    with served(*words, errors=tmp_path / "errors") as (_, there):
        for text, number in given.items():
            assert ask("GET", f"{there}/schemas/ids/{number}")["schema"] == text


def test_it_is_stopped_in_order(tmp_path: Path) -> None:
    """Every supervisor stops it by SIGTERM: exit code 0, and the file has no journal beside it."""
    with served("--data", str(tmp_path), errors=tmp_path / "errors") as (child, url):
        assert ask("POST", f"{url}/subjects/s/versions", {"schema": record("sku")})["id"] == 1
        child.send_signal(signal.SIGTERM)
        assert child.wait(20) == 0
    assert not (tmp_path / "registry.db-wal").exists()
    said = (tmp_path / "errors").read_text(encoding="utf-8")
    assert said.splitlines() == [f"ready: {url} (schemas in {tmp_path / 'registry.db'})"]


def test_a_port_that_is_taken_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with served("--data", str(tmp_path / "one"), errors=tmp_path / "errors") as (_, url):
        port = url.rpartition(":")[2]
        words = ["registry", "serve", "--port", port, "--data", str(tmp_path / "two")]
        done = subprocess.run([*PARTITA, *words], capture_output=True, text=True)
    assert done.returncode == 2
    assert f"--port {port}: cannot be used" in done.stderr
    assert not (tmp_path / "two").exists()


def test_a_host_that_is_not_of_this_machine_is_refused_by_its_own_name(tmp_path: Path) -> None:
    """192.0.2.1 belongs to no machine. Another port, which the command advised, does not help."""
    words = ["registry", "serve", "--port", "0", "--host", "192.0.2.1", "--data", str(tmp_path / "data")]
    done = subprocess.run([*PARTITA, *words], capture_output=True, text=True)
    assert done.returncode == 2
    assert "--host 192.0.2.1: cannot be used" in done.stderr and "an address of this machine" in done.stderr
