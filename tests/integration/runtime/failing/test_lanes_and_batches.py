"""Of one key, some messages go in a batch and some in a lane of their own. No message passes another, whichever
fails."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.integration.conftest import Bank
from tests.integration.runtime.failing.test_retries import parked
from tests.waiting import until

from partita import App, Command, Event, Key, Retry, Service, Settings, Tx
from partita.bus.port import Outgoing
from partita.errors import StoreContended
from partita.runtime.path.pipeline import Pipeline

TABLES = "CREATE TABLE IF NOT EXISTS seen (seq INTEGER PRIMARY KEY, key TEXT NOT NULL, number BIGINT NOT NULL);"


class Pair:
    """A source of two kinds of events of one topic, and a sink: `Told` is handled in batches, `Rang` calls outside."""

    def __init__(self, data: Path) -> None:
        source = Service("source", namespace="lanes.source")
        sink = self.sink = Service("sink", namespace="lanes.sink", tables=TABLES, retry=Retry(in_place=3, delays=()))
        failing = self.failing = dict[tuple[str, int], int]()

        class Told(Event, of=source):
            key: Key[str]
            number: int

        class Rang(Event, of=source):
            key: Key[str]
            number: int

        class Tell(Command[Told], of=source):
            key: Key[str]
            number: int

        class Ring(Command[Rang], of=source):
            key: Key[str]
            number: int

        @source.handles(Tell)
        async def tell(cmd: Tell) -> Told:
            return Told(key=cmd.key, number=cmd.number)

        @source.handles(Ring)
        async def ring(cmd: Ring) -> Rang:
            return Rang(key=cmd.key, number=cmd.number)

        @sink.on
        async def told(event: Told, tx: Tx) -> None:
            left = failing.get((event.key, event.number), 0)
            if left:
                failing[event.key, event.number] = left - 1
                raise ValueError("cannot now")
            await tx.execute("INSERT INTO seen (key, number) VALUES (:k, :n)", k=event.key, n=event.number)

        @sink.on(concurrency=2)
        async def rang(event: Rang, tx: Tx) -> None:
            await tx.execute("INSERT INTO seen (key, number) VALUES (:k, :n)", k=event.key, n=event.number)

        self.Tell, self.Ring = Tell, Ring
        self.app = App(source, sink, settings=Settings(data=data))

    async def seen(self) -> dict[str, list[int]]:
        """The numbers of each key, in the order of their handling."""
        found: dict[str, list[int]] = {}
        async with self.app.store("sink").reading() as session:
            for row in await session.fetch("SELECT key, number FROM seen ORDER BY seq", {}):
                found.setdefault(row["key"], []).append(row["number"])
        return found


def contended_once(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """The first batch of the sink with this key in it is rolled back: another transaction was in the way."""
    run, left = Pipeline.run, [1]

    async def in_the_way(self: Any, deliveries: Any, *rest: Any, **options: Any) -> Any:
        if self.service.name == "sink" and left[0] and any(d.key == key for d in deliveries):
            left[0] = 0
            raise StoreContended("another was in the way")
        return await run(self, deliveries, *rest, **options)

    monkeypatch.setattr(Pipeline, "run", in_the_way)


async def test_a_batch_that_is_rolled_back_is_not_passed_by_who_calls_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message that calls outside waits in a lane behind its key's batch. If it were released while the batch runs
    again, it would be the first of the key that its service has seen, and the one before it would be dropped as an
    old copy."""
    pair = Pair(tmp_path)
    async with pair.app.running(services=["source"]):
        await pair.app.send(pair.Tell(key="k", number=1))
        await pair.app.send(pair.Ring(key="k", number=2))
        await pair.app.settled(20)
    contended_once(monkeypatch, "k")
    async with pair.app.running():
        await pair.app.settled(20)
        assert await pair.seen() == {"k": [1, 2]}


async def test_what_is_carried_over_goes_behind_the_lane_of_its_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many messages of a large batch fail, so that it is handled in parts. The first of a key fails in one part and
    waits in a lane for its next try; a later part, which contains the second one, is rolled back and runs again
    meanwhile."""
    pair = Pair(tmp_path)
    keys = ["f1", "f2", "f3", "f4", "k", *(f"a{n}" for n in range(60)), "trouble", *(f"b{n}" for n in range(60))]
    pair.failing |= {(key, 1): 1 for key in ("f1", "f2", "f3", "f4")} | {("k", 1): 2}
    async with pair.app.running(services=["source"]):
        for key in keys:
            await pair.app.send(pair.Tell(key=key, number=1))
        await pair.app.send(pair.Tell(key="k", number=2))
        await pair.app.settled(20)
    in_parts(monkeypatch)
    async with pair.app.running():
        await pair.app.settled(30)
        assert await pair.seen() == {key: [1, 2] if key == "k" else [1] for key in keys}


async def test_a_message_that_waited_for_an_earlier_one_and_came_again_with_it_waits_no_more(bank: Bank) -> None:
    """A relay's second try brings the missing message and a copy of the waiting one. The copy is handled in its turn;
    the waiting message must not wait for ever."""
    async with bank.app.running(services=["bank"], roles=()):
        for cents in (1, 2, 3):
            await bank.app.send(bank.Deposit(name="a", cents=cents))
        async with bank.app.store("bank").reading() as session:
            unsent = await session.outbox.unsent(range(4), 10)
        await bank.app.store("bank").sent([(slot, row.seq) for slot, row in unsent])
    first, second, third = (Outgoing(r.topic, r.key, r.headers, r.payload, r.id) for _, r in unsent)
    async with bank.app.running(roles=("consumers",)):
        parking = partial(parked, bank)
        await bank.app.bus.append([first, third])
        await until(lambda: has(parking, gap=1))
        await bank.app.bus.append([second, third])
        await until(lambda: has(parking, gap=0))
        assert await bank.rows("audit", "SELECT cents FROM entry ORDER BY cents") == [{"cents": n} for n in (1, 2, 3)]


async def has(parking: Any, *, gap: int) -> bool:
    """Whether this many messages wait for an earlier one."""
    return bool((await parking()).gap == gap)


def in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first small part that contains "`trouble`" is rolled back."""
    run, left = Pipeline.run, [1]

    async def in_the_way(self: Any, deliveries: Any, *rest: Any, **options: Any) -> Any:
        part = self.service.name == "sink" and 1 < len(deliveries) <= 50
        if part and left[0] and any(d.key == "trouble" for d in deliveries):
            left[0] = 0
            raise StoreContended("another was in the way")
        return await run(self, deliveries, *rest, **options)

    monkeypatch.setattr(Pipeline, "run", in_the_way)
