"""Real processes on a real PostgreSQL and a real Kafka, or on PostgreSQL alone; the servers are killed, too: no
message is lost or handled twice, and the order is kept."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from servers.kafka import KafkaCluster
from servers.process import ServerProcess
from tests.processes.counting import Count, Counted, app, source
from tests.processes.test_processes import inversions, process, send
from tests.servers import emptied, kafka_cluster, postgres_server
from tests.waiting import last_found, until_answered, until_blocking

from partita import App, PartitaError, Settings

Row = tuple[str, int, int]
asyncpg = pytest.importorskip("asyncpg", reason="no asyncpg here; to run these tests: pip install 'partita[postgres]'")
pytestmark = [pytest.mark.processes, pytest.mark.slow, pytest.mark.timeout(900)]
# A lost member is noticed as soon as on PostgreSQL.
SHORT = "?session.timeout.ms=3000&heartbeat.interval.ms=500"
LONG = bool(os.environ.get("PARTITA_LONG"))


class Tier:
    """The servers of a test; without a cluster the log is in the database, or relayed to another database of that server."""

    def __init__(self, database: ServerProcess, url: str, cluster: KafkaCluster | None) -> None:
        self.database, self.url, self._cluster = database, url, cluster

    @property
    def cluster(self) -> KafkaCluster:
        assert self._cluster is not None
        return self._cluster

    def seen(self) -> list[Row]:
        """(key, number, pid) in the order handled."""
        return self.read("SELECT key, number, pid FROM sink.seen ORDER BY seq")

    def letters(self) -> list[tuple[str, str]]:
        """Key and cause of the dead letters."""
        return self.read("SELECT key, cause_type FROM sink.dead_letter")

    def read(self, sql: str) -> list[Any]:
        """Rows, or none while the server is away."""

        async def read() -> list[Any]:
            connection = await asyncpg.connect(self.url)
            try:
                return [tuple(row) for row in await connection.fetch(sql)]
            finally:
                await connection.close()

        try:
            return asyncio.run(read())
        except (OSError, asyncpg.PostgresError):
            return []  # it is down or does not exist yet

    def wait_for(self, count: int, seconds: float) -> list[Row]:
        """The handled messages, as soon as there are `count`."""
        return last_found(self.seen, seconds, holds=lambda rows: len(rows) >= count)


@pytest.fixture(scope="module")
def database() -> Iterator[tuple[ServerProcess, str]]:
    with postgres_server() as found:
        yield found


@pytest.fixture(params=["kafka"])
def tier(
    request: pytest.FixtureRequest, database: tuple[ServerProcess, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Tier]:
    """An empty database, and a broker of the test's own, since killed members of a group count until their session
    ends."""
    server, url = database
    emptied(server, url)
    with contextlib.ExitStack() as held:
        cluster = held.enter_context(kafka_cluster()) if request.param == "kafka" else None
        bus = cluster.url + SHORT if cluster is not None else url
        if request.param == "relayed":
            bus = asyncio.run(another_database(url))
        monkeypatch.setenv("PARTITA_STORE", url)
        monkeypatch.setenv("PARTITA_BUS", bus)
        yield Tier(server, url, cluster)


async def another_database(url: str) -> str:
    """An empty database beside that one."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("DROP DATABASE IF EXISTS log_elsewhere WITH (FORCE)")
        await connection.execute("CREATE DATABASE log_elsewhere")
    finally:
        await connection.close()
    return f"{url.rpartition('/')[0]}/log_elsewhere"


KAFKA = pytest.param("kafka", marks=pytest.mark.long)
ON_ALL = pytest.mark.parametrize("tier", [KAFKA, "postgresql", "relayed"], indirect=True)
ON_BOTH = pytest.mark.parametrize("tier", [KAFKA, "postgresql"], indirect=True)
WITH_RELAYS = pytest.mark.parametrize("tier", [KAFKA, "relayed"], indirect=True)
ON_POSTGRESQL = pytest.mark.parametrize("tier", ["postgresql"], indirect=True)


def proven(rows: list[Row], count: int) -> None:
    """Each once, and those of a key in the order of their commits."""
    assert len({(key, number) for key, number, _ in rows}) == count, "some are lost"
    assert len(rows) == count, "some were handled twice"
    assert inversions(rows) == 0


