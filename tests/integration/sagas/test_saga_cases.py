"""Cases of page "proof" with a saga at an odd moment: unreadable, still unknown, changed meanwhile, 100,000 at once."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.entries import entries
from tests.integration.sagas.test_saga_runs import Shop
from tests.virtual_time import virtually
from tests.waiting import until

from partita.bus.port import Outgoing
from partita.message import Envelope, SagaAddress, envelope_to_bytes
from partita.sagas.state import state_from_bytes, state_to_bytes
from partita.store.dead_letters import LetterFilter
from partita.store.sqlite.sagas import SqliteSagas

TIMERS = 100_000 if os.environ.get("PARTITA_LONG") else 3_000


async def letters(shop: Shop, group: str) -> Any:
    async with shop.app.store(group).reading() as session:
        return await session.dead_letters.find(group, 10, LetterFilter())


@virtually
async def test_a_saga_whose_state_is_unreadable_is_parked_and_the_others_go_on(tmp_path: Path) -> None:
    """Case 46: its message waits with the reason, an alert is sent, and its neighbours in the batch are decided.
    After the row is restored from a backup, it is decided as well."""
    shop = Shop(tmp_path, reserve_timeout=200.0, charge_timeout=200.0)  # its own timer reports it, after 2 s
    async with shop.app.running(services=["orders"]):
        for key in ("o1", "o2", "o3"):
            await shop.app.send(shop.Place(id=key))
        row = await shop.saga("o2")
        async with shop.app.store("orders").transaction() as session:
            await session.execute("UPDATE saga SET data = :d WHERE saga_id = 'o2'", {"d": b"\xc1\xff"})
    async with shop.app.running():

        async def others_decided() -> bool:
            return (await shop.saga_status("o1"), await shop.saga_status("o3")) == ("completed", "completed")

        await until(others_decided)

        async def told() -> bool:
            return bool(await shop.saga_status("o2") == "needs_attention")

        await until(told)

        async def waits() -> bool:
            async with shop.app.store("orders").reading() as session:
                return (await session.parking.status("orders")).waiting == 1

        await until(waits)
        (cause,) = await shop.fetch("orders", "SELECT DISTINCT cause FROM failure")
        assert "o2" in cause[0] and "cannot be read" in cause[0]
        async with shop.app.store("orders").transaction() as session:  # from the backup
            await session.execute(
                "UPDATE saga SET data = :d, status = :s WHERE saga_id = 'o2'", {"d": row.data, "s": row.status}
            )

        async def decided() -> bool:
            return bool(await shop.saga_status("o2") == "completed")

        await until(decided, 60)
        assert not await letters(shop, "orders")


@virtually
async def test_a_reply_for_a_saga_that_is_not_there_yet_is_kept_until_it_is(tmp_path: Path) -> None:
    """Case 33: a participant in another language is faster than the saga's own commit; its answer is not dropped."""
    shop = Shop(tmp_path)
    async with shop.app.running(services=["orders"]) as system:
        await shop.app.send(shop.Place(id="o1"))
        row = await shop.saga()
        (command,) = await shop.fetch("orders", "SELECT id FROM outbox WHERE type = 'sr.stock.v1.Reserve'")
        async with shop.app.store("orders").transaction() as session:
            await session.execute("DELETE FROM saga", {})
        contract = shop.c.Reserved.__partita__
        fingerprint, value = system.codec.encode(contract.shape, shop.c.Reserved(id="o1"))
        envelope = Envelope(
            system.ids.new(),
            "elsewhere",
            contract.full_name,
            1,
            row.correlation_id,
            kind="reply",
            causation_id=command[0],
            schema=fingerprint,
            saga=SagaAddress("Checkout", "o1", "reserve", row.epoch, "do"),
        )
        reply = Outgoing("sr.stock.events", "o1", envelope_to_bytes(envelope), value, envelope.id)
        await system.bus.append([reply])

        async def waits() -> bool:
            async with shop.app.store("orders").reading() as session:
                return bool((await session.parking.status("orders")).waiting)

        await until(waits)
        state = state_from_bytes(row.data)
        state.due_us = state.deadline_us = row.started_us + 3_600_000_000
        row = row._replace(version=0, data=state_to_bytes(state), due_us=state.due_us)
        async with shop.app.store("orders").transaction() as session:
            await session.sagas.save([row], [])

        async def charged() -> bool:
            return (await shop.saga()).step == "charge"

        await until(charged)
        assert not await letters(shop, "orders")


