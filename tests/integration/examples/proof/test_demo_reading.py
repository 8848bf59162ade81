"""The demo's ledger on a log that it may not open as a file: a group of its own reads it, and only the records of
this run."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.virtual_time import machine_here, virtually

from partita import Conflict, Settings, SettingsError
from partita.bell import Bell
from partita.bus.connect import connect_bus
from partita.bus.port import Bus, Outgoing, Polled, Subscription
from partita.errors import BusUnavailable
from partita.examples.proof import ground as demo_ground
from partita.examples.proof.ground import POISON_TOPIC, Ground, pooled, prepare
from partita.examples.proof.reading import groups_of, read_all
from partita.examples.shop.app import app as shop


def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, fresh: bool = False) -> Ground:
    """The embedded log takes the place of a server: the ledger uses it through the port only."""
    monkeypatch.setattr(demo_ground, "check_ground", lambda _: None)
    (tmp_path / "server").mkdir(exist_ok=True)
    settings = Settings(data=tmp_path / "data", bus=f"log://{tmp_path}/server")
    return prepare(shop, settings, fresh=fresh)


@virtually
async def test_all_is_read_from_the_oldest_record_on(tmp_path: Path) -> None:
    """More records than a poll returns, from several partitions, each in its order; a second reading returns them all
    again."""
    machine: Any = machine_here()
    bus: Bus = connect_bus(tmp_path / "log.db", machine, machine.wake(tmp_path / "wake")).bus
    await bus.open()
    await bus.append([Outgoing("t", f"k{n % 7}", b"h", b"%d" % n, f"id{n}") for n in range(2_500)])
    for _ in range(2):
        found = await read_all(bus, ["t"])
        assert [(r.at, r.offset) for r in found] == sorted((r.at, r.offset) for r in found)
        assert sorted(int(r.value) for r in found) == list(range(2_500))
    await bus.close()


class MovingBus:
    """A bus on which the second poll finds that the leader moved."""

    def __init__(self, inner: Bus) -> None:
        self.inner, self.polls = inner, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def subscribe(self, group: str, topics: Sequence[str], member: str, bell: Bell | None = None) -> Any:
        """A subscription to the bus."""
        return MovingSubscription(self, self.inner.subscribe(group, topics, member, bell))


class MovingSubscription:
    """A subscription to such a bus."""

    def __init__(self, bus: MovingBus, inner: Subscription) -> None:
        self.bus, self.inner = bus, inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def poll(self, count: int) -> Polled:
        """The records, or the error that reports the move."""
        self.bus.polls += 1
        if self.bus.polls == 2:
            raise BusUnavailable("The leader moved.")
        return await self.inner.poll(count)


@virtually
async def test_a_leader_that_moves_is_waited_for(tmp_path: Path) -> None:
    """A subscription reports that once and starts again by itself: the reading continues, and misses no record."""
    machine: Any = machine_here()
    bus: Bus = connect_bus(tmp_path / "log.db", machine, machine.wake(tmp_path / "wake")).bus
    await bus.open()
    await bus.append([Outgoing("t", f"k{n % 7}", b"h", b"%d" % n, f"id{n}") for n in range(20)])
    moving: Any = MovingBus(bus)
    assert len(await read_all(moving, ["t"])) == 20 and moving.polls > 2
    await bus.close()


def test_what_is_on_the_log_already_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records of another program, or of an earlier run: the demo does not start on top of them unless asked."""
    before = ground(tmp_path, monkeypatch)
    before.append_poison(shop)
    before.close()
    with pytest.raises(Conflict, match=r"shop\.order\.events holds records(.|\n)*--fresh"):
        ground(tmp_path, monkeypatch)


def test_a_fresh_run_begins_behind_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ledger does not see the older records, and no group is given them."""
    before = ground(tmp_path, monkeypatch)
    before.append_poison(shop)
    before.close()
    now = ground(tmp_path, monkeypatch, fresh=True)
    assert (now.log.records(), now.log.behind()) == ([], 0)
    now.append_poison(shop)
    (record,) = now.log.records()
    assert (record.topic, record.envelope) == (POISON_TOPIC, None)
    assert now.log.behind() == len([s for s in shop.services if POISON_TOPIC in shop.catalog.topics_of(s)]) > 0
    now.close()


def test_the_embedded_tier_takes_no_url(tmp_path: Path) -> None:
    """A folder names its place by itself; two names would have to agree."""
    for given in ({"store": "sqlite:///x"}, {"bus": "log:///x"}):
        with pytest.raises(SettingsError, match="--data"):
            prepare(shop, Settings(data=tmp_path, **given), fresh=False)


def test_pools_are_small_unless_the_url_says_otherwise() -> None:
    """A server gives a hundred connections, and the demo opens two dozen pools."""
    assert pooled("") == ""
    assert pooled("postgresql://h/d") == "postgresql://h/d?pool_max=2"
    assert pooled("postgresql://h/d?x=1") == "postgresql://h/d?x=1&pool_max=2"
    assert pooled("postgresql://h/d?pool_max=9") == "postgresql://h/d?pool_max=9"


def test_the_groups_are_those_that_consume() -> None:
    """Also the groups that wait for the retry topics."""
    assert {"order-service", "order-service.retry", "analytics"} <= groups_of(shop)


def test_a_loop_is_not_needed_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain code asks the ground repeatedly, and no loop is left behind."""
    found = ground(tmp_path, monkeypatch)
    assert found.databases.query("order-service", "SELECT count(*) AS n FROM orders") == [(0,)]
    assert found.databases.query("order-service", "SELECT 1 FROM nowhere") == []
    found.close()
    asyncio.run(asyncio.sleep(0))