@ON_ALL
def test_two_relays_and_two_consumers_keep_the_order_of_each_key(tier: Tier, tmp_path: Path) -> None:
    with (
        process(tmp_path, "source,sink", "relay"),
        process(tmp_path, "source,sink", "relay"),
        process(tmp_path, "sink", "consumers"),
        process(tmp_path, "sink", "consumers"),
    ):
        asyncio.run(send(tmp_path, 100, range(100)))
        rows = tier.wait_for(10_000, 120)
    proven(rows, 10_000)
    assert len({pid for _, _, pid in rows}) == 2, "both consumers must have had a share"


@pytest.mark.long
def test_members_join_and_leave_under_load(tier: Tier, tmp_path: Path) -> None:
    """Effects once and in order through every rebalance; some members leave in order, some by SIGKILL."""
    with process(tmp_path, "source", "relay"), process(tmp_path, "sink", "consumers"):
        for turn in range(6):
            with process(tmp_path, "sink", "consumers") as guest:
                asyncio.run(send(tmp_path, 50, range(turn * 10, turn * 10 + 5)))
                if turn % 2:
                    guest.send_signal(signal.SIGINT)
                    guest.wait(60)  # each of its two members waits for answers while the group rebalances
            asyncio.run(send(tmp_path, 50, range(turn * 10 + 5, turn * 10 + 10)))
        rows = tier.wait_for(3_000, 60)
    proven(rows, 3_000)


@ON_BOTH
def test_a_process_that_stood_still_writes_nothing_when_it_wakes(tier: Tier, tmp_path: Path) -> None:
    """A zombie: stopped with messages in hand until another process has its partitions, then continued."""
    with process(tmp_path, "source", "relay"), process(tmp_path, "sink", "consumers") as sleeper:
        asyncio.run(send(tmp_path, 40, range(2)))
        tier.wait_for(80, 20)
        os.kill(sleeper.pid, signal.SIGSTOP)
        asyncio.run(send(tmp_path, 40, range(2, 4)))
        with process(tmp_path, "sink", "consumers"):
            assert len(tier.wait_for(160, 30)) == 160, "the successor takes over a process that stands still"
            os.kill(sleeper.pid, signal.SIGCONT)
            asyncio.run(send(tmp_path, 40, range(4, 8)))
            rows = tier.wait_for(320, 30)
            time.sleep(2.0)
            rows = tier.seen()
    proven(rows, 320)


@ON_BOTH
def test_a_handler_that_holds_its_process_up_runs_once_and_holds_up_one_partition(tier: Tier, tmp_path: Path) -> None:
    """Twice as long as its membership outlives its heartbeat. Another process gets the partition, and waits until the
    handler has ended. If it took the message at once, the handler would begin there again and be lost there as well,
    and so on."""
    with process(tmp_path, "source", "relay"), process(tmp_path, "sink", "consumers") as one:
        with process(tmp_path, "sink", "consumers") as two:
            asyncio.run(send(tmp_path, 1, range(-9, -8)))
            began = select.select([one.stdout, two.stdout], [], [], 30)[0]
            asyncio.run(send(tmp_path, 40, range(1)))
            meanwhile = 0

            def is_over() -> bool:
                nonlocal meanwhile
                rows = tier.seen()
                over = any(number == -9 for _, number, _ in rows)
                meanwhile = meanwhile if over else len(rows)
                return over

            until_blocking(is_over)
            rows = tier.wait_for(41, 30)
            begun = [os.read(stream.fileno(), 100) for stream in select.select([one.stdout, two.stdout], [], [], 0)[0]]
    assert len(began) == 1 and begun == [b"begun k0\n"]
    assert sorted((key, number) for key, number, _ in rows) == sorted([("k0", -9), *((f"k{n}", 0) for n in range(40))])
    assert meanwhile > 5, "the other process waits too"


