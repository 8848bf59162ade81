"""Debezium's outbox event router in place of the relays, really running and really killed: consumers see no
difference."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from confluent_kafka import Consumer, TopicPartition
from servers.process import ServerProcess
from tests.processes.counting import app, source
from tests.processes.test_on_servers import LONG, Tier, asyncpg, every, proven, send_surely
from tests.processes.test_on_servers import database as database
from tests.processes.test_on_servers import tier as tier
from tests.processes.test_processes import process, send
from tests.servers import connect_worker
from tests.waiting import until_blocking

from partita import PartitaError, Settings
from partita.examples.shop.sample import sample_lines
from partita.machine.system import this_machine
from partita.store.connect import connect_store
from partita.store.outbox import NOT_SENT, OutboxRow

pytestmark = [pytest.mark.processes, pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(900)]
ROOT = Path(__file__).resolve().parents[2]
COUNTING = "tests.processes.counting:app"
# The server trusts everybody on loopback.
ACCESS = {"PARTITA_DEBEZIUM_USER": "postgres", "PARTITA_DEBEZIUM_PASSWORD": "not-asked-for"}


def partita(data: Path, *words: str, app: str = COUNTING) -> subprocess.CompletedProcess[str]:
    """Run a command of the command line to its end."""
    command = [sys.executable, "-c", "from partita.cli.main import main; main()", *words, "--data", str(data)]
    environment = {**os.environ, "PARTITA_APP": app, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def done(data: Path, *words: str, app: str = COUNTING) -> str:
    """Run a command that must succeed; returns its output."""
    ran = partita(data, *words, app=app)
    assert ran.returncode == 0, f"{words}: {ran.stdout}{ran.stderr}"
    return ran.stdout


@contextmanager
def connector(tier: Tier, data: Path, app: str = COUNTING) -> Iterator[ServerProcess]:
    """A Kafka Connect with exactly what the command prints."""
    printed = done(data, "outbox", "debezium", app=app)
    with connect_worker(tier.cluster.servers, printed, ACCESS) as worker:
        yield worker


def ask(tier: Tier, sql: str) -> list[Any]:
    """Rows of a query."""

    async def read() -> list[Any]:
        connection = await asyncpg.connect(tier.url)
        try:
            return [tuple(row) for row in await connection.fetch(sql)]
        finally:
            await connection.close()

    return asyncio.run(read())


class Told(NamedTuple):
    """A record as it is on the broker."""

    key: str | None
    value: bytes
    envelope: bytes
    partition: int
    headers: set[str]


def envelope_in(held: bytes) -> bytes:
    """The envelope in a header: the relay writes it in base64, Debezium as it is in the outbox."""
    try:
        return held if held[:1] >= b"\x80" else base64.b64decode(held, validate=True)
    except ValueError:
        return held


def records(tier: Tier, topic: str, count: int) -> list[Told]:
    """The records of a topic from its start, as soon as there are `count`, and any others that come within a second."""
    consumer = Consumer(
        {
            "bootstrap.servers": tier.cluster.servers,
            "group.id": "looks",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )
    partitions = consumer.list_topics(topic, 10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
    found: list[Told] = []
    until, ended = time.monotonic() + 60, set[int]()
    while (len(found) < count or len(ended) < len(partitions)) and time.monotonic() < until:
        for message in consumer.consume(500, 0.2):
            if message.error() is not None:
                ended.add(message.partition())  # there are no more at this moment
                continue
            ended.discard(message.partition())
            headers = dict(message.headers())
            key = message.key()
            found.append(
                Told(
                    key and key.decode(),
                    message.value(),
                    envelope_in(headers["partita"]),
                    message.partition(),
                    set(headers),
                )
            )
    consumer.close()
    return found


async def add(tier: Tier, rows: list[OutboxRow], *, queued: bool = True) -> None:
    """Add rows without a handler."""
    store = connect_store(tier.url, this_machine(), service="source", tables="")
    await store.open()
    async with store.transaction() as session:
        await session.outbox.add(rows, queued=queued)
    await store.close()


@contextmanager
def running(data: Path, seconds: float = 60) -> Iterator[Callable[[], None]]:
    """The app opened beside its processes, to wait until it has settled."""

    async def settled() -> None:
        mine = app.configured(Settings.from_environment(data=data))
        async with mine.running(roles=()):
            await mine.settled(seconds)

    yield lambda: asyncio.run(settled())


def imported(path: Path, data: Path, **told: str) -> dict[str, Any]:
    """The totals of an import by a process of its own."""
    command = [sys.executable, "-c", "from partita.cli.main import main; main()"]
    command += ["shop", "import", str(path), "--data", str(data), "-o", "json"]
    environment = {name: value for name, value in ({**os.environ, **told}).items() if value}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    result: dict[str, Any] = json.loads(ran.stdout)
    return result


def reader_of(data: Path, app: str = COUNTING) -> list[Any]:
    """The readers that `outbox status` shows, per service."""
    items = json.loads(done(data, "outbox", "status", "-o", "json", app=app))["items"]
    return [item["reader"] for item in items]


def test_debezium_relays_and_is_killed_under_load(tier: Tier, tmp_path: Path) -> None:
    """Handed over while rows wait, Connect killed under load, taken back: each message once, and in the order of its
    key."""
    with process(tmp_path, "sink", "consumers"):
        asyncio.run(send(tmp_path, 20, range(20)))  # no relay runs: they wait
        ran = partita(tmp_path, "outbox", "hand-over", "--yes", "--wait", "0")
        assert ran.returncode == 3 and "do not start the connector" in ran.stdout, ran.stdout + ran.stderr
        assert ask(tier, "SELECT count(*) FROM source.outbox_queue") == [(400,)]
        asyncio.run(send(tmp_path, 20, range(20, 40)))  # these belong to the reader
        assert ask(tier, "SELECT count(*) FROM source.outbox_queue") == [(400,)]
        with process(tmp_path, "source,sink", "relay"):
            done(tmp_path, "outbox", "hand-over", "--yes")
            with connector(tier, tmp_path) as worker:
                kills = 0

                def kill() -> None:
                    nonlocal kills
                    worker.kill()
                    worker.start()
                    kills += 1

                stop = threading.Event()
                thread = every(2.0, kill, stop)
                try:
                    asyncio.run(send_surely(tmp_path, 20, range(40, 240), 0.05))
                    until_blocking(lambda: kills >= 2)
                finally:
                    stop.set()
                    thread.join()
                rows = tier.wait_for(20 * 240, 90)
                proven(rows, 20 * 240)
                assert all(r["active"] and r["there"] for r in reader_of(tmp_path))

                ran = partita(tmp_path, "outbox", "take-back", "--yes")
                assert ran.returncode == 3 and "still connected" in ran.stdout, ran.stdout + ran.stderr
                asyncio.run(send(tmp_path, 20, range(240, 250)))
            done(tmp_path, "outbox", "take-back", "--yes")
            asyncio.run(send(tmp_path, 20, range(250, 260)))
            rows = tier.wait_for(20 * 260, 60)
    proven(rows, 20 * 260)
    assert ask(tier, "SELECT count(*) FROM pg_replication_slots") == [(0,)]
    assert reader_of(tmp_path) == [None, None]


def test_a_record_by_debezium_is_the_record_the_relay_would_have_made(tier: Tier, tmp_path: Path) -> None:
    """Topic, key, value, partition and the envelope byte for byte; rows that need not travel stay in the outbox."""
    foreign = OutboxRow("01-no-key", source.events_topic, None, "t", b"\x00\xff", b"\x01\x02", "c", None, 0, 1)
    kept = OutboxRow("01-kept", source.events_topic, "k1", "t", b"", b"", "c", None, NOT_SENT, 1)
    with process(tmp_path, "source,sink", "relay,consumers"):
        asyncio.run(send(tmp_path, 20, range(3)))
        by_relay = records(tier, source.events_topic, 60)
        done(tmp_path, "outbox", "hand-over", "--yes")
        with connector(tier, tmp_path):
            asyncio.run(send(tmp_path, 20, range(3, 6)))
            asyncio.run(add(tier, [kept], queued=False))
            asyncio.run(add(tier, [foreign]))
            both = records(tier, source.events_topic, 121)
            with running(tmp_path) as settled:
                settled()
    rows = ask(
        tier, "SELECT headers, aggregateid, payload, aggregatetype FROM source.outbox WHERE slot >= 0 ORDER BY seq"
    )
    assert len(both) == len(rows) == 121
    found = {record.envelope: record for record in both}
    assert [(r.envelope, r.key, r.value) for r in map(found.get, (row[0] for row in rows)) if r] == [
        row[:3] for row in rows
    ]
    partitions = {record.key: record.partition for record in by_relay}
    assert len(set(partitions.values())) > 1
    assert all(record.partition == partitions[record.key] for record in both if record.key is not None)
    ours, theirs = by_relay[0].headers, found[rows[-2][0]].headers
    assert theirs == {"partita"} and ours > theirs, "the CloudEvents headers are the relay's alone"


def test_a_reader_that_is_gone_for_good_loses_nothing(tier: Tier, tmp_path: Path) -> None:
    """After the hand-over the slot is lost before any reader used it: all kept rows are sent again, and copies do
    nothing."""
    with process(tmp_path, "source,sink", "relay"), process(tmp_path, "sink", "consumers"):
        asyncio.run(send(tmp_path, 20, range(5)))
        done(tmp_path, "outbox", "hand-over", "--yes")
        asyncio.run(send(tmp_path, 20, range(5, 10)))
        said = partita(tmp_path, "doctor")
        assert said.returncode == 3 and "NOT CONNECTED" in said.stdout, said.stdout
        with pytest.raises(PartitaError, match="slot partita_outbox"), running(tmp_path, 2) as settled:
            settled()
        ask(tier, "SELECT pg_drop_replication_slot('partita_outbox')")
        said = partita(tmp_path, "doctor")
        assert said.returncode == 3 and "is gone" in said.stdout, said.stdout
        behind = partita(tmp_path, "outbox", "take-back", "--yes", "--wait", "0.5")
        assert behind.returncode == 3 and "--without-reader" in behind.stderr, behind.stdout + behind.stderr
        asyncio.run(send(tmp_path, 20, range(10, 12)))  # held, since the rows before them are not on their way
        assert len(tier.seen()) == 100
        done(tmp_path, "outbox", "take-back", "--yes", "--without-reader")
        rows = tier.wait_for(240, 60)
    proven(rows, 240)


@pytest.mark.skipif(not LONG, reason="half a minute more for what the guide says of a second time: PARTITA_LONG=1")
def test_it_is_handed_over_a_second_time(tier: Tier, tmp_path: Path) -> None:
    """Connect keeps the offsets of a deleted connector. They are before the new slot begins, so the next connector
    would not start. The guide's way back deletes them, too."""
    guide = (Path(__file__).parents[2] / "docs" / "guides" / "debezium.md").read_text(encoding="utf-8")
    way_back = re.findall(r"^curl -X (PUT|DELETE) http://connect:8083(/connectors/\S+)", guide, re.MULTILINE)
    assert len(way_back) == 3
    with process(tmp_path, "source,sink", "relay"), process(tmp_path, "sink", "consumers"):
        done(tmp_path, "outbox", "hand-over", "--yes")
        with connector(tier, tmp_path) as worker:
            asyncio.run(send(tmp_path, 20, range(5)))
            tier.wait_for(20 * 5, 60)
            assert "still connected" in partita(tmp_path, "outbox", "take-back", "--yes").stdout
            for method, path in way_back:
                asked = urllib.request.Request(f"{rest_of(worker)}{path}", method=method)
                with urllib.request.urlopen(asked, timeout=20):
                    pass
            done(tmp_path, "outbox", "take-back", "--yes")
            asyncio.run(send(tmp_path, 20, range(5, 10)))
            done(tmp_path, "outbox", "hand-over", "--yes")
            worker.stop()
            worker.start()
            asyncio.run(send(tmp_path, 20, range(10, 15)))
            rows = tier.wait_for(20 * 15, 60)
    proven(rows, 20 * 15)


