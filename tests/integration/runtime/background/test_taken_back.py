"""A partition comes back to its former holder, as after a restart of the broker: its records in hand killed no
process."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Sequence
from typing import Any

import pytest
from tests.waiting import until

from partita.bus.port import Polled, Record, Stand
from partita.errors import Fenced
from partita.runtime.background.consumer import Consumer
from partita.runtime.failing.lanes import Partition
from partita.runtime.system import System
from partita.store.claims import InHand


class Script:
    """A subscription that reports what a test sets."""

    def __init__(self, *polls: Polled) -> None:
        self.polls = deque(polls)

    async def poll(self, count: int) -> Polled:
        """The next result of the script."""
        return self.polls.popleft()

    def done(self, records: Sequence[Record]) -> None:
        """Nothing is written."""

    async def stand(self, partition: tuple[str, int]) -> Stand | None:
        """No database was restored."""
        return None

    async def release(self, partitions: Sequence[tuple[str, int]]) -> None:
        """No record waits for them."""

    async def close(self) -> None:
        """No partition is held."""


async def eight_records(bank: Any, system: System) -> tuple[Sequence[Record], list[Partition]]:
    """The records of eight deposits on the log, and their partitions."""
    for name in "abcdefgh":
        await bank.app.send(bank.Deposit(name=name, cents=1))
    await until(lambda: system.relays["bank"].relayed == 8)
    probe = system.bus.subscribe("probe", ["test.bank.events"], "probe")
    records = (await probe.poll(100)).records
    await probe.close()
    return records, sorted({record.at for record in records})


async def test_what_was_in_hand_is_suspect_only_to_a_successor(bank: Any) -> None:
    """Suspects are handled one at a time, each counted first; after a broker's restart that would happen to a
    thousand good ones."""
    async with bank.app.running(services=["bank", "audit"], roles=("relay",)) as system:
        records, places = await eight_records(bank, system)

        def consumer(member: str, *polls: Polled) -> Consumer:
            return Consumer(system.pipelines["audit"], lambda _: Script(*polls), member)

        one = consumer("one", Polled(records, places, ()), Polled(records, places, places))
        two = consumer("two", Polled(records, places, ()))

        await one.step(0.0)
        await one.step(1.0)
        assert not len(one.lanes), "they came back to these very hands"

        await two.step(2.0)
        assert len(two.lanes) == 8, "who had them in hand may have died of one"
        await two.stop()
        await one.stop()
    assert sorted(bank.calls) == list("abcdefgh")


async def test_what_was_suspect_before_stays_so(bank: Any) -> None:
    """A restart of the broker in between must not clear the suspicion of a message that kills the process."""
    async with bank.app.running(services=["bank", "audit"], roles=("relay",)) as system:
        records, places = await eight_records(bank, system)
        dead = Consumer(system.pipelines["audit"], lambda _: Script(Polled(records, places, ())), "dead")
        again = Script(Polled((), places, ()), Polled((), (), places), Polled(records, places, ()))
        heir = Consumer(system.pipelines["audit"], lambda _: again, "heir")

        await dead.step(0.0)
        for now in (1.0, 2.0, 3.0):
            await heir.step(now)
        assert len(heir.lanes) == 8
        await heir.stop()
        await dead.stop()


class Watched:
    """A codec that reads the notes of records in hand each time it decodes."""

    def __init__(self, inner: Any, look: Any) -> None:
        self.inner, self.look = inner, look

    def decode(self, *args: Any) -> Any:
        """Read the notes, then decode."""
        self.look()
        return self.inner.decode(*args)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


async def test_what_is_in_hand_is_written_down_before_it_is_decoded(bank: Any) -> None:
    """Bytes that kill the process while they are decoded: the next process must know which they were."""
    in_hand: list[int] = []

    def look() -> None:
        with sqlite3.connect(bank.app.settings.data / "audit.db") as db:
            in_hand.append(db.execute("SELECT count(*) FROM claim WHERE first IS NOT NULL").fetchone()[0])

    async with bank.app.running(services=["bank", "audit"], roles=("relay",)) as system:
        records, places = await eight_records(bank, system)
        pipeline = system.pipelines["audit"]
        pipeline.codec = Watched(pipeline.codec, look)
        reader = Consumer(pipeline, lambda _: Script(Polled(records, places, ())), "reader")
        await reader.step(0.0)
        await reader.stop()
    assert in_hand == [len(places)] * 8


async def test_who_lost_a_partition_while_it_stood_still_writes_nothing(bank: Any) -> None:
    """It holds records that its successor handles: the transaction of the batch checks the fence."""
    async with bank.app.running(services=["bank", "audit"], roles=("relay",)) as system:
        records, places = await eight_records(bank, system)
        script = Script(Polled((), places, ()), Polled(records, (), ()))
        still = Consumer(system.pipelines["audit"], lambda _: script, "still")
        await still.step(0.0)
        for place in places:
            async with system.stores["audit"].transaction() as session:
                await session.claims.claim("audit", *place, "heir")
        with pytest.raises(Fenced):
            await still.step(1.0)
        await still.stop()
        assert await bank.rows("audit", "SELECT name FROM entry") == []


async def test_a_message_that_kills_each_process_is_given_up(bank: Any) -> None:
    """No other place counts the deaths: each process that has it in hand dies, and the next one begins with it."""
    async with bank.app.running(services=["bank", "audit"], roles=("relay",)) as system:
        records, places = await eight_records(bank, system)
        store, killer = system.stores["audit"], records[0]
        dead = Consumer(system.pipelines["audit"], lambda _: Script(Polled((), places, ())), "dead")
        await dead.step(0.0)
        await store.take("audit", [InHand(*killer.at, killer.offset, killer.offset)], [1])
        for _ in range(5):
            await store.tries.count("audit", *killer.at, killer.offset)
        heir = Consumer(system.pipelines["audit"], lambda _: Script(Polled(records, places, ())), "heir")
        await heir.step(0.0)
        await heir.stop()
        await dead.stop()
        async with system.stores["audit"].reading() as session:
            letters = await session.dead_letters.find()
    assert [(letter.cause_type, letter.value) for letter in letters] == [("ProcessDied", killer.value)]
    assert len(bank.calls) == 7


async def test_a_message_that_lost_each_of_its_members_is_not_begun_again(bank: Any) -> None:
    """Its handler holds the loop up until another member has the record, which would lose it too. Each of them lives, so
    this is no death: the message fails, and waits for its next delay."""
    async with bank.app.running(services=["bank", "audit"], roles=("relay",)) as system:
        records, places = await eight_records(bank, system)
        store, slow = system.stores["audit"], records[0]
        before = Consumer(system.pipelines["audit"], lambda bell: Script(Polled((), places, ())), "before")
        await before.step(0.0)
        await store.take("audit", [InHand(*slow.at, slow.offset, slow.offset)], [1])
        for _ in range(5):
            await store.tries.count("audit", *slow.at, slow.offset)
            await store.tries.survived("audit", *slow.at, slow.offset)
        heir = Consumer(system.pipelines["audit"], lambda bell: Script(Polled(records, places, ())), "heir")
        await heir.step(0.0)
        await heir.stop()
        await before.stop()
        assert [row["cause_type"] for row in await bank.rows("audit", "SELECT cause_type FROM failure")] == [
            "StoodStill"
        ]
        assert await bank.rows("audit", "SELECT * FROM tries") == [], "what is settled is counted still"
    assert len(bank.calls) == 7


async def test_what_failed_in_an_earlier_process_is_tried_again(bank: Any) -> None:
    """As in a storm, in which messages fail more often than their policy allows, and which a restart does not end."""
    async with bank.app.running(services=["bank", "audit"], roles=("relay",)) as system:
        records, places = await eight_records(bank, system)
        store, failed = system.stores["audit"], records[0]
        before = Consumer(system.pipelines["audit"], lambda _: Script(Polled((), places, ())), "before")
        await before.step(0.0)
        await store.take("audit", [InHand(*failed.at, failed.offset, failed.offset)], [1])
        await store.tries.count("audit", *failed.at, failed.offset, tried=20, failed=20)
        heir = Consumer(system.pipelines["audit"], lambda _: Script(Polled(records, places, ())), "heir")
        await heir.step(0.0)
        await heir.stop()
        await before.stop()
        async with system.stores["audit"].reading() as session:
            assert not await session.dead_letters.find()
    assert len(bank.calls) == 8
