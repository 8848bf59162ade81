"""Acting on running sagas, groups and refused outbox rows, by hand, with the audit; and the reasons why they are
stuck."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.integration.runtime.failing.test_retries import parked
from tests.integration.sagas.test_saga_runs import Shop
from tests.virtual_time import machine_here, virtually
from tests.waiting import until as until_

from partita import App, Command, Conflict, Event, Key, Retry, Saga, Service, Settings, minutes, retriable
from partita.bus.port import Outgoing
from partita.errors import NotFound
from partita.observability.why import why_group, why_key, why_saga
from partita.operators.audit import verify
from partita.operators.steering import (
    accept_gap,
    act_on_saga,
    pause_group,
    reset_group,
    resume_group,
    retry_outbox,
)
from partita.sagas.state import state_from_bytes


@virtually
async def test_a_cancelled_saga_gives_everything_back_and_is_in_the_audit(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    async with shop.app.running(services=["orders", "stock"]) as system:
        await shop.app.send(shop.Place(id="o1"))

        async def waits_for_the_bank() -> bool:
            return (await shop.saga()).step == "charge"

        await until_(waits_for_the_bank)
        pipeline = system.pipelines["orders"]
        row = await act_on_saga(pipeline, "Checkout", "o1", "cancel", reason="called", by="ann")
        assert (row.status, row.step) == ("compensating", "charge")
        with pytest.raises(Conflict, match="being undone already"):
            await act_on_saga(pipeline, "Checkout", "o1", "cancel", reason="again", by="ann")
        with pytest.raises(NotFound):
            await act_on_saga(pipeline, "Checkout", "o2", "cancel", reason="", by="ann")
        async with system.stores["orders"].reading() as session:
            (entry,) = await session.operations.entries()
        assert (entry.actor, entry.verb, entry.target, entry.reason) == ("ann", "saga cancel", "Checkout o1", "called")
        assert (await verify(system.stores["orders"])).broken is None
    async with shop.app.running():
        await shop.app.settled()
        assert (await shop.saga()).status == "undone"
        assert await shop.fetch("stock", "SELECT count(*) FROM held") == [(0,)]
        assert await shop.fetch("bank", "SELECT coalesce(sum(cents), 0) FROM move") == [(0,)]


@virtually
async def test_a_paused_group_stands_still_and_goes_on_where_it_was(bank: Any) -> None:
    async with bank.app.running() as system:
        store = system.stores["audit"]
        await pause_group(store, reason="repair", by="ann")
        await asyncio.sleep(0.6)
        await bank.app.send(bank.Deposit(name="a", cents=1))
        await asyncio.sleep(0.5)
        assert not bank.calls
        async with store.reading() as session:
            (why,) = await why_group(session, "audit", await store.now_us())
        assert why.startswith("audit is paused since") and why.endswith("repair")
        await resume_group(store, reason="", by="ann")
        with pytest.raises(Conflict, match="not paused"):
            await resume_group(store, reason="", by="ann")

        async def handled() -> bool:
            return bank.calls == ["a"]

        await until_(handled)


@virtually
async def test_a_group_is_reset_only_when_paused_and_handles_nothing_twice(bank: Any) -> None:
    """Messages that it handled within the window are known by id."""
    async with bank.app.running() as system:
        for cents in (1, 2, 3):
            await bank.app.send(bank.Deposit(name="a", cents=cents))
        await bank.app.settled()
        store, topic = system.stores["audit"], bank.bank.events_topic
        with pytest.raises(Conflict, match="is not paused"):
            await reset_group(store, system.bus, topic, "start", reason="", by="ann")
        await pause_group(store, reason="", by="ann")
        async with store.transaction() as session:
            await session.execute("DELETE FROM entry WHERE cents = 2", {})
            await session.execute("DELETE FROM inbox WHERE seq = (SELECT min(seq) + 1 FROM inbox)", {})
        await asyncio.sleep(0.6)
        assert len(await reset_group(store, system.bus, topic, "start", reason="rebuild", by="ann")) == 4
        await resume_group(store, reason="", by="ann")

        async def rebuilt() -> bool:
            return len(await bank.rows("audit", "SELECT * FROM entry")) == 3

        await until_(rebuilt)
        await bank.app.settled()
        assert len(await bank.rows("audit", "SELECT * FROM entry")) == 3


@virtually
async def test_a_gap_is_given_up_by_a_person(bank: Any) -> None:
    async with bank.app.running(services=["bank"], roles=()):
        for cents in range(1, 5):
            await bank.app.send(bank.Deposit(name="a", cents=cents))
        async with bank.app.store("bank").reading() as session:
            unsent = await session.outbox.unsent(range(4), 10)
        await bank.app.store("bank").sent([(slot, row.seq) for slot, row in unsent])
        rows = [row for _, row in unsent]
        out = [Outgoing(r.topic, r.key, r.headers, r.payload, r.id) for r in rows]
        await bank.app.bus.append([out[0], out[2], out[3]])
    async with bank.app.running() as system:

        async def waits() -> bool:
            return (await parked(bank)).gap == 2

        await until_(waits)
        store, topic = system.stores["audit"], bank.bank.events_topic
        async with store.reading() as session:
            why = await why_key(session, "audit", topic, "a", await store.now_us())
        assert "number 2 of its key" in why and "1 later ones wait behind it" in why
        assert await accept_gap(store, topic, "a", reason="lost in 2024", by="ann") == 3

        async def handled() -> bool:
            return len(await bank.rows("audit", "SELECT * FROM entry")) == 3

        await until_(handled)
        with pytest.raises(NotFound):
            await accept_gap(store, topic, "a", reason="", by="ann")


@virtually
async def test_what_the_bus_refused_is_tried_again(bank: Any) -> None:
    async with bank.app.running(services=["bank"], roles=()) as system:
        store = system.stores["bank"]
        for cents in (1, 2):
            await bank.app.send(bank.Deposit(name="a", cents=cents))
        async with store.transaction() as session:
            pending = await session.outbox.unsent(range(4), 10)
            slot, first = pending[0]
            await session.outbox.park(slot, first.seq, first.key, "no such topic")
        async with store.reading() as session:
            assert [(row.key, row.reason) for row in await session.outbox.parked()] == [("a", "no such topic")]
        assert await retry_outbox(store, reason="topic made", by="ann") == 1
        assert await retry_outbox(store, reason="", by="ann") == 0
    async with bank.app.running():
        await bank.app.settled()
        assert len(await bank.rows("audit", "SELECT * FROM entry")) == 2


@virtually
async def test_why_a_saga_waits_is_told_with_the_place_of_its_command(tmp_path: Path) -> None:
    """Not handled yet, waiting in a retry topic, dead: each in words."""
    shop = Shop(tmp_path, charge_timeout=800.0)
    bank = shop.app.catalog.service("bank")

    def trouble(what: str) -> None:
        if what == "charge":
            raise ConnectionError("no answer from the provider")

    shop.trouble = trouble

    async def why(system: Any) -> str:
        row = await shop.saga()
        message_id = state_from_bytes(row.data).steps[1].message_id
        store = system.stores["orders"]
        return await why_saga(row, "Charged", message_id, system.stores, await store.now_us())

    async with shop.app.running(services=["orders", "stock"]) as system:
        await shop.app.send(shop.Place(id="o1"))

        async def at_charge() -> bool:
            return (await shop.saga()).step == "charge"

        await until_(at_charge)
        assert "no group has taken its command yet" in await why(system)
    bank.retry = Retry(in_place=0, delays=(500.0,))
    async with shop.app.running() as system:

        async def waits_in_the_tier() -> bool:
            return "for its next try at" in await why(system)

        await until_(waits_in_the_tier)
        said = await why(system)
        assert "Checkout o1 waits" in said and "bank: Charge of key o1" in said and "ConnectionError" in said

        async def dead() -> bool:
            return "for a person: dead letter" in await why(system)

        await until_(dead)


def one_whose_answer_dies(folder: Path) -> Any:
    """An app with a saga; the answer of its command is heard in the same group by a handler that fails."""
    orders = Service("orders", namespace="t.orders", retry=Retry(in_place=0, delays=()))
    stock = Service("stock", namespace="t.stock")

    class Placed(Event, of=orders):
        id: Key[str]

    class Place(Command[Placed], of=orders):
        id: Key[str]

    class Reserved(Event, of=stock):
        id: Key[str]

    class Reserve(Command[Reserved], of=stock):
        id: Key[str]

    class Checkout(Saga, start=Placed, deadline=minutes(5), of=orders):
        reserve = retriable(Reserve)

    @orders.handles(Place)
    async def place(cmd: Place) -> Placed:
        return Placed(id=cmd.id)

    @stock.handles(Reserve)
    async def reserve(cmd: Reserve) -> Reserved:
        return Reserved(id=cmd.id)

    @orders.on
    async def hear(event: Reserved) -> None:
        raise ValueError("not now")

    app = App(orders, stock, settings=Settings(data=folder), machine=machine_here())
    return SimpleNamespace(app=app, Place=Place, declared=Checkout)


@virtually
async def test_an_answer_that_is_a_dead_letter_is_not_on_its_way(tmp_path: Path) -> None:
    """A saga whose answer was discarded waits for ever; `why` said each day that the answer was on its way."""
    made = one_whose_answer_dies(tmp_path)
    async with made.app.running() as system:
        store = system.stores["orders"]
        await made.app.send(made.Place(id="o1"))

        async def letter() -> bool:
            async with store.reading() as session:
                return bool(await session.dead_letters.find())

        async def why() -> str:
            async with store.reading() as session:
                row = (await session.sagas.load("Checkout", ["o1"]))["o1"]
            message_id = state_from_bytes(row.data).steps[0].message_id
            return await why_saga(row, "Reserved", message_id, system.stores, await store.now_us())

        await until_(letter)
        async with store.reading() as session:
            (dead,) = await session.dead_letters.find()
        assert (await why()).endswith(f"; the answer is dead letter {dead.id}, open: partita dlq show {dead.id}")
        async with store.transaction() as session:
            await session.dead_letters.close([dead.id], "discarded", "", await store.now_us())
        assert (await why()).endswith(f"discarded: partita dlq restore {dead.id}")
        async with store.transaction() as session:
            await session.dead_letters.close([dead.id], "handled", "", await store.now_us())
        assert "the answer is on its way" in await why()
