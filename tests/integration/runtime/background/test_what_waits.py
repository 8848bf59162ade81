"""Messages that wait in a group's database are found by the next version of the app, or its start is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.integration.conftest import Bank
from tests.integration.runtime.failing.test_retries import failing, letters, parked
from tests.virtual_time import machine_here, virtually
from tests.waiting import until

from partita import Retry
from partita.bell import Bell
from partita.catalog.fault import Fault
from partita.errors import StoreMismatch
from partita.runtime.background.retry_topics import Overdue
from partita.store.port import Store

SCALE = 0.001


def made(data: Path, store: str, *, scale: float = SCALE, **service: Any) -> Bank:
    """A version of the app: the same data, declared as it is now."""
    bank = Bank(data, **service)
    bank.app = bank.app.configured(replace(bank.app.settings, time_scale=scale, store=store))
    bank.app.machine = machine_here()
    return bank


async def left_waiting(bank: Bank, *cents: int, states: dict[str, int]) -> None:
    """The first deposit fails and waits in a retry topic, the others queue behind it; then the process stops."""
    failing(bank, "bad", float("inf"))
    async with bank.app.running():
        for each in cents:
            await bank.app.send(bank.Deposit(name="bad", cents=each))

        async def waits() -> bool:
            status = await parked(bank)
            return all(getattr(status, state) == count for state, count in states.items())

        await until(waits)


async def handled(bank: Bank, *cents: int) -> None:
    """Started with a correct handler, all of them are handled, in this order."""
    async with bank.app.running():

        async def done() -> bool:
            return not sum((await parked(bank))[:5])

        await until(done)
        rows = await bank.rows("audit", "SELECT cents FROM entry")
        assert sorted(row["cents"] for row in rows) == sorted(cents)
        assert not await letters(bank)


@virtually
async def test_tiers_of_one_wait_are_gone_through_one_after_the_other(tmp_path: Path) -> None:
    """They share a topic: each record wakes its message, whichever of the two delays the message waits for."""
    bank = made(tmp_path, "", scale=0.002, retry=Retry(in_place=0, delays=(60.0, 60.0, 60.0)))
    failing(bank, "bad", 3)
    async with bank.app.running():
        await bank.app.send(bank.Deposit(name="bad", cents=5))
        await bank.app.send(bank.Deposit(name="bad", cents=6))

        async def both() -> bool:
            return len(await bank.rows("audit", "SELECT * FROM entry")) == 2

        await until(both, 20.0)  # half a minute later every due row is looked at anyway
        assert not await letters(bank)
    assert bank.calls == ["bad"] * 5


@pytest.mark.parametrize(
    "later",
    [
        Retry(in_place=0, delays=()),
        Retry(in_place=0, delays=(300.0,)),
        Retry(in_place=0, delays=(1.0, 2.0, 60.0, 3_000.0)),
        Retry(in_place=0, delays=(60.0, 1.0)),
    ],
    ids=["none", "others", "more", "turned round"],
)
@virtually
async def test_a_message_that_waits_is_tried_again_under_other_tiers(tmp_path: Path, store: str, later: Retry) -> None:
    """Its row has the due time; no topic has to be read for it."""
    first = made(tmp_path, store, scale=0.02, retry=Retry(in_place=0, delays=(60.0, 300.0)))
    await left_waiting(first, 1, 2, states={"waiting": 1, "behind": 1})
    await handled(made(tmp_path, store, retry=later), 1, 2)


@virtually
async def test_what_queues_behind_a_dead_letter_runs_when_order_is_given_up(tmp_path: Path, store: str) -> None:
    """In a group that no longer keeps order no message waits for another; the letter stays open."""
    first = made(tmp_path, store, retry=Retry(in_place=0, delays=()))
    await left_waiting(first, 1, 2, 3, states={"dead": 1, "behind": 2})
    later = made(tmp_path, store, order="none")
    async with later.app.running():

        async def done() -> bool:
            return len(await later.rows("audit", "SELECT * FROM entry")) == 2

        await until(done)
        (letter,) = await letters(later)
        assert sum((await parked(later))[:5]) == 0
        assert (letter.status, letter.key) == ("open", "bad")


@virtually
async def test_a_group_that_keeps_order_again_goes_on_where_it_is(tmp_path: Path, store: str) -> None:
    """Messages that were handled without order moved no number: the next one would wait for its predecessors for
    ever."""
    for order in ("key", "none", "key"):
        bank = made(tmp_path, store, order=order)
        async with bank.app.running():
            for cents in (1, 2):
                await bank.app.send(bank.Deposit(name="n", cents=cents))
            await bank.app.settled()
            count = len(await bank.rows("audit", "SELECT * FROM entry"))
            assert sum((await parked(bank))[:5]) == 0
    assert count == 6


@virtually
async def test_a_gap_is_given_up_with_the_order_that_it_broke(tmp_path: Path, store: str) -> None:
    """Without order no numbers are counted, so no message waits for a number."""
    first = made(tmp_path, store)
    async with first.app.running():
        await first.app.send(first.Deposit(name="n", cents=1))
        await first.app.settled()
        async with first.app.store("bank").transaction() as session:
            await session.sequences.reserve({("test.bank.events", "n"): 1})  # of a message that never comes
        await first.app.send(first.Deposit(name="n", cents=2))

        async def waits() -> bool:
            return (await parked(first)).gap == 1

        await until(waits)
    await handled(made(tmp_path, store, order="none"), 1, 2)


@virtually
async def test_a_version_that_no_longer_reads_a_topic_is_refused_while_something_of_it_waits(
    tmp_path: Path, store: str
) -> None:
    """No process would ever try the message again. The refusal names the number of messages, the topic and one of
    them."""
    first = made(tmp_path, store, scale=1.0, retry=Retry(in_place=0, delays=(60.0,)))
    await left_waiting(first, 1, 2, states={"waiting": 1, "behind": 1})
    later = made(tmp_path, store)
    later.audit.declared.bindings.clear()

    @later.audit.on
    async def other(fault: Fault[later.Deposited]) -> None:  # type: ignore[name-defined]
        """Something else is read."""

    later.app = type(later.app)(later.bank, later.audit, settings=later.app.settings, machine=machine_here())

    with pytest.raises(StoreMismatch, match=r"2 messages of test\.bank\.events wait .*key bad"):
        async with later.app.running():
            pass
    async with later.app.running(roles=()):  # a process that only reads, or decides about letters, may start
        pass


@virtually
async def test_what_waits_of_a_partition_that_is_not_there_is_taken_up(tmp_path: Path, store: str) -> None:
    """A topic that was recreated with fewer partitions: each row belongs to some member."""
    first = made(tmp_path, store, scale=0.03, retry=Retry(in_place=0, delays=(60.0,)))
    await left_waiting(first, 1, 2, states={"waiting": 1, "behind": 1})
    async with first.app.running(roles=()), first.app.store("audit").transaction() as session:
        await session.execute("UPDATE parked SET partition = :p", {"p": 17})
    await handled(made(tmp_path, store), 1, 2)


@virtually
async def test_the_net_wakes_what_no_record_woke(tmp_path: Path) -> None:
    """A retry topic that was trimmed, or a relay that cannot send, costs seconds."""
    bank = made(tmp_path, "", scale=0.001)
    await left_waiting(bank, 1, states={"waiting": 1})
    consumer = Bell()
    async with bank.app.running(roles=()):
        here: Store = bank.app.store("audit")
        net = Overdue("audit", here, consumer, behind_us=0)

        async def woken() -> bool:
            await net.step(0.0)
            return (await parked(bank)).ready == 1

        await until(woken)
    assert consumer.take("ready")
