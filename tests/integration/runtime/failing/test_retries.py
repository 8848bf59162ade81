"""A failing message waits in 1m, 5m, 30m topics, then is a dead letter; no message of its key overtakes it, and other
keys go on."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.integration.conftest import Bank
from tests.virtual_time import machine_here, virtually
from tests.waiting import until

from partita import PartitaError, Retry
from partita.bus.port import Outgoing
from partita.catalog.retry import Discard, GiveUp, RetryNow
from partita.message import envelope_from_bytes, envelope_to_bytes
from partita.observability.why import why_group
from partita.store.dead_letters import LetterFilter

SCALE = 0.001  # 60 ms, 300 ms and 1.8 s instead of 1m, 5m and 30m
FAST = 0.0001


def scaled(bank: Bank, scale: float, **settings: Any) -> Bank:
    bank.app = bank.app.configured(replace(bank.app.settings, time_scale=scale, **settings))
    bank.app.machine = machine_here()
    return bank


async def letters(bank: Bank, **where: Any) -> Any:
    async with bank.app.store("audit").reading() as session:
        return await session.dead_letters.find(where=LetterFilter(**where))


async def parked(bank: Bank) -> Any:
    async with bank.app.store("audit").reading() as session:
        return await session.parking.status("audit")


def failing(bank: Bank, name: str, times: float) -> None:
    """Let the handler fail for a name this many times."""
    left = [times]

    def fail(event: Any) -> None:
        if event.name == name and left[0] > 0:
            left[0] -= 1
            raise ValueError("cannot 17")

    bank.on_deposit = fail


async def topics_of(bank: Bank) -> Counter[str]:
    async with bank.app.store("audit").reading() as session:
        rows = await session.fetch("SELECT aggregatetype FROM outbox ORDER BY seq", {})
    return Counter(row["aggregatetype"].rpartition(".")[2] for row in rows)


@virtually
async def test_the_walk_through_the_tiers_to_the_dead_letter(bank: Any) -> None:
    """Exactly (1 + 3 in place) x (1 + 3 delays) tries; each stage is recorded; the last one ends in the DLQ."""
    scaled(bank, SCALE)
    failing(bank, "bad", float("inf"))
    async with bank.app.running() as system:
        await bank.app.send(bank.Deposit(name="bad", cents=5))

        async def dead() -> bool:
            return bool(await letters(bank))

        await until(dead)
        (letter,) = await letters(bank)
        assert bank.calls.count("bad") == letter.attempts == 16
        async with bank.app.store("audit").reading() as session:
            stages = [(f.stage, f.tries) for f in await session.dead_letters.failures("audit", letter.message_id)]
        assert stages == [("in place", 4), ("retry-1m", 4), ("retry-5m", 4), ("retry-30m", 4)]
        assert await topics_of(bank) == {"retry-1m": 1, "retry-5m": 1, "retry-30m": 1, "dlq": 1, "faults": 1}
        await bank.app.settled(dead_letters=True)
        subscription = system.bus.subscribe("probe", ["test.bank.events.audit.dlq"], "probe")
        (record,) = (await subscription.poll(10)).records
        assert (record.key, record.headers, record.value) == ("bad", letter.headers, letter.value)
        await subscription.close()


@virtually
async def test_it_survives_a_restart_between_the_tries(bank: Any) -> None:
    """Waiting messages are in the database and on the log, not in a process."""
    scaled(bank, SCALE)
    failing(bank, "bad", 15)

    async def once(stages: int) -> None:
        async with bank.app.running():

            async def failed() -> bool:
                async with bank.app.store("audit").reading() as session:
                    rows = await session.fetch("SELECT count(*) AS n FROM failure", {})
                return rows[0]["n"] >= stages

            await until(failed)

    async with bank.app.running(services=["bank"]):
        await bank.app.send(bank.Deposit(name="bad", cents=5))
        await bank.app.send(bank.Deposit(name="bad", cents=6))
        await bank.app.settled()
    for stages in (1, 2, 3):
        await once(stages)
    async with bank.app.running():

        async def handled() -> bool:
            return len(await bank.rows("audit", "SELECT * FROM entry")) == 2

        await until(handled)
        assert not await letters(bank)
        rows = await bank.rows("audit", "SELECT cents FROM entry ORDER BY rowid")
        assert [row["cents"] for row in rows] == [5, 6]
    assert bank.calls.count("bad") == 17


@virtually
async def test_of_a_parked_key_nothing_passes_and_others_flow(bank: Any) -> None:
    """Later messages queue behind it in the parking, and are handled in order after it."""
    scaled(bank, SCALE * 5)
    failing(bank, "bad", 5)
    async with bank.app.running():
        for cents in range(1, 6):
            await bank.app.send(bank.Deposit(name="bad", cents=cents))
            await bank.app.send(bank.Deposit(name="good", cents=cents))

        async def waits() -> bool:
            return (await parked(bank)).behind == 4

        await until(waits)
        assert (await parked(bank))[:5] == (1, 4, 0, 0, 0)
        assert [r["name"] for r in await bank.rows("audit", "SELECT name FROM entry")] == ["good"] * 5

        async def drained() -> bool:
            return len(await bank.rows("audit", "SELECT * FROM entry")) == 10

        await until(drained)
        rows = await bank.rows("audit", "SELECT cents FROM entry WHERE name = 'bad' ORDER BY rowid")
        assert [r["cents"] for r in rows] == [1, 2, 3, 4, 5]
        assert (await parked(bank)).keys == 0


@virtually
async def test_without_order_later_ones_pass_as_declared(tmp_path: Path) -> None:
    bank = scaled(Bank(tmp_path / "data", order="none"), SCALE * 5)
    failing(bank, "bad", 5)
    async with bank.app.running():
        for cents in range(1, 4):
            await bank.app.send(bank.Deposit(name="bad", cents=cents))

        async def all_handled() -> bool:
            return len(await bank.rows("audit", "SELECT * FROM entry")) == 3

        await until(all_handled)
        rows = await bank.rows("audit", "SELECT cents FROM entry ORDER BY rowid")
        assert sorted(r["cents"] for r in rows) == [1, 2, 3]
        assert rows[-1]["cents"] == 1, "the failing one came last"


@virtually
async def test_a_dead_letter_holds_its_key_until_a_person_decides(bank: Any) -> None:
    bank.audit.retry = Retry(delays=())
    failing(bank, "bad", float("inf"))
    async with bank.app.running() as system:
        for cents in (1, 2, 3):
            await bank.app.send(bank.Deposit(name="bad", cents=cents))

        async def dead() -> bool:
            return (await parked(bank))[:5] == (0, 2, 0, 0, 1)

        await until(dead)
        bank.on_deposit = lambda event: None
        (letter,) = await letters(bank)
        async with system.stores["audit"].transaction() as session:
            await session.parking.move("audit", [letter.message_id], "ready", -1, 0)

        async def drained() -> bool:
            return len(await bank.rows("audit", "SELECT * FROM entry")) == 3

        await until(drained)
        rows = await bank.rows("audit", "SELECT cents FROM entry ORDER BY rowid")
        assert [r["cents"] for r in rows] == [1, 2, 3]
        assert [x.status for x in await letters(bank, status="")] == ["handled"]


@virtually
async def test_of_two_groups_only_the_failing_one_tries_again(tmp_path: Path) -> None:
    """The group is in the retry topic's name."""
    from partita import App, Service, Tx

    bank = Bank(tmp_path / "data")
    other = Service("mirror", namespace="test.mirror", tables="CREATE TABLE IF NOT EXISTS copy (cents BIGINT);")
    copies: list[int] = []

    @other.on
    async def copy(event: bank.Deposited, tx: Tx) -> None:  # type: ignore[name-defined]
        copies.append(event.cents)
        await tx.execute("INSERT INTO copy VALUES (:c)", c=event.cents)

    bank.app = App(
        bank.bank, bank.audit, other, settings=replace(bank.app.settings, time_scale=SCALE), machine=machine_here()
    )
    failing(bank, "bad", 6)
    async with bank.app.running():
        await bank.app.send(bank.Deposit(name="bad", cents=5))

        async def handled() -> bool:
            return len(await bank.rows("audit", "SELECT * FROM entry")) == 1

        await until(handled)
        assert copies == [5]
        assert await bank.rows("mirror", "SELECT cents FROM copy") == [{"cents": 5}]


