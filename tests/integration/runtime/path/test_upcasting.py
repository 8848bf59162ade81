"""Messages of an old version, wherever they wait during a deployment, are read as the newest one by its upcasters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.waiting import until

from partita import App, Command, Event, Fault, Key, Meta, Rejection, Retry, Service, Settings, Tx
from partita.catalog.contract import contract_of
from partita.errors import Conflict, DeclarationError
from partita.observability.letters import letters
from partita.operators.editing import propose, supersede
from partita.operators.replaying import Pace, Replay
from partita.store.dead_letters import DeadLetter, LetterFilter

TABLES = "CREATE TABLE IF NOT EXISTS entry (name TEXT NOT NULL, cents BIGINT NOT NULL, currency TEXT NOT NULL);"
NOT_NOW = Retry(delays=(), in_place=0, storm=10**9)
SOON = Retry(delays=(1,), in_place=0, storm=10**9)
Upcast = Callable[[Any], Any]


def _refuse(old: Any) -> Any:
    raise LookupError(f"no rate for {old.total}")


class Deployment:
    """A shop and its books. Version 1 of `Sold` has the total as a text, version 2 in cents, version 3 with its currency. The
    books of version 1 fail while `fails` is true."""

    def __init__(self, data: Path, store: str, version: int, *, retry: Retry = NOT_NOW, **more: Any) -> None:
        self.version, self.fails, self.keys, self.faults = version, more.pop("fails", False), list[str](), list[Any]()
        upcast: Upcast | None = more.pop("upcast", None)
        dedupe_by: str | None = more.pop("dedupe_by", None)
        shop = self.shop = Service("shop", namespace="up.shop")
        books = self.books = Service("books", namespace="up.books", tables=TABLES, retry=retry)
        others = [Service(name, namespace=f"up.{name}", tables=TABLES) for name in more.pop("new_groups", ())]

        class SoldV1(Event, of=shop, name="Sold", version=1):
            number: Key[str]
            total: str

        self.Sold: Any = SoldV1
        if version >= 2:

            class SoldV2(Event, of=shop, name="Sold", version=2):
                number: Key[str]
                cents: int

            def sold_v2(old: SoldV1) -> SoldV2:
                made: SoldV2 = upcast(old) if upcast else SoldV2(number=old.number, cents=round(float(old.total) * 100))
                return made

            self.SoldV1, self.Sold = SoldV1, SoldV2
            shop.upcast(sold_v2)
        if version == 3:

            class Sold(Event, of=shop, version=3):
                number: Key[str]
                cents: int
                currency: str

            self.SoldV2, self.Sold = SoldV2, Sold

            @shop.upcast
            def sold_v3(old: SoldV2) -> Sold:
                return Sold(number=old.number, cents=old.cents, currency="EUR")

        TheEvent: Any = self.Sold

        class Sell(Command[TheEvent], of=shop):
            number: Key[str]
            cents: int

        self.Sell = Sell

        @shop.handles(Sell)
        async def sell(cmd: Sell) -> TheEvent:
            return self.sold(cmd.number, cmd.cents)

        @books.on(dedupe_by=dedupe_by)
        async def record(event: TheEvent, tx: Tx, meta: Meta) -> None:
            self.keys.append(meta.idempotency_key)
            if self.fails:
                raise ValueError("not now")
            assert type(event) is TheEvent
            cents = round(float(event.total) * 100) if version == 1 else event.cents
            currency = event.currency if version == 3 else "none"
            await tx.execute("INSERT INTO entry VALUES (:n, :c, :w)", n=event.number, c=cents, w=currency)

        @books.on
        async def mourn(fault: Fault[TheEvent]) -> None:
            self.faults.append(fault.message)

        for other in others:
            self._count(other)
        self.app = App(shop, books, *others, settings=Settings(data=data, store=store))

    def _count(self, other: Service) -> None:
        TheEvent: Any = self.Sold

        @other.on
        async def count(event: TheEvent, tx: Tx) -> None:
            await tx.execute("INSERT INTO entry VALUES (:n, :c, '')", n=event.number, c=event.cents)

    def sold(self, number: str, cents: int) -> Any:
        """The event as this deployment publishes it."""
        if self.version == 1:
            return self.Sold(number=number, total=f"{cents / 100:.2f}")
        return self.Sold(number=number, cents=cents, **({"currency": "USD"} if self.version == 3 else {}))

    async def entries(self, service: str = "books") -> list[tuple[Any, ...]]:
        """The rows that a service wrote."""
        async with self.app.store(service).reading() as session:
            rows = await session.fetch("SELECT name, cents, currency FROM entry ORDER BY name, cents", {})
            return [tuple(row.values()) for row in rows]

    async def until_entries(self, *wanted: tuple[Any, ...], service: str = "books") -> None:
        """Wait until a service has written these rows, and no others."""

        async def are_there() -> bool:
            assert not await letters(self.app.system.stores, LetterFilter())
            return await self.entries(service) == sorted(wanted)

        await until(are_there)

    async def until_sent(self) -> None:
        """Wait until the relay has sent all messages of the shop."""

        async def is_sent() -> bool:
            async with self.app.store("shop").reading() as session:
                return (await session.outbox.status()).pending == 0

        await until(is_sent)

    async def until_letter(self) -> DeadLetter:
        """Wait until the books have an open dead letter."""

        async def is_there() -> bool:
            return bool(await letters(self.app.system.stores, LetterFilter()))

        await until(is_there)
        (letter,) = await letters(self.app.system.stores, LetterFilter())
        return letter


async def replay(deployed: Deployment) -> None:
    system = deployed.app.system
    job = Replay(deployed.books, system.stores["books"], system.clock, system.ids, "op")
    progress = await job.run((await job.begin(LetterFilter(), Pace(), "mended")).id)
    assert (progress.handled, progress.failed) == (1, 0)


@pytest.mark.parametrize("roles", [(), ("relay",)], ids=["outbox", "topic"])
async def test_old_messages_that_wait_to_be_sent_or_read_are_read_as_the_newest(
    tmp_path: Path, store: str, roles: tuple[str, ...]
) -> None:
    """The old process was stopped before it had sent them, or before the books had read them."""
    old = Deployment(tmp_path, store, 1)
    async with old.app.running(roles=roles):
        for number in ("a", "b"):
            await old.app.send(old.Sell(number=number, cents=1250))
        if roles:
            await old.until_sent()

    new = Deployment(tmp_path, store, 3)
    async with new.app.running():
        await new.app.send(new.Sell(number="c", cents=99))
        await new.until_entries(("a", 1250, "EUR"), ("b", 1250, "EUR"), ("c", 99, "USD"))
        assert await letters(new.app.system.stores, LetterFilter()) == []


async def test_an_old_message_in_the_parking_is_tried_again_as_the_newest(tmp_path: Path, store: str) -> None:
    """It waits in a retry topic and in the parking; a message of its key waits behind it."""
    old = Deployment(tmp_path, store, 1, retry=SOON, fails=True)
    async with old.app.running():
        await old.app.send(old.Sell(number="a", cents=100))
        await old.app.send(old.Sell(number="a", cents=200))

        async def waits() -> bool:
            async with old.app.store("books").reading() as session:
                status = await session.parking.status("books")
                return status.waiting + status.ready == 1 and status.behind == 1

        await until(waits)

    new = Deployment(tmp_path, store, 2, retry=SOON)
    async with new.app.running():
        await new.until_entries(("a", 100, "none"), ("a", 200, "none"))


async def test_an_old_dead_letter_is_replayed_edited_and_told_of_as_the_newest(tmp_path: Path, store: str) -> None:
    """Its bytes stay those of its writer: an edit changes fields of the old shape."""
    old = Deployment(tmp_path, store, 1, fails=True)
    async with old.app.running(roles=("relay",)):
        await old.app.send(old.Sell(number="a", cents=100))
        await old.until_sent()
    async with old.app.running(roles=("consumers",)):  # so its fault is still in the outbox
        letter = await old.until_letter()

    new = Deployment(tmp_path, store, 3)
    async with new.app.running(roles=()) as system:
        edited = await propose(system.stores, system.pipelines, system.ids, letter.id, {"total": "7.50"}, whole=False)
        assert edited.changes == (("total", "1.00", "7.50"),)
        await supersede(system.pipelines["books"], letter, edited.copy, actor="op", reason="a wrong price")
    async with new.app.running():
        await replay(new)
        await new.until_entries(("a", 750, "EUR"))
        await until(lambda: bool(new.faults))
        assert new.faults == [new.Sold(number="a", cents=100, currency="EUR")]


async def test_a_new_group_reads_a_log_of_all_versions_as_the_newest(tmp_path: Path, store: str) -> None:
    """A projection that is built later reads the log from its beginning."""
    for version in (1, 2):
        deployed = Deployment(tmp_path, store, version)
        async with deployed.app.running():
            await deployed.app.send(deployed.Sell(number=f"v{version}", cents=version))
            await deployed.app.settled(20)

    new = Deployment(tmp_path, store, 3, new_groups=("stats",))
    async with new.app.running():
        await new.app.send(new.Sell(number="v3", cents=3))
        await new.until_entries(("v1", 1, ""), ("v2", 2, ""), ("v3", 3, ""), service="stats")


async def test_an_upcaster_that_raises_makes_a_dead_letter_and_a_mended_one_reads_it(
    tmp_path: Path, store: str
) -> None:
    """The letter has the bytes that came and says which upcaster failed; the message is not tried again and again."""
    old = Deployment(tmp_path, store, 1)
    async with old.app.running(roles=("relay",)):
        await old.app.send(old.Sell(number="a", cents=100))
    broken = Deployment(tmp_path, store, 2, upcast=_refuse)
    async with broken.app.running():
        letter = await broken.until_letter()
        assert letter.cause_type == "UpcastFailed"
        assert "up.shop.v1.Sold cannot become up.shop.v2.Sold" in letter.cause
        assert "sold_v2" in letter.cause and "no rate for 1.00" in letter.cause
        assert letter.type == "up.shop.v1.Sold" and b"1.00" in letter.value
        assert broken.keys == []

    mended = Deployment(tmp_path, store, 3)
    async with mended.app.running():
        await replay(mended)
        await mended.until_entries(("a", 100, "EUR"))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda new: new.Sold(number="a", cents="many"), "made no valid SoldV2"),
        (lambda new: new.Sold(number="b", cents=1), "the key 'a' became 'b'"),
        (lambda new: new.SoldV1(number="a", total="1"), "returned SoldV1, and not SoldV2"),
        (lambda new: None, "returned NoneType, and not SoldV2"),
    ],
    ids=["a wrong type", "another key", "the old message", "nothing"],
)
async def test_a_result_that_could_not_have_been_sent_is_never_handled(
    tmp_path: Path, wrong: Callable[[Any], Any], said: str
) -> None:
    """A class checks no types when it is made: the handler would have got a text for a number, or another order's key."""
    old = Deployment(tmp_path, "", 1)
    async with old.app.running(roles=()):
        await old.app.send(old.Sell(number="a", cents=100))
    new: Deployment = Deployment(tmp_path, "", 2, upcast=lambda old: wrong(new))
    async with new.app.running():
        letter = await new.until_letter()
        assert said in letter.cause, letter.cause
        assert new.keys == []


