"""Handlers that take longer than a member of a Kafka group may be silent, or may go without a poll: each begins once,
its effect exists once, and messages of other partitions go on."""

from __future__ import annotations

import asyncio
import os
import select
from pathlib import Path

import pytest
from tests.processes.test_on_servers import LONG, Tier, database, tier
from tests.processes.test_processes import process, send
from tests.waiting import last_found, until_blocking

pytestmark = [pytest.mark.processes, pytest.mark.slow, pytest.mark.timeout(300)]
__all__ = ["database", "tier"]
KEYS = 40
LIMITS = "?session.timeout.ms=3000&heartbeat.interval.ms=500&max.poll.interval.ms=4000"
"""Scaled down from 45 s and 300 s."""
HOLDERS = "SELECT DISTINCT owner FROM sink.claim WHERE topic = 'count.source.events'"
SEEN = "SELECT key || '/' || number FROM sink.seen"
SENT = "SELECT aggregateid FROM sink.outbox WHERE aggregatetype = 'count.sink.events'"
EFFECTS = {"see": SEEN, "work": SENT, "work outside": SENT, "call": SENT}
"""A row of its own, or the event that left with its transaction."""


def rows_of(tier: Tier, sql: str) -> list[str]:
    """The first column."""
    return [row[0] for row in tier.read(sql)]


@pytest.mark.parametrize(
    "takes_s",
    [9, pytest.param(70, marks=pytest.mark.skipif(not LONG, reason="with the limits as they are: PARTITA_LONG=1"))],
)
@pytest.mark.parametrize("handler", ["see", "work", "work outside", "call"])
def test_a_handler_that_takes_longer_than_kafka_waits_is_begun_once(
    handler: str, takes_s: int, tier: Tier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In 70 s it was begun five times, its effect never existed, and it died as if it had killed processes: a handler
    that blocks the event loop within its transaction or outside, and a plain function in a thread, also one that
    calls outside."""
    monkeypatch.setenv("PARTITA_BUS", tier.cluster.url + (LIMITS if takes_s < 45 else ""))
    with process(tmp_path, "source", "relay"), process(tmp_path, "sink", "consumers,relay", handler=handler) as one:
        with process(tmp_path, "sink", "consumers,relay", handler=handler) as two:
            until_blocking(lambda: len(rows_of(tier, HOLDERS)) == 2)
            streams, long = [one.stdout, two.stdout], f"k0/{-takes_s - 1}"
            asyncio.run(send(tmp_path, 1, range(-takes_s - 1, -takes_s)))
            began = select.select(streams, [], [], 60)[0]
            asyncio.run(send(tmp_path, KEYS, range(1)))
            meanwhile: list[str] = []

            def are_all_there(effects: list[str]) -> bool:
                nonlocal meanwhile
                meanwhile = meanwhile if long in effects else effects
                return len(effects) > KEYS

            effects = last_found(lambda: rows_of(tier, EFFECTS[handler]), takes_s + 60, holds=are_all_there)
            begun = [os.read(stream.fileno(), 100) for stream in select.select(streams, [], [], 0)[0]]
            letters = tier.letters()
    assert len(began) == 1 and begun == [b"begun k0\n"]
    assert sorted(effects) == sorted([long, *(f"k{n}/0" for n in range(KEYS))])
    assert not letters
    assert len(meanwhile) > 5, "the other process waits too"
