"""The ingress as a process that is killed while senders post: an answered event is there, and a repeated one is there once."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.integration.ingress.till import STRUCTURED
from tests.processes.hooked import app
from tests.registry_process import PARTITA
from tests.waiting import until_blocking

from partita import Settings

pytestmark = [pytest.mark.slow, pytest.mark.processes, pytest.mark.timeout(300)]
ROOT = Path(__file__).resolve().parents[2]
KILLS, SENDERS, ANSWERS_BETWEEN = 4, 3, 25


@contextmanager
def served(data: Path, errors: Path, store: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The process and its URL, when it answers; it is killed at the end."""
    words = ["ingress", "serve", "tests.processes.hooked:hooks", "--port", "0", "--data", str(data)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PARTITA_STORE": store, "PARTITA_BUS": store}
    with errors.open("wb") as said:
        child = subprocess.Popen([*PARTITA, *words], stderr=said, env=environment, cwd=ROOT)
    try:
        yield child, until_blocking(lambda: _ready(errors))
    finally:
        child.kill()
        child.wait()


def _ready(errors: Path) -> str:
    found = re.search(r"ready: (http://\S+)", errors.read_text(encoding="utf-8"))
    return found[1] if found else ""


def post(url: str, number: int) -> int:
    """The status of the answer to an event of that number."""
    document = {
        "specversion": "1.0",
        "id": str(number),
        "source": "urn:psp",
        "type": "hooked.payment.v1.Charged",
        "data": {"orderId": f"o{number % 7}", "number": number},
    }
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    try:
        connection.request("POST", parts.path, json.dumps(document), {"content-type": STRUCTURED})
        return connection.getresponse().status
    finally:
        connection.close()


class Sender(threading.Thread):
    """Posts events until it is stopped. It repeats every second one that got no answer, as a sender does that waits for 202; of
    the others the outcome stays unknown."""

    def __init__(self, number: int, url: list[str]) -> None:
        super().__init__(daemon=True)
        self.number, self.url = number, url
        self.sent: set[int] = set()
        self.answered: set[int] = set()
        self.wrong: list[int] = []
        self.over = threading.Event()

    def run(self) -> None:
        count = self.number
        while not self.over.is_set():
            count += SENDERS
            self.sent.add(count)
            while not self._is_answered(count) and count % 2 and not self.over.wait(0.01):
                pass

    def _is_answered(self, count: int) -> bool:
        try:
            status = post(self.url[0], count)
        except (OSError, http.client.HTTPException):
            return False
        if status == 202:
            self.answered.add(count)
        elif status != 503:
            self.wrong.append(status)
        return status == 202


@pytest.mark.parametrize("place", ["file", "server"])
def test_an_answered_event_survives_each_kill_and_none_is_there_twice(
    place: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before the commit, between commit and answer, and before the relay sent it; then each event is sent again."""
    store = "" if place == "file" else str(request.getfixturevalue("database"))
    monkeypatch.setenv("PARTITA_STORE", store)
    data, url = tmp_path / "data", [""]
    senders = [Sender(number, url) for number in range(SENDERS)]
    for kill in range(KILLS):
        with served(data, tmp_path / f"errors{kill}", store) as (child, url[0]):
            if not kill:
                for sender in senders:
                    sender.start()
            before = sum(len(sender.answered) for sender in senders)
            until_blocking(lambda: sum(len(s.answered) for s in senders) >= before + ANSWERS_BETWEEN)  # noqa: B023
            child.send_signal(signal.SIGKILL)
    for sender in senders:
        sender.over.set()
        sender.join()
    assert [sender.wrong for sender in senders] == [[]] * SENDERS
    sent = sorted(set().union(*(sender.sent for sender in senders)))
    answered = set().union(*(sender.answered for sender in senders))

    settings = Settings(data=data, store=store, bus=store)
    kept = asyncio.run(_kept(settings))
    assert answered <= set(kept), "a 202 was lost"
    assert len(kept) == len(set(kept)), "a repeated event was kept twice"
    with served(data, tmp_path / "errors", store) as (_, there):
        assert {post(there, number) for number in sent} == {202}
    assert asyncio.run(_seen(settings)) == sent


async def _kept(settings: Settings) -> list[int]:
    mine = app.configured(settings)
    async with mine.running(services=["payments"], roles=()), mine.store("payments").reading() as session:
        rows = await session.fetch("SELECT id FROM outbox", {})
    return [int(row["id"].split()[1]) for row in rows]


async def _seen(settings: Settings) -> list[int]:
    mine = app.configured(settings)
    async with mine.running():
        await mine.settled(60)
        async with mine.store("orders").reading() as session:
            return [row["number"] for row in await session.fetch("SELECT number FROM seen ORDER BY number", {})]


def test_it_is_stopped_in_order(tmp_path: Path) -> None:
    """SIGTERM: the events that were taken are there, and the process ends with 0."""
    with served(tmp_path / "data", tmp_path / "errors", "") as (child, url):
        assert post(url, 1) == 202
        child.send_signal(signal.SIGTERM)
        assert child.wait(30) == 0
    assert asyncio.run(_seen(Settings(data=tmp_path / "data"))) == [1]


def test_a_name_that_is_no_ingress_is_refused_with_the_line_to_write() -> None:
    words = ["ingress", "serve", "tests.processes.hooked:app", "--port", "0"]
    told = subprocess.run(
        [*PARTITA, *words], capture_output=True, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert told.returncode == 2 and "no ingress named 'app'" in told.stderr and "app.ingress" in told.stderr
