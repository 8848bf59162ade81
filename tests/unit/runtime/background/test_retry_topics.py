"""The retry topics: what they ask of the bus while nothing is due."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from partita import Retry, Service
from partita.bell import Bell
from partita.bus.port import Polled, Record
from partita.errors import BusUnavailable
from partita.machine.system import this_machine
from partita.runtime.background.retry_topics import RetryTopics
from partita.store.connect import connect_store


class Topic:
    """A subscription to one record of long ago."""

    def __init__(self) -> None:
        self.left = [Record("t.events.reader.retry-1m", 0, 0, "k", b"", b"", 1)]
        self.resumed: list[tuple[str, int]] = []

    async def poll(self, count: int) -> Polled:
        """The record, once."""
        records, self.left = self.left, []
        return Polled(records, [], [])

    def pause(self, partitions: Sequence[tuple[str, int]]) -> None:
        """Nothing more is there."""

    def resume(self, partitions: Sequence[tuple[str, int]]) -> None:
        """Remember that it was asked for."""
        self.resumed += partitions

    def done(self, records: Sequence[Record]) -> None:
        """It is."""


async def test_a_partition_whose_head_is_gone_is_resumed_once(tmp_path: Path) -> None:
    """Each time the bus would look for records at once: a question to the database at every step, for ever."""
    service = Service("reader", namespace="test.delays", retry=Retry(delays=(60.0,)))
    store = connect_store(tmp_path / "reader.db", this_machine(), service="reader", tables="")
    await store.open()
    topic = Topic()
    tiers = RetryTopics(service, store, topic, scale=1.0, consumer=Bell())  # type: ignore[arg-type]  # what is asked of it

    for now in range(4):
        await tiers.step(float(now))

    await store.close()
    assert topic.resumed == [("t.events.reader.retry-1m", 0)]


class Revoking(Topic):
    """It gives the record beside a partition that must go, and the bus is away when that one is released."""

    async def poll(self, count: int) -> Polled:
        """The record and the news, once."""
        first = bool(self.left)
        records = (await super().poll(count)).records
        return Polled(records, [], [("t.events.reader.retry-1m", 1)] if first else [])

    async def release(self, partitions: Sequence[tuple[str, int]]) -> None:
        """It fails; the next heartbeat makes it again."""
        raise BusUnavailable("The bus is away.")


async def test_records_are_kept_although_the_release_beside_them_failed(tmp_path: Path) -> None:
    """The bus hands each out once: lost, the position would stay before it until a restart."""
    service = Service("reader", namespace="test.tiers", retry=Retry(delays=(60.0,)))
    store = connect_store(tmp_path / "reader.db", this_machine(), service="reader", tables="")
    await store.open()
    topic = Revoking()
    tiers = RetryTopics(service, store, topic, scale=1.0, consumer=Bell())  # type: ignore[arg-type]  # what is asked of it

    with pytest.raises(BusUnavailable):
        await tiers.step(0.0)
    await tiers.step(1.0)

    await store.close()
    assert topic.resumed == [("t.events.reader.retry-1m", 0)]