@pytest.mark.long
@ON_POSTGRESQL
def test_a_handler_that_outlives_its_transactions_is_a_dead_letter_that_says_so(
    tier: Tier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No process died of it, and no server has failed: when it counted as neither, it was begun again for ever."""
    monkeypatch.setenv("PARTITA_STORE", f"{tier.url}{'&' if '?' in tier.url else '?'}idle_s=1")
    with process(tmp_path, "source", "relay"):
        with process(tmp_path, "sink", "consumers", tiers=""), process(tmp_path, "sink", "consumers", tiers=""):
            asyncio.run(send(tmp_path, 1, range(-5, -4)))
            asyncio.run(send(tmp_path, 8, range(1)))
            letters = until_blocking(tier.letters, 120)
            rows = tier.wait_for(7, 60)
    assert letters in ([("k0", "StoodStill")], [("k0", "TransactionEnded")])
    assert {f"k{n}" for n in range(1, 8)} <= {key for key, number, _ in rows if number == 0}


@WITH_RELAYS
def test_a_relay_that_stood_still_sends_copies_and_they_do_nothing(tier: Tier, tmp_path: Path) -> None:
    """Kafka does not fence it: when it wakes, it sends messages that are old by their ids and numbers. The log in
    PostgreSQL fences it."""
    with process(tmp_path, "source", "relay") as sleeper, process(tmp_path, "sink", "consumers"):
        asyncio.run(send(tmp_path, 40, range(5)))
        os.kill(sleeper.pid, signal.SIGSTOP)
        asyncio.run(send(tmp_path, 40, range(5, 10)))
        with process(tmp_path, "source", "relay"):
            assert len(tier.wait_for(400, 30)) == 400, "the successor takes the slots of a relay that stands still"
            os.kill(sleeper.pid, signal.SIGCONT)
            asyncio.run(send(tmp_path, 40, range(10, 12)))
            tier.wait_for(480, 30)
            time.sleep(2.0)
            rows = tier.seen()
    proven(rows, 480)


GAPS = """
SELECT place, count(*), max(position) FROM partita_log.record GROUP BY place HAVING count(*) <> max(position) - min(position) + 1
"""


@ON_POSTGRESQL
def test_handlers_and_users_transactions_keep_one_order_of_their_keys(tier: Tier, tmp_path: Path) -> None:
    """A handler's messages go into the log with its commit, those of a user's transaction by a relay, which is killed and comes
    back: no message of a key overtakes one of the other way, and no offset is left out."""
    keys, rounds = 12, 120

    async def write(stop: threading.Event) -> None:
        mine = app.configured(Settings.from_environment(data=tmp_path))
        outbox = mine.outbox(source)
        connections = [await asyncpg.connect(tier.url) for _ in range(keys)]

        async def one(key: int, number: int) -> None:
            if (number * 5 + key) % 3:
                await mine.send(Count(key=f"k{key}", number=number))
            else:
                async with connections[key].transaction():
                    await outbox.add(connections[key], Counted(key=f"k{key}", number=number))

        async with mine.running(services=["source"], roles=()):
            for number in range(rounds):
                await asyncio.gather(*(one(key, number) for key in range(keys)))
        for connection in connections:
            await connection.close()
        stop.set()

    over = threading.Event()

    def relays() -> None:
        while not over.is_set():
            with process(tmp_path, "source", "relay") as relay:
                over.wait(1.5)
                if not over.is_set():
                    relay.kill()

    with process(tmp_path, "sink", "consumers"):
        with process(tmp_path, "source", "relay"):
            pass  # the tables are made
        thread = threading.Thread(target=relays)
        thread.start()
        try:
            asyncio.run(write(over))
        finally:
            over.set()
            thread.join()
        with process(tmp_path, "source", "relay"):
            rows = tier.wait_for(keys * rounds, 120)
    proven(rows, keys * rounds)
    assert tier.read(GAPS) == []
    ways = dict(tier.read("SELECT writer IS NULL, count(DISTINCT id) FROM partita_log.record GROUP BY 1"))
    assert set(ways) == {True, False}, "both ways were taken"


def every(seconds: float, action: Callable[[], None], stop: threading.Event) -> threading.Thread:
    """Repeat a function beside the test."""

    def run() -> None:
        while not stop.wait(seconds):
            action()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


async def send_surely(data: Path, keys: int, numbers: range, pause_s: float = 0.0) -> None:
    """Commit each once, by an app that is opened for it."""
    mine = app.configured(Settings.from_environment(data=data))
    async with mine.running(services=["source"], roles=()):
        await surely(mine, keys, numbers, pause_s)


async def surely(mine: App, keys: int, numbers: range, pause_s: float = 0.0) -> None:
    """Commit each once: an order without a known answer is placed again under its own key."""

    async def once(key: str, number: int) -> None:
        count = partial(mine.send, Count(key=key, number=number), idempotency_key=f"{key}/{number}")
        await until_answered(count, PartitaError)

    for number in numbers:
        await asyncio.gather(*(once(f"k{key}", number) for key in range(keys)))
        await asyncio.sleep(pause_s)


def proven_under_kills(tier: Tier, data: Path, victims: Sequence[ServerProcess], every_s: float, rounds: int) -> int:
    """Kill one server after the other while messages are sent; all are handled once and in order. Returns the kills."""
    turn = itertools.cycle(victims)
    kills = 0

    def kill() -> None:
        nonlocal kills
        victim = next(turn)
        victim.kill()
        victim.start()
        kills += 1

    stop = threading.Event()
    with process(data, "source", "relay"), process(data, "sink", "consumers"):
        thread = every(every_s, kill, stop)
        try:
            asyncio.run(send_surely(data, 20, range(rounds), 0.1))
        finally:
            stop.set()
            thread.join()
        rows = tier.wait_for(20 * rounds, 60)
    proven(rows, 20 * rounds)
    return kills


@pytest.mark.long
def test_broker_and_database_are_killed_under_load(tier: Tier, tmp_path: Path) -> None:
    """`kill -9` of the broker and of the database in turn; services and relays keep running, and go on by themselves."""
    kills = proven_under_kills(tier, tmp_path, [tier.cluster.nodes[0], tier.database], 5.0, 600 if LONG else 200)
    assert kills >= 3


@ON_POSTGRESQL
def test_the_one_database_is_killed_under_load(tier: Tier, tmp_path: Path) -> None:
    """Store and log go down together, within appends, commits and heartbeats; the processes keep running, and go on."""
    kills = proven_under_kills(tier, tmp_path, [tier.database], 4.0, 600 if LONG else 100)
    assert kills >= 2
    assert tier.read(GAPS) == [], "an offset is left out"


@pytest.mark.long
def test_while_the_broker_is_down_orders_commit_and_the_backlog_drains_in_order(tier: Tier, tmp_path: Path) -> None:
    """At 100 a second for ten seconds, or for ten minutes with PARTITA_LONG=1. A process that starts meanwhile
    commits as well."""
    seconds = 600 if LONG else 10
    count = 20 * (10 + 5 * seconds) + 1

    async def latecomer() -> None:
        mine = app.configured(Settings.from_environment(data=tmp_path))
        async with mine.running(services=["source"], roles=()):
            await mine.send(Count(key="k20", number=0))

    async def orders(relay: int) -> int:
        """Returns the memory of the relay at the moment when the broker went down."""
        mine = app.configured(Settings.from_environment(data=tmp_path))
        async with mine.running(services=["source"], roles=()):
            await surely(mine, 20, range(10))
            assert len(await asyncio.to_thread(tier.wait_for, 200, 30)) == 200
            tier.cluster.nodes[0].kill()
            before = resident_mib(relay)
            await asyncio.gather(surely(mine, 20, range(10, 10 + 5 * seconds), 0.2), latecomer())
            return before

    with process(tmp_path, "source", "relay") as relay, process(tmp_path, "sink", "consumers"):
        before = asyncio.run(orders(relay.pid))
        grown = resident_mib(relay.pid) - before
        assert len(tier.seen()) == 200, "the broker was down"
        tier.cluster.nodes[0].start()
        rows = tier.wait_for(count, 300 if LONG else 120)
    proven(rows, count)
    assert grown < 30, f"the relay grew by {grown} MiB while the broker was down"


def resident_mib(pid: int) -> int:
    """Memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1_048_576


@pytest.mark.long
def test_a_message_that_waits_long_does_not_cost_the_membership(
    tier: Tier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits in its retry topic three times as long as a member may go without a poll."""
    monkeypatch.setenv("PARTITA_BUS", f"{tier.cluster.url}{SHORT}&max.poll.interval.ms=3000")
    told = {"one_in": 50, "first_tries": 1, "tiers": "9", "in_place": 0}
    with process(tmp_path, "source", "relay"), process(tmp_path, "sink", "consumers,relay", **told):
        asyncio.run(send(tmp_path, 20, range(10)))
        early = tier.wait_for(150, 8)
        assert 100 < len(early) < 200, "some wait"
        rows = tier.wait_for(200, 40)
    proven(rows, 200)
