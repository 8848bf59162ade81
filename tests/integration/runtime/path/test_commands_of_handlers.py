"""`tx.send`: the commands that a handler sends leave with its transaction, once, in order, and the handler does not
wait for their answers."""

import asyncio
from dataclasses import replace
from typing import Any, Literal

import pytest
from tests.integration.runtime.failing.test_users_code import ADD, TABLES
from tests.waiting import until
from tests.written import written

from partita import (
    App,
    Command,
    DeclarationError,
    Event,
    Key,
    Meta,
    PartitaError,
    Rejection,
    Retry,
    Saga,
    Service,
    Settings,
    Tx,
    minutes,
    retriable,
)
from partita.message import envelope_from_bytes
from partita.runtime.failing.rehearsal import rehearse
from partita.runtime.path.calling import UNANSWERED
from partita.store.dead_letters import LetterFilter

How = Literal["wave", "serial", "outside"]
HOW: list[How] = ["wave", "serial", "outside"]
ONCE = Retry(in_place=0, delays=())


class World:
    """`Do` is answered with `Did`; `on_did` handles `Did` and sends `Own` to its own service and `Other` to another."""

    def __init__(self, settings: Settings, how: How = "serial") -> None:
        front = self.front = Service("front", namespace="sends.front")
        here = self.here = Service("here", namespace="sends.here", tables=TABLES, retry=ONCE)
        there = self.there = Service("there", namespace="sends.there", tables=TABLES, retry=ONCE)
        self.raises: BaseException | None = None
        self.fails_there: BaseException | None = None
        self.done: list[tuple[str, str, int]] = []
        self.metas: list[Meta] = []

        class Did(Event, of=front):
            id: Key[str]
            number: int

        class Do(Command[Did], of=front):
            id: Key[str]
            number: int = 0

        class OwnNo(Rejection):
            pass

        class OtherNo(Rejection):
            pass

        class OwnDone(Event, of=here):
            id: Key[str]

        class Own(Command[OwnDone, OwnNo], of=here):
            id: Key[str]
            number: int

        class Sent(Event, of=here):
            id: Key[str]

        class OtherDone(Event, of=there):
            id: Key[str]

        class Other(Command[OtherDone, OtherNo], of=there):
            id: Key[str]
            number: int

        class Nobody(Command[OtherDone], of=there):
            id: Key[str]

        @front.handles(Do)
        async def do(cmd: Do) -> Did:
            return Did(id=cmd.id, number=cmd.number)

        async def one_statement(event: Did, tx: Tx) -> None:
            tx.send(Other(id=event.id, number=event.number), Own(id=event.id, number=event.number))
            if self.raises is not None and event.id == "bad":
                raise self.raises
            await tx.execute("INSERT INTO seen VALUES (:id)", id=event.id)

        async def several(event: Did, tx: Tx) -> None:
            await tx.execute(ADD, id=event.id)
            tx.send(Other(id=event.id, number=event.number))
            tx.send(Own(id=event.id, number=event.number))
            await tx.fetch_all("SELECT * FROM seen")
            if self.raises is not None and event.id == "bad":
                raise self.raises

        if how == "wave":
            here.on(one_statement)
        else:
            here.on(concurrency=2 if how == "outside" else 1)(several)

        self.Do, self.Did, self.Own, self.Other, self.Nobody, self.Sent = Do, Did, Own, Other, Nobody, Sent
        self.OwnDone, self.OtherDone, self.OwnNo, self.OtherNo = OwnDone, OtherDone, OwnNo, OtherNo
        self._receive()
        self.app = App(front, here, there, settings=settings)

    def _receive(self) -> None:
        @self.here.handles(self.Own)
        async def own(cmd: Any, meta: Meta, tx: Tx) -> Any:
            return await self._received("own", cmd, meta, tx, self.OwnDone, self.OwnNo)

        @self.there.handles(self.Other)
        async def other(cmd: Any, meta: Meta, tx: Tx) -> Any:
            if self.fails_there is not None:
                raise self.fails_there
            return await self._received("other", cmd, meta, tx, self.OtherDone, self.OtherNo)

    async def _received(self, name: str, cmd: Any, meta: Meta, tx: Tx, reply: Any, refusal: Any) -> Any:
        self.done.append((name, cmd.id, cmd.number))
        self.metas.append(meta)
        await tx.execute(ADD, id=f"{name} {cmd.id} {cmd.number}")
        if cmd.id == "refused":
            raise refusal()
        return reply(id=cmd.id)

    async def rows(self, service: str, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a service's database."""
        async with self.app.store(service).reading() as session:
            return [tuple(row.values()) for row in await session.fetch(sql, {})]


def test_the_handlers_of_this_file_run_as_they_are_called(tmp_path: Any) -> None:
    """Otherwise a test would show one way three times."""
    for how in HOW:
        (binding,) = [b for b in World(Settings(data=tmp_path), how).here.declared.bindings if b.kind == "on"]
        assert (binding.one_statement, binding.concurrency) == (how == "wave", 2 if how == "outside" else 1)


@pytest.mark.parametrize("how", HOW)
async def test_commands_leave_with_the_handlers_transaction_each_once_and_in_order(
    settings: Settings, how: How
) -> None:
    """To its own service and to another, from each kind of handler; each command has the handled message as its
    cause."""
    world = World(settings, how)
    async with world.app.running():
        for number in range(1, 6):
            await world.app.send(world.Do(id="a", number=number))
        await world.app.settled()
        sent = {m.message_id: (m.correlation_id, m.causation_id) for m in await written(world.app.store("here"))}
        heard = {m.message_id: m.correlation_id for m in await written(world.app.store("front"))}
        kept = await world.rows("here", "SELECT id FROM seen") + await world.rows("there", "SELECT id FROM seen")
    for name in ("own", "other"):
        assert [d for d in world.done if d[0] == name] == [(name, "a", n) for n in range(1, 6)]
    assert sorted(each for (each,) in kept) == sorted(
        ["a"] * 5 + [f"{w} a {n}" for w in ("own", "other") for n in range(1, 6)]
    )
    for meta in world.metas:
        assert meta.causation_id is not None
        assert (meta.correlation_id, meta.causation_id) == sent[meta.message_id]
        assert heard[meta.causation_id] == meta.correlation_id


@pytest.mark.parametrize("how", HOW)
async def test_a_handler_that_fails_has_sent_nothing(settings: Settings, how: How) -> None:
    """Its commands are part of its transaction, as its rows are; its neighbours in the batch are not affected."""
    world = World(settings, how)
    world.raises = ValueError("no")
    async with world.app.running():
        await asyncio.gather(*(world.app.send(world.Do(id=id_)) for id_ in ("good", "bad")))
        await world.app.settled(dead_letters=True)
        async with world.app.store("here").reading() as session:
            (letter,) = await session.dead_letters.find("here", 10, LetterFilter())
        (forecast,) = await rehearse(world.app.system.pipelines["here"], [letter])
        world.raises = None
        (better,) = await rehearse(world.app.system.pipelines["here"], [letter])
        left = [m for m in await written(world.app.store("here")) if m.type.endswith((".Own", ".Other"))]
    assert {each[1] for each in world.done} == {"good"} and len(left) == 2
    if how == "outside":
        assert forecast.verdict == better.verdict == "calls outside"
    else:
        assert (forecast.verdict, better.verdict) == ("fails", "runs")
        assert sorted(better.leaves) == ["sends.here.v1.Own", "sends.there.v1.Other"]


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_refused_command_is_an_event_and_undoes_nothing_of_its_sender(
    settings: Settings, at_once: bool
) -> None:
    """The handler does not wait for the answer, which is published and counted as every answer."""
    world = World(replace(settings, at_once=at_once))
    async with world.app.running() as system:
        await world.app.send(world.Do(id="refused", number=1))
        await world.app.settled()
        sent = [await written(world.app.store(service)) for service in ("here", "there")]
        refusals = [[message for message in each if message.type.endswith("No")] for each in sent]
        seen = await world.rows("here", "SELECT id FROM seen")
        tallies = [system.pipelines[s].tally for s in ("here", "there")]
    assert [len(rows) for rows in refusals] == [1, 1]
    assert seen == [("refused",)], "the refusal undoes what its own handler wrote, and no more"
    assert tallies[0]["sends.here.v1.Own", "refused"] == tallies[1]["sends.there.v1.Other", "refused"] == 1


async def test_a_command_whose_handler_fails_is_a_dead_letter_of_its_receiver(settings: Settings) -> None:
    """The sender has done its part; the failure is seen where it happened."""
    world = World(settings)
    world.fails_there = ValueError("broken")
    async with world.app.running():
        await world.app.send(world.Do(id="a", number=1))

        async def dead() -> Any:
            async with world.app.store("there").reading() as session:
                return await session.dead_letters.find("there", 10, LetterFilter())

        (letter,) = await until(dead)
        assert await world.rows("here", "SELECT id FROM seen WHERE id = 'a'") == [("a",)]
    assert (letter.type, letter.cause_type) == ("sends.there.v1.Other", "ValueError")


async def test_what_is_no_command_or_what_nobody_handles_is_refused_to_its_sender(settings: Settings) -> None:
    """A command in a topic that no group reads would be silently lost."""
    world = World(settings)
    seen: list[str] = []

    class Try(Command[world.Did], of=world.front):  # type: ignore[name-defined]
        id: Key[str]

    @world.front.handles(Try)
    async def attempt(cmd: Try, tx: Tx) -> world.Did:
        match cmd.id:
            case "event":
                tx.send(world.Sent(id="x"))  # type: ignore[arg-type]
            case "text":
                tx.send("x")  # type: ignore[arg-type]
            case "refusal":
                tx.send(world.OwnNo())  # type: ignore[arg-type]
            case _:
                tx.send(world.Nobody(id="x"))
        seen.append(cmd.id)
        return world.Did(id=cmd.id, number=0)

    async with world.app.running():
        for id_, said in (("event", "an event"), ("text", "not a declared message"), ("refusal", "a refusal")):
            with pytest.raises(PartitaError, match=said):
                await world.app.send(Try(id=id_))
        with pytest.raises(DeclarationError, match="Nobody is sent, but has no handler"):
            await world.app.send(Try(id="nobody"))
    assert seen == ["nobody"], "the handler ran to its end, and its transaction was rolled back"


async def test_the_answer_to_such_a_command_moves_no_saga() -> None:
    """A saga waits for the answer to its own command: the answer to another command, with the same type and key, does
    not count."""
    shop = Service("shop", namespace="sends.shop")
    stock = Service("stock", namespace="sends.stock")

    class Placed(Event, of=shop):
        id: Key[str]

    class Place(Command[Placed], of=shop):
        id: Key[str]

    class Taken(Event, of=stock):
        id: Key[str]

    class Take(Command[Taken], of=stock):
        id: Key[str]
        by: str = "saga"

    class Purchase(Saga, start=Placed, deadline=minutes(60), of=shop):
        take = retriable(Take)

    @shop.handles(Place)
    async def place(cmd: Place, tx: Tx) -> Placed:
        tx.send(Take(id=cmd.id, by="handler"))
        return Placed(id=cmd.id)

    @stock.handles(Take)
    async def take(cmd: Take) -> Taken:
        taken.append(cmd.by)
        return UNANSWERED if cmd.by == "saga" else Taken(id=cmd.id)

    taken: list[str] = []
    app = App(shop, stock)
    async with app.testing() as t:
        await t.send(Place(id="1"))
        assert (sorted(taken), len(t.published(Taken))) == (["handler", "saga"], 1)
        assert await t.saga(Purchase, "1") == "running"


class OfAnotherApp:
    """Shops that send a command to a warehouse of another app; `declares` says how, `also` has a second handler that declares it."""

    def __init__(self, settings: Settings, *, declares: bool, also: bool = False) -> None:
        self.warehouse = Service("warehouse", namespace="sends.warehouse")
        shop = Service("shop", namespace="sends.otherapp")
        self.seen: list[str] = []

        class Packed(Event, of=self.warehouse):
            id: Key[str]

        class Pack(Command[Packed], of=self.warehouse):
            id: Key[str]

        class Sold(Event, of=shop):
            id: Key[str]

        class Sell(Command[Sold], of=shop):
            id: Key[str]

        @shop.handles(Sell, sends=Pack if declares else None)
        async def sell(cmd: Sell, tx: Tx) -> Sold:
            tx.send(Pack(id=cmd.id))
            return Sold(id=cmd.id)

        if also:

            @shop.on(sends=Pack)
            async def again(event: Sold) -> None:
                pass

        @self.warehouse.handles(Pack)
        async def pack(cmd: Pack) -> Packed:
            self.seen.append(cmd.id)
            return Packed(id=cmd.id)

        self.Sell, self.Pack = Sell, Pack
        self.app = App(shop, settings=settings, client="web")


@pytest.mark.parametrize("how", ["by its handler", "by another handler"])
async def test_a_command_to_another_app_leaves_with_its_schema(settings: Settings, how: str) -> None:
    """The registry has it before the command is on its topic, so each reader can read it."""
    there = OfAnotherApp(settings, declares=how == "by its handler", also=how == "by another handler")
    async with there.app.running():
        await there.app.send(there.Sell(id="a"))
        await there.app.post(there.Pack(id="b"))
        await there.app.settled(20)
        records = [record async for some in there.app.bus.history(["sends.warehouse.commands"], 0) for record in some]
        schemas = {envelope_from_bytes(record.headers).schema for record in records}
        assert len(records) == 2 and [await there.app.system.registry.find(each) is not None for each in schemas] == [
            True
        ]


async def test_an_undeclared_command_to_another_app_is_refused_to_its_sender(settings: Settings) -> None:
    """Its schema would be published nowhere: the receiver would have a dead letter, or misread a newer revision."""
    there = OfAnotherApp(settings, declares=False)
    async with there.app.running():
        with pytest.raises(DeclarationError, match=r"(?s)Pack belongs to warehouse of another app.*sends=Pack"):
            await there.app.send(there.Sell(id="a"))
        with pytest.raises(DeclarationError, match=r"(?s)Pack belongs to warehouse of another app.*sends=Pack"):
            await there.app.post(there.Pack(id="b"))
        assert await there.app.bus.partitions(["sends.warehouse.commands"]) == {}