async def test_one_effect_in_two_versions_happens_once(tmp_path: Path, store: str) -> None:
    """A business key and a provider's idempotency key name the message in all its versions."""
    old = Deployment(tmp_path, store, 1, dedupe_by="number")
    async with old.app.running():
        await old.app.send(old.Sell(number="a", cents=100))
        await old.until_entries(("a", 100, "none"))

    new = Deployment(tmp_path, store, 2, dedupe_by="number")
    async with new.app.running():
        await new.app.send(new.Sell(number="a", cents=100))
        await new.app.send(new.Sell(number="b", cents=1))
        await new.until_entries(("a", 100, "none"), ("b", 1, "none"))
    assert old.keys[0].replace("/a", "/b") == new.keys[0] == "books/up.shop.Sold/up.shop.Sold/b"


async def test_a_version_that_a_group_does_not_know_is_kept_and_not_skipped(tmp_path: Path) -> None:
    """A process of before runs beside new ones during a deployment: it would have passed over the new event for ever."""
    new = Deployment(tmp_path, "", 2)
    async with new.app.running(roles=()):
        await new.app.send(new.Sell(number="a", cents=100))
    old = Deployment(tmp_path, "", 1)
    async with old.app.running():
        letter = await old.until_letter()
        assert letter.cause_type == "UnknownType" and letter.type == "up.shop.v2.Sold"


