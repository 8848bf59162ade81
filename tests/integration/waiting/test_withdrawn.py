"""A step without an effect whose answer comes later: when its saga gives it up, its participant stops waiting."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.virtual_time import machine_here
from tests.waiting import until

from partita import App, Command, Event, Key, Saga, Service, Settings, Tx, pivot, seconds, step
from partita.errors import Overtaken
from partita.message import envelope_from_bytes
from partita.waiting import Later, later


def asking(data: Path, store: str, **options: Any) -> Any:  # Any: the app and its messages, declared for each test
    """`shop` asks `desk` for an opinion, which changes nothing, and then sells."""
    shop, desk = Service("shop", namespace="ask.shop"), Service("desk", namespace="ask.desk")
    ran: list[str] = []

    class Asked(Event, of=shop):
        id: Key[str]

    class Dropped(Event, of=shop):
        id: Key[str]

    class Sold(Event, of=shop):
        id: Key[str]

    class Unsold(Event, of=shop):
        id: Key[str]

    class Opinion(Event, of=desk):
        id: Key[str]

    class Ask(Command[Asked], of=shop):
        id: Key[str]

    class Sell(Command[Sold], of=shop):
        id: Key[str]

    class Unsell(Command[Unsold], of=shop):
        id: Key[str]

    class GiveOpinion(Command[Opinion], of=desk):
        id: Key[str]

    class Sale(Saga, start=Asked, deadline=seconds(600), undone=Dropped, of=shop):
        opinion = step(GiveOpinion, no_effect=True, timeout=seconds(60))
        sell = pivot(Sell, undo=Unsell)

    @shop.handles(Ask)
    async def ask(cmd: Ask) -> Asked:
        return Asked(id=cmd.id)

    @shop.handles(Sell)
    async def sell(cmd: Sell) -> Sold:
        return Sold(id=cmd.id)

    @shop.handles(Unsell)
    async def unsell(cmd: Unsell) -> Unsold:
        return Unsold(id=cmd.id)

    @desk.handles(GiveOpinion, **options)
    async def give(cmd: GiveOpinion, tx: Tx) -> Opinion | Later:
        ran.append(cmd.id)
        return later()

    made = App(shop, desk, settings=Settings(data=data, store=store), machine=machine_here())
    return SimpleNamespace(app=made, ran=ran, Ask=Ask, Sale=Sale, Opinion=Opinion, GiveOpinion=GiveOpinion)


async def pending(app: App) -> dict[str, str]:
    """The states of the commands that waited at the desk, by key."""
    async with app.store("desk").reading() as session:
        rows = [*await session.pending.find(), *await session.pending.find(state="undone")]
    return {str(row.key): row.state for row in rows}


@pytest.mark.parametrize("options", [{}, {"dedupe_by": "id"}], ids=["plain", "business key"])
async def test_a_question_of_a_saga_that_was_cancelled_waits_no_more(
    tmp_path: Path, store: str, options: dict[str, Any]
) -> None:
    """There is nothing to undo, and a person would find the task in the list for ever. An answer from a page that is
    still open is refused, and its mark ends as well."""
    world = asking(tmp_path, store, **options)
    async with world.app.running():
        await world.app.send(world.Ask(id="a"))
        await until(lambda: pending(world.app), holds=lambda found: found == {"a": "open"})
        async with world.app.store("desk").reading() as session:
            (row,) = await session.pending.find()
        await world.app.cancel(world.Sale, "a", reason="sold elsewhere")
        await until(lambda: pending(world.app), holds=lambda found: found == {"a": "undone"})
        with pytest.raises(Overtaken):
            await world.app.reply(row.reply_to, world.Opinion(id="a"))
        async with world.app.store("desk").reading() as session:
            marks = await session.fetch("SELECT outcome FROM inbox WHERE outcome = 'pending'", {})
            sent = await session.fetch("SELECT headers FROM outbox", {})
    assert marks == [] and world.ran == ["a"]
    assert not [each for each in sent if envelope_from_bytes(each["headers"]).type.endswith("Opinion")]


async def test_an_answer_ends_the_wait_and_nothing_is_withdrawn(tmp_path: Path) -> None:
    world = asking(tmp_path, "")
    async with world.app.testing() as t:
        await t.send(world.Ask(id="a"))
        (reply_to,) = await t.pending(world.GiveOpinion)
        await t.reply(reply_to, world.Opinion(id="a"))
        await t.settled()
        assert await t.saga(world.Sale, "a") == "completed"
        assert world.ran == ["a"]


async def test_a_question_whose_time_is_over_waits_no_more(tmp_path: Path) -> None:
    world = asking(tmp_path, "")
    async with world.app.testing() as t:
        await t.send(world.Ask(id="a"))
        await t.advance(61)
        assert await t.saga(world.Sale, "a") == "undone"
        assert await t.pending(world.GiveOpinion) == []
