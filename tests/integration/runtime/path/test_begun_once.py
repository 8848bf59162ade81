"""In a batch without a failure each handler begins once, so each of its calls outside is made once."""

import asyncio
from collections import Counter
from typing import Any

from tests.waiting import until

from partita import App, Command, Event, Key, Meta, Rejection, Retry, Service, Settings, Tx

TABLES = "CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY, n BIGINT NOT NULL);"
ADD = "INSERT INTO seen VALUES (:id, 1) ON CONFLICT (id) DO UPDATE SET n = seen.n + 1"
N = 12


class Counted:
    """A sender and a receiver whose handlers, one of each kind, count how often they began."""

    def __init__(self, settings: Settings) -> None:
        source = Service("source", namespace="begun.source", tables=TABLES)
        sink = self.sink = Service("sink", namespace="begun.sink", tables=TABLES, retry=Retry(delays=()))
        begun = self.begun = Counter[tuple[str, str]]()

        class Told(Event, of=source):
            id: Key[str]

        class No(Rejection):
            id: str

        class Tell(Command[Told, No], of=source):
            id: Key[str]
            refused: bool = False

        @source.handles(Tell)
        async def tell(cmd: Tell, tx: Tx) -> Told:
            begun["writes, then may refuse", cmd.id] += 1
            await tx.execute(ADD, id=cmd.id)
            if cmd.refused:
                raise No(id=cmd.id)
            return Told(id=cmd.id)

        @sink.on(name="outside")
        async def outside(event: Told, meta: Meta) -> None:
            await asyncio.to_thread(begun.update, [("calls outside", event.id)])

        @sink.on(name="waits")
        async def waits(event: Told) -> None:
            begun["waits", event.id] += 1
            async with asyncio.timeout(60):
                await asyncio.sleep(0)

        @sink.on(name="two")
        async def two(event: Told, tx: Tx) -> None:
            begun["two statements", event.id] += 1
            await tx.execute(ADD, id=event.id)
            await tx.execute(ADD, id=event.id)

        @sink.on(name="one")
        async def one(event: Told, tx: Tx) -> None:
            begun["one statement", event.id] += 1
            await tx.execute(ADD, id=event.id)

        @sink.on(name="passes")
        async def passes(event: Told, tx: Tx) -> None:
            begun["passes it on", event.id] += 1
            await add(tx, event.id)

        @sink.on(name="plain")
        def plain(event: Told) -> None:
            begun["a plain function", event.id] += 1

        @sink.on(name="none")
        async def none(event: Told) -> None:
            begun["awaits nothing", event.id] += 1

        async def add(tx: Tx, id_: str) -> None:
            await tx.execute(ADD, id=id_)

        names = ["calls outside", "waits", "two statements", "one statement", "passes it on", "a plain function"]
        self.kinds = [*names, "awaits nothing"]
        self.Tell, self.No = Tell, No
        self.app = App(source, sink, settings=settings)


async def test_each_handler_begins_once_for_each_message(settings: Settings) -> None:
    """Also for the first message of a process: no handler is run to find out."""
    counted = Counted(settings)
    async with counted.app.running():
        await asyncio.gather(*(counted.app.send(counted.Tell(id=f"k{n}")) for n in range(N)))
        await counted.app.settled()
        async with counted.app.store("sink").reading() as session:
            rows = await session.fetch("SELECT id, n FROM seen", {})
    ids = [f"k{n}" for n in range(N)]
    assert {row["id"]: row["n"] for row in rows} == dict.fromkeys(ids, 4)
    expected = {(kind, id_): 1 for kind in (*counted.kinds, "writes, then may refuse") for id_ in ids}
    assert counted.begun == expected


async def test_a_refusal_after_a_write_begins_nothing_again(settings: Settings) -> None:
    """A refusal is an answer and not a failure: its own writes are undone, and no other message of its batch is
    affected."""
    counted = Counted(settings)
    async with counted.app.running():
        sends = [counted.app.send(counted.Tell(id=f"k{n}", refused=n % 3 == 0)) for n in range(N)]
        answers = await asyncio.gather(*sends, return_exceptions=True)
        async with counted.app.store("source").reading() as session:
            rows = await session.fetch("SELECT id FROM seen", {})
    assert [isinstance(answer, counted.No) for answer in answers] == [n % 3 == 0 for n in range(N)]
    assert {row["id"] for row in rows} == {f"k{n}" for n in range(N) if n % 3}
    told = {id_: n for (kind, id_), n in counted.begun.items() if kind == "writes, then may refuse"}
    assert told == {f"k{n}": 1 for n in range(N)}


async def test_what_stands_behind_a_parked_message_of_its_key_begins_nothing_again(settings: Settings) -> None:
    """A service handles its own event. While an earlier one of its key is a dead letter, the later one waits behind
    it, by the bus: if it were handled at once and then refused, the whole batch would begin again."""
    begun: Counter[str] = Counter()
    own = Service("own", namespace="begun.own", retry=Retry(in_place=0, delays=()))
    other = Service("other", namespace="begun.other")

    class Asked(Event, of=other):
        id: Key[str]

    class Ask(Command[Asked], of=other):
        id: Key[str]

    class Noted(Event, of=own):
        key: Key[str]
        id: str

    @other.handles(Ask)
    async def ask(cmd: Ask) -> Asked:
        return Asked(id=cmd.id)

    @own.on
    async def note(event: Asked) -> Noted:
        begun[event.id] += 1
        return Noted(key="k", id=event.id)

    @own.on
    async def noted(event: Noted) -> None:
        if event.id == "bad":
            raise ValueError("cannot note it")

    app = App(own, other, settings=settings)
    async with app.running():
        await app.send(Ask(id="bad"))
        await until(lambda: _parked(app, "dead"))
        begun.clear()
        await app.send(Ask(id="good"))
        await until(lambda: _parked(app, "behind"))
    assert begun == {"good": 1}


async def _parked(app: App, state: str) -> bool:
    async with app.store("own").reading() as session:
        rows: Any = await session.fetch("SELECT message_id FROM parked WHERE state = :state", {"state": state})
    return bool(rows)