async def test_an_old_shape_cannot_be_sent(tmp_path: Path) -> None:
    """Old processes would read it, but a message has one newest form."""
    new = Deployment(tmp_path, "", 2)
    async with new.app.running(roles=()):
        composer = new.app.system.pipelines["shop"].admission.letters.composer
        with pytest.raises(DeclarationError, match="SoldV1 is an old shape of SoldV2"):
            composer.compose(
                contract_of(new.SoldV1), new.SoldV1(number="a", total="1"), kind="event", cause=None, now_us=1
            )


class Desk:
    """A service whose command has a version 2, with a refusal that it shares with version 1."""

    def __init__(self, data: Path, store: str, version: int) -> None:
        desk = Service("desk", namespace="up.desk")
        self.calls = list[Any]()

        class Booked(Event, of=desk):
            number: Key[str]

        class Full(Rejection):
            seats: int

        class BookV1(Command[Booked, Full], of=desk, name="Book", version=1):
            number: Key[str]
            seats: str

        self.Book: Any = BookV1
        self.Full = Full
        if version == 2:

            class Book(Command[Booked, Full], of=desk, version=2):
                number: Key[str]
                seats: int

            self.Book = Book

            @desk.upcast
            def book_v2(old: BookV1) -> Book:
                return Book(number=old.number, seats=int(old.seats))

        TheCommand: Any = self.Book

        @desk.handles(TheCommand)
        async def book(cmd: TheCommand) -> Booked:
            self.calls.append(cmd)
            if int(cmd.seats) > 9:
                raise Full(seats=9)
            return Booked(number=cmd.number)

        self.app = App(desk, settings=Settings(data=data, store=store), client="till")