@virtually
async def test_a_failing_dependency_makes_no_dead_letters(bank: Any) -> None:
    """A hundred messages in a row fail: the group tries one at a time with pauses until one succeeds, then all of
    them."""
    scaled(bank, FAST)
    bank.audit.retry = Retry(storm=5, storm_pause_s=0.2)
    down = [True]

    def on_deposit(event: Any) -> None:
        if down[0]:
            raise ConnectionError("no answer")

    bank.on_deposit = on_deposit
    async with bank.app.running():
        await asyncio.gather(*(bank.app.send(bank.Deposit(name=f"n{n}", cents=1)) for n in range(100)))

        async def stormy() -> bool:
            async with bank.app.store("audit").reading() as session:
                return [s.what for s in await session.groups.said("audit")] == ["storm"]

        await until(stormy)
        await asyncio.sleep(1.5)  # the delays would be over by now
        in_storm = len(bank.calls)
        await asyncio.sleep(1.0)
        assert len(bank.calls) - in_storm < 15, "they do not go one at a time"
        down[0] = False

        async def handled() -> bool:
            return len(await bank.rows("audit", "SELECT * FROM entry")) == 100

        await until(handled)
        assert not await letters(bank, status="")
        async with bank.app.store("audit").reading() as session:
            assert not await session.groups.said("audit")


