"""An effect keeps its name whatever the name of its function is, and no two handlers share an effect."""

from collections import Counter

import pytest
from tests.waiting import until

from partita import App, Command, Event, Key, Meta, Retry, Service, Settings


class Sender:
    """A service that publishes, and a receiver whose handlers the test declares."""

    def __init__(self) -> None:
        self.source = Service("source", namespace="named.source")
        self.sink = Service("sink", namespace="named.sink", retry=Retry(in_place=0, delays=(0.1,)))

        class Told(Event, of=self.source):
            id: Key[str]
            topic: str

        class Tell(Command[Told], of=self.source):
            id: Key[str]
            topic: str = "t"

        @self.source.handles(Tell)
        async def tell(cmd: Tell) -> Told:
            return Told(id=cmd.id, topic=cmd.topic)

        self.Told, self.Tell = Told, Tell

    def app(self, settings: Settings) -> App:
        """All of it."""
        return App(self.source, self.sink, settings=settings)


async def test_a_renamed_function_has_the_same_effect(settings: Settings) -> None:
    """A deploy renames the function while a message is tried again: the provider must get the same key."""
    keys: list[str] = []
    before, after = Sender(), Sender()
    told, told_again = before.Told, after.Told

    @before.sink.on(concurrency=2)
    async def charge(event: told, meta: Meta) -> None:  # type: ignore[valid-type]
        keys.append(meta.idempotency_key)
        raise ConnectionError("charged, and the answer was lost")

    @after.sink.on(concurrency=2)
    async def charge_card(event: told_again, meta: Meta) -> None:  # type: ignore[valid-type]
        keys.append(meta.idempotency_key)

    async with before.app(settings).running() as system:
        door = system.doors["source"]
        await door.send(before.Tell(id="k"), None)
        await until(lambda: keys)
        await until(lambda: system.pipelines["sink"].failures["retry"])
    tries = len(keys)
    async with after.app(settings).running():
        await until(lambda: len(keys) > tries)
    assert len(set(keys)) == 1


@pytest.mark.parametrize("dedupe", [None, "topic"])
async def test_two_functions_of_one_name_have_two_effects(settings: Settings, dedupe: str | None) -> None:
    """Each begins for each message, with a key of its own; with a business key each takes effect once."""
    sender = Sender()
    told = sender.Told
    keys: list[tuple[str, str]] = []

    def declare(what: str) -> None:
        @sender.sink.on(dedupe_by=dedupe, name=what)
        async def notify(event: told, meta: Meta) -> None:  # type: ignore[valid-type]
            keys.append((what, meta.idempotency_key))

    declare("mail")
    declare("push")
    app = sender.app(settings)
    async with app.running():
        for n in range(2):
            await app.send(sender.Tell(id=f"k{n}"))
        await app.settled()
    times = 1 if dedupe else 2
    assert Counter(what for what, _ in keys) == {"mail": times, "push": times}
    assert len({key for _, key in keys}) == 2 * times


async def test_two_types_of_one_short_name_are_two_effects(settings: Settings) -> None:
    """`Told` of one service and `Told` of another are different messages, also with the same business key."""
    one, two = Sender(), Service("second", namespace="named.second")
    mine = one.Told
    heard: list[str] = []

    class Told(Event, of=two):
        id: Key[str]
        topic: str

    class Tell(Command[Told], of=two):
        id: Key[str]
        topic: str = "t"

    @two.handles(Tell)
    async def tell(cmd: Tell) -> Told:
        return Told(id=cmd.id, topic=cmd.topic)

    @one.sink.on(dedupe_by="topic")
    async def hears(event: mine | Told) -> None:  # type: ignore[valid-type]
        heard.append(type(event).__partita__.full_name)  # type: ignore[attr-defined]

    app = App(one.source, one.sink, two, settings=settings)
    async with app.running():
        for command in (one.Tell(id="a"), Tell(id="a"), one.Tell(id="b"), Tell(id="b")):
            await app.send(command)
        await app.settled()
    assert sorted(heard) == ["named.second.v1.Told", "named.source.v1.Told"]


@pytest.mark.parametrize("concurrency", [1, 4])
async def test_none_names_no_effect(settings: Settings, concurrency: int) -> None:
    """Messages without a business key are distinguished by their ids; those with one are one effect for each key."""
    source = Service("source", namespace="none.source")
    counter = Service("counter", namespace="none.counter")
    keys: list[tuple[int | None, str]] = []

    class Happened(Event, of=source):
        id: Key[str]
        order: int | None = None

    class Happen(Command[Happened], of=source):
        id: Key[str]
        order: int | None = None

    @source.handles(Happen)
    async def happen(cmd: Happen) -> Happened:
        return Happened(id=cmd.id, order=cmd.order)

    @counter.on(dedupe_by="order", concurrency=concurrency)
    async def count(event: Happened, meta: Meta) -> None:
        keys.append((event.order, meta.idempotency_key))

    app = App(source, counter, settings=settings)
    async with app.running():
        for n, order in enumerate((None, 0, None, 0, None, 1)):
            await app.send(Happen(id=f"k{n}", order=order))
        await app.settled()
    # Two handlers that call outside at once might both call, under one key.
    assert len(keys) == 5 or concurrency > 1
    assert Counter(order for order, _ in set(keys)) == {None: 3, 0: 1, 1: 1}
    assert len({key for _, key in keys}) == 5


@pytest.mark.parametrize("concurrency", [1, 4])
async def test_each_try_has_its_number_and_all_of_them_one_key(settings: Settings, concurrency: int) -> None:
    """In the batch, in place and after a retry topic: a handler may use the number to give up, or to call another
    provider."""
    sender = Sender()
    told = sender.Told
    sender.sink.retry = Retry(in_place=2, first_wait_s=0.01, delays=(0.05,))
    tries: list[tuple[int, str]] = []

    @sender.sink.on(concurrency=concurrency)
    async def fails(event: told, meta: Meta) -> None:  # type: ignore[valid-type]
        tries.append((meta.attempt, meta.idempotency_key))
        raise ValueError("not now")

    app = sender.app(settings)
    async with app.running():
        await app.send(sender.Tell(id="k"))
        await app.settled(dead_letters=True)
    assert [number for number, _ in tries] == [1, 2, 3, 4, 5, 6]
    assert len({key for _, key in tries}) == 1