@virtually
async def test_a_saga_that_was_changed_meanwhile_is_loaded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case 41: two replies for one saga at once: the slower one sees that the version has changed, and runs again on
    the new state."""
    shop = Shop(tmp_path, time_scale=1.0)
    real, raced = SqliteSagas.load, []

    async def load(self: SqliteSagas, saga: str, ids: Any) -> Any:
        found = await real(self, saga, ids)
        if found and len(raced) < 3:
            raced.append(list(ids))
            self._db.execute("UPDATE saga SET version = version + 1")  # rolled back with the transaction that sees it
        return found

    monkeypatch.setattr(SqliteSagas, "load", load)
    async with shop.app.running():
        await shop.app.send(shop.Place(id="o1"))
        await shop.app.settled()
        assert len(raced) == 3
        assert (await shop.saga()).status == "completed"
        kinds = [entry.kind for entry in await entries(shop.app.store("orders"))]
        assert kinds.count("started") == 1 and kinds.count("completed") == 1 and kinds.count("done") == 3
        assert not await letters(shop, "orders")


@virtually
async def test_an_answer_that_came_while_its_service_was_away_is_no_silence(tmp_path: Path) -> None:
    """The orders are stopped for longer than a step may take: all of their timers are due at the start, and all
    answers are on the log."""
    shop = Shop(tmp_path, time_scale=0.02, charge_timeout=600.0)
    async with shop.app.running(services=["orders"], roles=("consumers", "relay")):
        for n in range(20):
            await shop.app.send(shop.Place(id=f"o{n}"))
        await until(lambda: nothing_to_send(shop, "orders"))
    async with shop.app.running(services=["stock"]):

        async def reserved() -> bool:
            held = await shop.fetch("stock", "SELECT count(*) FROM held")
            return held == [(20,)] and await nothing_to_send(shop, "stock")

        await until(reserved)
    async with shop.app.running(services=["orders"], roles=()) as system:

        async def all_due() -> bool:
            (due,) = await shop.fetch("orders", "SELECT count(*), max(due_us) FROM saga")
            return due[0] == 20 and due[1] < system.clock.now_us()

        await until(all_due)
    async with shop.app.running():
        await shop.app.settled()
        assert await shop.fetch("orders", "SELECT status, count(*) FROM saga GROUP BY 1") == [("completed", 20)]


@virtually
async def test_a_timer_whose_step_was_followed_by_another_fires_at_the_time_of_that_one(tmp_path: Path) -> None:
    """The instance wakes at the time of the first step, which was answered: nothing happens but that it sleeps on."""
    shop = Shop(tmp_path, time_scale=1.0)
    async with shop.app.running(services=["orders", "stock"]) as system:
        await shop.app.send(shop.Place(id="o1"))

        async def charging() -> bool:
            return (await shop.saga()).step == "charge"

        async def wakes() -> tuple[int, int]:
            ((wake_us, due_us),) = await shop.fetch("orders", "SELECT wake_us, due_us FROM saga")
            return wake_us, due_us

        async def sleeps_on() -> bool:
            return await wakes() == (due_us, due_us)

        async def timed_out() -> bool:
            return bool(await entries(shop.app.store("orders"), "timeout"))

        await until(charging)
        wake_us, due_us = await wakes()
        assert wake_us < due_us
        await until(sleeps_on, 60)
        assert wake_us <= system.clock.now_us() < due_us and (await shop.saga()).version == 2
        await until(timed_out, 60)
        (fired,) = await entries(shop.app.store("orders"), "timeout")
        assert fired.step == "charge" and fired.at_us >= due_us


async def nothing_to_send(shop: Shop, service: str) -> bool:
    """Whether all messages of a service are on the log."""
    return await shop.fetch(service, "SELECT count(*) FROM outbox_queue") == [(0,)]


@pytest.mark.slow
@virtually
async def test_many_timers_that_are_due_at_the_start_fire_once_each_and_hold_up_nobody(tmp_path: Path) -> None:
    """Case 49: 3,000 timed-out sagas after a night (100,000 with PARTITA_LONG=1); a new order is decided meanwhile."""
    shop = Shop(tmp_path, time_scale=1.0)
    async with shop.app.running(services=["orders"]) as system:
        await shop.app.send(shop.Place(id="first"))
        row = await shop.saga("first")
        state = state_from_bytes(row.data)
        due = system.clock.now_us() - 1_000_000
        for first in range(0, TIMERS, 1_000):
            rows = []
            for n in range(first, min(first + 1_000, TIMERS)):
                state.saga_id, state.due_us = f"t{n}", due
                rows.append(row._replace(saga_id=f"t{n}", data=state_to_bytes(state), due_us=due, version=0))
            async with shop.app.store("orders").transaction() as session:
                await session.sagas.save(rows, [])
    async with shop.app.running():
        await shop.app.send(shop.Place(id="new"))

        async def decided() -> bool:
            return bool(await shop.saga_status("new") == "completed")

        await until(decided, 60)

        async def fired() -> bool:
            return await shop.fetch("orders", "SELECT count(*) FROM saga WHERE history LIKE '%timeout%'") == [(TIMERS,)]

        await until(fired, 110)
        timeouts = Counter(entry.saga_id for entry in await entries(shop.app.store("orders"), "timeout"))
        assert len(timeouts) == TIMERS and set(timeouts.values()) == {1}