async def test_a_request_that_is_sent_again_as_a_newer_version_is_the_same_request(tmp_path: Path, store: str) -> None:
    """Its sender crashed, was upgraded, and sends it again under its idempotency key."""
    old = Desk(tmp_path, store, 1)
    async with old.app.running():
        await old.app.send(old.Book(number="a", seats="2"), idempotency_key="k")
    new = Desk(tmp_path, store, 2)
    async with new.app.running():
        reply = await new.app.send(new.Book(number="a", seats=2), idempotency_key="k")
        assert reply.number == "a"
        with pytest.raises(Conflict):
            await new.app.send(new.Book(number="a", seats=3), idempotency_key="k")
        with pytest.raises(new.Full):
            await new.app.send(new.Book(number="b", seats=10))
    assert len(old.calls) == 1 and [each.number for each in new.calls] == ["b"]
    assert new.Full.__partita__.full_name == "up.desk.v1.Full"


async def test_a_posted_command_of_the_old_version_is_handled_as_the_newest(tmp_path: Path, store: str) -> None:
    """It waits in the outbox of a client, and its id follows from its idempotency key in every version."""
    old = Desk(tmp_path, store, 1)
    async with old.app.running(roles=()):
        first = await old.app.post(old.Book(number="a", seats="2"), idempotency_key="k")
    new = Desk(tmp_path, store, 2)
    async with new.app.running():
        assert await new.app.post(new.Book(number="a", seats=2), idempotency_key="k") == first
        await new.app.settled(20)
    assert [(type(each), each.seats) for each in new.calls] == [(new.Book, 2)]
