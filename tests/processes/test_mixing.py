"""Handlers that number keys without a lock, and users' transactions on the same keys, with the log in their database, all
killed: no offset is missing, and no key has a message before an earlier one."""

from __future__ import annotations

import asyncio
import collections
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.processes.mixing import Serve, app
from tests.processes.test_processes import ROOT
from tests.servers import postgres_url
from tests.waiting import last_found

from partita import Settings
from partita.message import envelope_from_bytes

asyncpg = pytest.importorskip("asyncpg", reason="no asyncpg here; to run these tests: pip install 'partita[postgres]'")
pytestmark = [pytest.mark.processes, pytest.mark.timeout(3_600)]
LONG = bool(os.environ.get("PARTITA_LONG"))
KEYS, HITS, CHEERS = (500, 1_600, 400) if LONG else (100, 400, 100)
KILL_EVERY_S = 15.0 if LONG else 1.0
PATIENCE_S = 3_000.0
MIN_KILLS = 3
DONE = """
SELECT (SELECT count(*) FROM server.hit) + (SELECT count(*) FROM player.hit), (SELECT count(*) FROM cheer),
       (SELECT count(*) FROM server.outbox_queue) + (SELECT count(*) FROM player.outbox_queue),
       (SELECT count(*) FROM partita_log.record), (SELECT count(*) FROM partita_log.record WHERE writer IS NULL)
"""
TWICE = """
SELECT count(*), count(DISTINCT (key, number)) FROM (SELECT * FROM server.hit UNION ALL SELECT * FROM player.hit) AS all_of
"""
GAPS = """
SELECT count(*) FILTER (WHERE position <> nth) FROM (
    SELECT position, row_number() OVER (PARTITION BY place ORDER BY position) AS nth FROM partita_log.record) AS numbered
"""
IN_ORDER = """
SELECT t.name, r.key, r.id, r.writer, r.headers FROM partita_log.record AS r JOIN partita_log.place AS p ON p.place = r.place
JOIN partita_log.topic AS t ON t.topic = p.topic ORDER BY r.place, r.position
"""
Victim = tuple[subprocess.Popen[bytes], tuple[str, ...]]


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with postgres_url() as found:
        monkeypatch.setenv("PARTITA_STORE", found)
        monkeypatch.setenv("PARTITA_BUS", found)
        monkeypatch.setenv("MIXING_HITS", str(HITS))
        yield found


def begun(*words: str) -> Victim:
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.processes.mixing", *words],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert child.stdout is not None and child.stdout.readline() == b"ready\n"
    return child, words


def ended(victim: Victim) -> None:
    child, _ = victim
    child.kill()
    child.wait()
    for end in (child.stdin, child.stdout):
        assert end is not None
        end.close()


@contextmanager
def under_fire(kinds: list[tuple[str, ...]]) -> Iterator[Callable[[], str]]:
    """A process of each kind; each call kills one and starts it again, and returns its kind."""
    dice = random.Random(7)
    with ExitStack() as undo:
        running = [begun(*words) for words in kinds]
        undo.callback(lambda: [ended(victim) for victim in running])

        def kill() -> str:
            at = dice.randrange(len(running))
            ended(running[at])
            running[at] = begun(*running[at][1])
            return " ".join(running[at][1][1:3])

        yield kill


async def row(url: str, sql: str) -> tuple[int, ...]:
    connection = await asyncpg.connect(url)
    try:
        return tuple(await connection.fetchrow(sql))
    finally:
        await connection.close()


def done(found: tuple[int, ...]) -> bool:
    return found[:3] == (KEYS * HITS, KEYS * CHEERS, 0)


class Found(NamedTuple):
    """How many messages are in the log, how many of them have another number than the next of their topic and key, and how many
    records are there again: a killed relay that had not marked what it sent sends it again."""

    messages: int
    inversions: int
    again: int


async def found_in_log(url: str) -> Found:
    wrong, again, last, ids = 0, 0, collections.Counter[tuple[str, str]](), set[str]()
    connection = await asyncpg.connect(url)
    async with connection.transaction():
        async for topic, key, name, writer, headers in connection.cursor(IN_ORDER, prefetch=5_000):
            if name in ids:
                assert writer is None, f"{name} was written twice by transactions"
                again += 1
                continue
            ids.add(name)
            wrong += envelope_from_bytes(headers).key_sequence != last[topic, key] + 1
            last[topic, key] += 1
    await connection.close()
    return Found(len(ids), wrong, again)


async def begin(data: Path) -> None:
    mine = app.configured(Settings.from_environment(data=data))
    async with mine.running(services=["server"], roles=()):
        for first in range(0, KEYS, 100):
            some = range(first, min(first + 100, KEYS))
            await asyncio.gather(*(mine.send(Serve(key=f"k{key}")) for key in some))
    async with mine.running(roles=()):
        pass  # the tables of both


def test_handlers_and_users_transactions_on_the_same_keys_are_killed(url: str, tmp_path: Path) -> None:
    """With PARTITA_LONG=1 a million messages of 500 keys."""
    asyncio.run(begin(tmp_path))
    data = str(tmp_path)
    kinds = [(data, name, "consumers") for name in ("server", "server", "player", "player")]
    kinds += [(data, "server", "relay")] * 2 + [(url, "cheer", str(KEYS), str(CHEERS))] * 2
    killed, until = collections.Counter[str](), time.monotonic() + PATIENCE_S
    with under_fire(kinds) as kill:
        while not done(found := last_found(lambda: asyncio.run(row(url, DONE)), KILL_EVERY_S, holds=done)):
            hits, cheers, _, records, relayed = found
            print(
                f"{hits:,} hits, {cheers:,} cheers, {records:,} records, {relayed:,} by relays, {killed.total()} kills"
            )
            assert time.monotonic() < until, "it does not end"
            killed[kill()] += 1
    *_, records, relayed = found
    print(dict(killed))
    assert killed.total() >= MIN_KILLS, "the machine was too fast for a kill"
    assert relayed > KEYS * CHEERS, "no handler's message waited behind a user's"
    assert relayed < records / 2, "most went by the relays"
    assert asyncio.run(row(url, TWICE)) == (KEYS * HITS, KEYS * HITS), "a hit was done twice, or is lost"
    assert asyncio.run(row(url, GAPS)) == (0,), "an offset is missing"
    found_there = asyncio.run(found_in_log(url))
    print(found_there)
    assert found_there[:2] == (KEYS * (HITS + CHEERS), 0)