def rest_of(worker: ServerProcess) -> str:
    """The URL of Connect's REST API."""
    settings = (worker.folder / "worker.properties").read_text(encoding="utf-8")
    return next(line.partition("=")[2] for line in settings.splitlines() if line.startswith("listeners="))


@pytest.mark.skipif(not LONG, reason="a minute more than the counting above: PARTITA_LONG=1")
def test_the_shop_imports_the_same_totals_by_debezium(
    tier: Tier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checkouts and returns of a whole file, Connect killed twice meanwhile: the same result as on the embedded tier,
    to the cent."""
    shop = "partita.examples.shop.app:app"
    monkeypatch.setenv("PARTITA_TIME_SCALE", "20")  # no checkout is given up while Connect is down
    first, whole = tmp_path / "first.csv", tmp_path / "whole.csv"
    first.write_text("".join(sample_lines(3, 7)), encoding="utf-8")
    whole.write_text("".join(sample_lines(30, 7)), encoding="utf-8")
    data = tmp_path / "data"
    wanted = imported(whole, tmp_path / "embedded", PARTITA_STORE="", PARTITA_BUS="")
    imported(first, data)
    done(data, "outbox", "hand-over", "--yes", app=shop)
    with connector(tier, data, shop) as worker:
        stop, kills = threading.Event(), 0

        def kill() -> None:
            nonlocal kills
            if kills < 2:
                worker.kill()
                worker.start()
                kills += 1

        thread = every(1.0, kill, stop)
        try:
            found = imported(whole, data)
        finally:
            stop.set()
            thread.join()
        assert kills == 2
    assert found == wanted and found["confirmed"] > 15
    waiting = json.loads(done(data, "outbox", "status", "-o", "json", app=shop))["items"]
    assert [item["pending"] for item in waiting] == [0] * len(waiting)
