"""The retry topics: what they ask of the bus while nothing is due."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from partita import Retry, Service
from partita.bus.port import Polled, Record
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
    tiers = RetryTopics(service, store, topic, scale=1.0, ready=lambda: None)  # type: ignore[arg-type]  # what is asked of it

    for now in range(4):
        await tiers.step(float(now))

    await store.close()
    assert topic.resumed == [("t.events.reader.retry-1m", 0)]