@virtually
async def test_a_gap_is_waited_for_and_filled(bank: Any) -> None:
    """A missing number parks the messages behind it; when it comes, all run in order."""
    async with bank.app.running(services=["bank"], roles=()):
        for cents in range(1, 6):
            await bank.app.send(bank.Deposit(name="ann", cents=cents))
        async with bank.app.store("bank").reading() as session:
            unsent = await session.outbox.unsent(range(4), 10)
        await bank.app.store("bank").sent([(slot, row.seq) for slot, row in unsent])
        rows = [row for _, row in unsent]
        out = [Outgoing(r.topic, r.key, r.headers, r.payload, r.id) for r in rows]
        await bank.app.bus.append([out[0], out[3], out[4], out[2]])
    async with bank.app.running() as system:

        async def three_wait() -> bool:
            return (await parked(bank)).gap == 3

        await until(three_wait)
        await system.bus.append([out[1]])

        async def handled() -> bool:
            return len(await bank.rows("audit", "SELECT * FROM entry")) == 5

        await until(handled)
        rows = await bank.rows("audit", "SELECT cents FROM entry ORDER BY rowid")
        assert [r["cents"] for r in rows] == [1, 2, 3, 4, 5]
        assert (await parked(bank)).gap == 0


@pytest.mark.parametrize(
    ("answer", "calls", "status"),
    [(Discard("known"), 1, None), (GiveUp("no"), 1, "open"), ("nonsense", 1, "open"), (RetryNow(), 4, "open")],
)
@virtually
async def test_a_policy_decides_within_bounds(bank: Any, answer: Any, calls: int, status: str | None) -> None:
    bank.audit.retry = Retry(delays=(), policy=lambda error, counters, message: answer)
    failing(bank, "bad", float("inf"))
    async with bank.app.running():
        await bank.app.send(bank.Deposit(name="bad", cents=5))

        async def over() -> bool:
            async with bank.app.store("audit").reading() as session:
                rows = await session.fetch("SELECT outcome FROM inbox", {})
            return [r["outcome"] for r in rows] == ["dead" if status else "discarded"]

        await until(over)
        assert bank.calls.count("bad") == calls
        assert [x.status for x in await letters(bank, status="")] == ([status] if status else [])


@virtually
async def test_a_policy_that_raises_makes_a_dead_letter(bank: Any) -> None:
    def broken(error: BaseException, counters: Any, message: Any) -> None:
        raise PartitaError("the policy is wrong")

    bank.audit.retry = Retry(policy=broken)
    failing(bank, "bad", float("inf"))
    async with bank.app.running():
        await bank.app.send(bank.Deposit(name="bad", cents=5))

        async def dead() -> bool:
            return len(await letters(bank)) == 1

        await until(dead)


@virtually
async def test_a_copy_of_a_parked_message_changes_nothing(bank: Any) -> None:
    """The relay sends again after a crash: the message is parked once and handled once."""
    scaled(bank, SCALE * 5)
    failing(bank, "bad", 5)
    async with bank.app.running() as system:
        await bank.app.send(bank.Deposit(name="bad", cents=5))

        async def waits() -> bool:
            return (await parked(bank)).waiting == 1

        await until(waits)
        async with bank.app.store("bank").reading() as session:
            (row,) = await session.fetch("SELECT * FROM outbox", {})
        envelope = envelope_from_bytes(row["headers"])
        copy = Outgoing(row["aggregatetype"], "bad", envelope_to_bytes(envelope), row["payload"], row["id"])
        async with bank.app.store("audit").reading() as session:
            (retry,) = await session.fetch("SELECT * FROM outbox", {})
        again = Outgoing(retry["aggregatetype"], "bad", retry["headers"], retry["payload"], retry["id"])
        await system.bus.append([copy, again, again])

        async def handled() -> bool:
            return len(await bank.rows("audit", "SELECT * FROM entry")) >= 1

        await until(handled)
        await bank.app.settled()
        assert len(await bank.rows("audit", "SELECT * FROM entry")) == 1


@virtually
async def test_a_full_parking_blocks_and_drops_nothing(tmp_path: Path) -> None:
    """Ten may wait: the group accepts no more, reports that, and handles all in order when the first succeeds."""
    bank = scaled(Bank(tmp_path / "data", retry=Retry(in_place=0, parked_max=10)), SCALE * 5, batch=5)
    failing(bank, "bad", float("inf"))
    async with bank.app.running() as system:
        for cents in range(20):
            await bank.app.send(bank.Deposit(name="bad", cents=cents + 1))

        async def full() -> bool:
            async with bank.app.store("audit").reading() as session:
                return bool(await why_group(session, "audit", system.clock.now_us()))

        await until(full)
        async with bank.app.store("audit").reading() as session:
            (said,) = await why_group(session, "audit", system.clock.now_us())
        assert "takes no new messages" in said
        for cents in range(20, 60):
            await bank.app.send(bank.Deposit(name="bad", cents=cents + 1))
        await asyncio.sleep(1.5)
        status = await parked(bank)
        # On a busy machine not all of the first may have been taken before it looked.
        assert 10 <= status.waiting + status.behind + status.ready <= 20, "it went on taking"
        assert sum(lag.lag for lag in await system.bus.lag("audit")) >= 40
        bank.on_deposit = lambda event: None
        await bank.app.settled(60)
        handled = await bank.rows("audit", "SELECT cents FROM entry ORDER BY rowid")
        assert [row["cents"] for row in handled] == list(range(1, 61))
        assert not await full()
