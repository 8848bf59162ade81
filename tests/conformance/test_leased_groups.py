"""Groups whose members hold partitions by leases: the same behaviour on every bus that keeps leases in a database of
ours."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.servers import postgres_server

from partita.bus.connect import connect_bus
from partita.bus.port import Bus, Outgoing, TopicSpec
from partita.machine.system import this_machine
from partita.machine.wake import SocketWake

TOPIC = TopicSpec(name="t.leased", partitions=4)
NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    pytest.importorskip("asyncpg", reason="no asyncpg here; to run these tests: pip install 'partita[postgres]'")
    with postgres_server() as (_, url):
        yield url


@pytest.fixture(params=["embedded", pytest.param("postgresql", marks=pytest.mark.slow)])
async def bus(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bus]:
    opened = embedded(tmp_path) if request.param == "embedded" else postgresql(request.getfixturevalue("server"))
    async with opened as bus:
        await bus.open()
        await bus.ensure_topics([TOPIC])
        yield bus
        await bus.close()


@asynccontextmanager
async def embedded(folder: Path) -> AsyncIterator[Bus]:
    wake = SocketWake(folder / "wake")
    yield connect_bus(folder / "log.db", this_machine(), wake).bus
    wake.close()


@asynccontextmanager
async def postgresql(server: str) -> AsyncIterator[Bus]:
    """A log belongs to a database: each test has one of its own."""
    import asyncpg

    name = f"leased_{next(NUMBERS)}"
    connection = await asyncpg.connect(server)
    await connection.execute(f"CREATE DATABASE {name}")
    yield connect_bus(f"{server.rpartition('/')[0]}/{name}", this_machine(), None).bus
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


def places(*partitions: int) -> list[tuple[str, int]]:
    return [(TOPIC.name, partition) for partition in partitions]


async def owners(bus: Bus) -> list[str | None]:
    return [lag.owner for lag in await bus.lag("group")]


async def test_a_partition_that_came_and_must_go_unseen_is_not_told_to_have_come(bus: Bus) -> None:
    """If both were reported, the consumer would take the partition for one that came back: it would claim it and
    never release it, and no member would read it."""
    one, two = bus.subscribe("group", [TOPIC.name], "one"), bus.subscribe("group", [TOPIC.name], "two")
    for member in (one, two, one):
        await member.keep()
    told = await one.poll(0)
    assert (sorted(told.assigned), sorted(told.revoked)) == (places(0, 2), places(1, 3))
    await one.release(told.revoked)
    await two.keep()
    assert sorted((await two.poll(0)).assigned) == places(1, 3)
    await one.close()
    await two.close()


async def test_a_partition_that_came_back_is_not_given_back_by_an_old_release(bus: Bus) -> None:
    """The caller releases the partitions of its last poll, and holds one of them again."""
    one, two = bus.subscribe("group", [TOPIC.name], "one"), bus.subscribe("group", [TOPIC.name], "two")
    await one.poll(0)
    await two.poll(0)
    await one.keep()
    revoked = (await one.poll(0)).revoked
    await two.close()
    await bus.reset("group", TOPIC.name, True)  # takes the leases from their holders
    await one.keep()
    await one.release(revoked)
    assert sorted((await one.poll(0)).assigned) == places(0, 1, 2, 3)
    assert await owners(bus) == ["one"] * 4
    await one.close()


async def test_a_partition_that_is_paused_is_read_on_behind_its_last_record(bus: Bus) -> None:
    """Whatever was appended meanwhile; the other partitions are read on."""
    one = bus.subscribe("group", [TOPIC.name], "one")
    await bus.append([Outgoing(TOPIC.name, f"k{n}", b"", b"", f"id{n}") for n in range(40)])
    first = (await one.poll(200)).records
    one.done(first)
    paused = places(0, 2)
    one.pause(paused)
    await bus.append([Outgoing(TOPIC.name, f"k{n}", b"", b"", f"id{n}") for n in range(40, 80)])
    others = (await one.poll(200)).records
    assert {record.partition for record in others} == {1, 3}
    one.resume(paused)
    rest = (await one.poll(200)).records
    assert {record.partition for record in rest} == {0, 2}
    assert len({(r.at, r.offset) for r in (*first, *others, *rest)}) == len(first) + len(others) + len(rest) == 80
    await one.close()


async def test_a_heartbeat_under_way_does_not_join_again(bus: Bus) -> None:
    """The keeper sends heartbeats beside the consumer, which joins by its first poll and leaves when it stops."""
    one = bus.subscribe("group", [TOPIC.name], "one")
    await asyncio.gather(one.keep(), one.poll(0), one.keep())
    polled = await one.poll(0)
    assert (len(polled.assigned), polled.revoked) in ((4, []), (0, [])), "joined once"
    await asyncio.gather(one.keep(), one.close(), one.keep())
    assert await owners(bus) == [None] * 4
    assert await asyncio.wait_for(bus.forget("group"), 5.0) == 4, "it is no member any more"
