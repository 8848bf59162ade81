"""A handler that sends a command and waits for the answer: refused if it would wait for itself, or be done again."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.integration.runtime.failing.test_users_code import ADD, TABLES

from partita import App, Command, Event, Key, Meta, Retry, Service, Settings, Tx
from partita.errors import NoTransaction, WithinHandler

PATIENCE_S = 60.0
Ask = Callable[["Pair", Any, Tx, Meta], Awaitable[object]]


@dataclass
class Pair:
    """Two services; the handler of `Do` does what a test sets."""

    settings: Settings
    concurrency: int = 1
    ask: Ask | None = None
    done: list[str] = field(default_factory=list)
    tasks: list[asyncio.Task[Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        here = Service("here", namespace="within.here", tables=TABLES, retry=Retry(in_place=0, delays=()))
        there = Service("there", namespace="within.there", tables=TABLES)

        class Did(Event, of=here):
            id: Key[str]

        class Do(Command[Did], of=here):
            id: Key[str]

        class Other(Command[Did], of=here):
            id: Key[str]

        class Went(Event, of=there):
            id: Key[str]

        class Go(Command[Went], of=there):
            id: Key[str]

        @here.handles(Do, concurrency=self.concurrency)
        async def do(cmd: Do, tx: Tx, meta: Meta) -> Did:
            assert self.ask is not None
            await self.ask(self, cmd, tx, meta)
            return Did(id=cmd.id)

        @here.handles(Other)
        async def other(cmd: Other) -> Did:
            self.done.append(f"other {cmd.id}")
            return Did(id=cmd.id)

        @there.handles(Go)
        async def go(cmd: Go) -> Went:
            self.done.append(f"go {cmd.id}")
            return Went(id=cmd.id)

        self.Do, self.Other, self.Go = Do, Other, Go
        self.app = App(here, there, settings=self.settings)

    async def outcome(self, id_: str = "1") -> Any:
        """The outcome of a `Do`."""
        async with asyncio.timeout(PATIENCE_S):
            return (await asyncio.gather(self.app.send(self.Do(id=id_)), return_exceptions=True))[0]


async def awaited(pair: Pair, cmd: Any, tx: Tx, meta: Meta) -> None:
    """In the handler itself."""
    await pair.app.send(pair.Other(id=cmd.id))


async def gathered(pair: Pair, cmd: Any, tx: Tx, meta: Meta) -> None:
    """In a task that it awaits."""
    await asyncio.gather(pair.app.send(pair.Other(id=cmd.id)))


async def limited(pair: Pair, cmd: Any, tx: Tx, meta: Meta) -> None:
    """In a task, with a time limit that would hide the error."""
    await asyncio.wait_for(pair.app.send(pair.Other(id=cmd.id)), PATIENCE_S)


async def grandchild(pair: Pair, cmd: Any, tx: Tx, meta: Meta) -> None:
    """In a task of a task."""

    async def inner() -> None:
        await asyncio.create_task(awaited(pair, cmd, tx, meta))

    await asyncio.create_task(inner())


async def from_a_thread(pair: Pair, cmd: Any, tx: Tx, meta: Meta) -> None:
    """Through a thread that waits for the loop."""
    loop = asyncio.get_running_loop()
    ask = asyncio.run_coroutine_threadsafe
    await asyncio.to_thread(lambda: ask(pair.app.send(pair.Other(id=cmd.id)), loop).result(PATIENCE_S))


async def keyed(pair: Pair, cmd: Any, tx: Tx, meta: Meta) -> None:
    """A key makes it one command, but the wait is the same."""
    await pair.app.send(pair.Other(id=cmd.id), idempotency_key=meta.idempotency_key)


async def settling(pair: Pair, cmd: Any, tx: Tx, meta: Meta) -> None:
    """It waits until no work is left, itself included."""
    await pair.app.settled()


@pytest.mark.parametrize("concurrency", [1, 2])
@pytest.mark.parametrize("ask", [awaited, gathered, limited, grandchild, from_a_thread, keyed, settling])
async def test_what_would_wait_for_the_handler_itself_is_refused_at_once(
    settings: Settings, ask: Ask, concurrency: int
) -> None:
    """The answer would wait for the transaction that the handler holds, and all other senders would wait behind the
    two."""
    pair = Pair(settings, concurrency, ask)
    async with pair.app.running():
        first, innocent = await asyncio.gather(pair.outcome(), pair.app.send(pair.Other(id="innocent")))
    assert isinstance(first, WithinHandler) and "do of here" in first.what, first
    assert ask is settling or "tx.send" in first.hint
    assert (innocent.id, pair.done) == ("innocent", ["other innocent"])


async def to_another(pair: Pair, cmd: Any, tx: Tx, meta: Meta) -> None:
    """To another service, without a key."""
    await pair.app.send(pair.Go(id=cmd.id))


async def to_another_keyed(pair: Pair, cmd: Any, tx: Tx, meta: Meta) -> None:
    """Under a key that is the same for each try."""
    await pair.app.send(pair.Go(id=cmd.id), idempotency_key=meta.idempotency_key)
    await tx.execute(ADD, id=cmd.id)


async def to_another_with_its_transaction_open(pair: Pair, cmd: Any, tx: Tx, meta: Meta) -> None:
    """The receiver may have to wait for that transaction."""
    await tx.execute(ADD, id=cmd.id)
    await pair.app.send(pair.Go(id=cmd.id), idempotency_key=meta.idempotency_key)


@pytest.mark.parametrize(
    ("ask", "concurrency", "goes"),
    [
        (to_another, 1, False),
        (to_another_keyed, 1, False),
        (to_another, 2, False),
        (to_another_with_its_transaction_open, 2, False),
        (to_another_keyed, 2, True),
    ],
)
async def test_a_command_to_another_service_goes_where_no_lock_is_held_and_a_repeat_is_the_same(
    settings: Settings, ask: Ask, concurrency: int, goes: bool
) -> None:
    """A handler without `concurrency` shares its transaction with a batch, which may run again: each run would send
    another command, committed elsewhere."""
    pair = Pair(settings, concurrency, ask)
    async with pair.app.running():
        outcome = await pair.outcome()
    assert isinstance(outcome, WithinHandler) is not goes, outcome
    assert pair.done == (["go 1"] if goes else [])


async def test_no_transaction_is_opened_while_a_send_waits(settings: Settings) -> None:
    """Two handlers that send to each other's service, and open their transactions meanwhile, would wait for each
    other."""

    async def both(pair: Pair, cmd: Any, tx: Tx, meta: Meta) -> None:
        sent = asyncio.create_task(pair.app.send(pair.Go(id=cmd.id), idempotency_key=meta.idempotency_key))
        await asyncio.sleep(0)
        try:
            await tx.execute(ADD, id=cmd.id)
        finally:
            await sent

    pair = Pair(settings, 2, both)
    async with pair.app.running():
        outcome = await pair.outcome()
    assert isinstance(outcome, WithinHandler) and "waits for its answer" in outcome.what, outcome
    assert not isinstance(outcome, NoTransaction)


async def test_a_task_that_outlives_its_handler_sends_as_everybody_does(settings: Settings) -> None:
    """The handler does not wait for this task: it is not part of the handler any more."""
    go_on = asyncio.Event()

    async def later(pair: Pair, cmd: Any) -> Any:
        await go_on.wait()
        return await pair.app.send(pair.Other(id=cmd.id))

    async def begin(pair: Pair, cmd: Any, tx: Tx, meta: Meta) -> None:
        pair.tasks.append(asyncio.create_task(later(pair, cmd)))

    pair = Pair(settings, 1, begin)
    async with pair.app.running():
        await pair.outcome()
        go_on.set()
        async with asyncio.timeout(PATIENCE_S):
            assert (await pair.tasks[0]).id == "1"
    assert pair.done == ["other 1"]


async def test_a_plain_function_is_a_handler_as_well(settings: Settings) -> None:
    """It runs in a thread, while the transaction of the batch is open."""
    here = Service("here", namespace="within.plain", retry=Retry(in_place=0, delays=()))
    loop = asyncio.get_running_loop()

    class Did(Event, of=here):
        id: Key[str]

    class Do(Command[Did], of=here):
        id: Key[str]

    class Other(Command[Did], of=here):
        id: Key[str]

    @here.handles(Do)
    def do(cmd: Do) -> Did:
        asyncio.run_coroutine_threadsafe(app.send(Other(id=cmd.id)), loop).result(PATIENCE_S)
        return Did(id=cmd.id)

    @here.handles(Other)
    async def other(cmd: Other) -> Did:
        return Did(id=cmd.id)

    app = App(here, settings=settings)
    async with app.running(), asyncio.timeout(PATIENCE_S):
        with pytest.raises(WithinHandler):
            await app.send(Do(id="1"))


async def test_a_task_begun_in_a_wave_is_known_until_its_handler_has_ended(settings: Settings) -> None:
    """Handlers of one statement run side by side: each is recognised by its own context, as long as it runs."""
    here = Service("here", namespace="within.wave", tables=TABLES)
    tasks: list[asyncio.Task[Any]] = []
    go_on = asyncio.Event()

    class Did(Event, of=here):
        id: Key[str]

    class Do(Command[Did], of=here):
        id: Key[str]

    class Other(Command[Did], of=here):
        id: Key[str]

    async def later(id_: str) -> Any:
        await go_on.wait()
        return await app.send(Other(id=id_))

    @here.handles(Do)
    async def do(cmd: Do, tx: Tx) -> Did:
        tasks.append(asyncio.create_task(later(cmd.id)))
        await tx.execute("INSERT INTO seen VALUES (:id)", id=cmd.id)
        return Did(id=cmd.id)

    @here.handles(Other)
    async def other(cmd: Other) -> Did:
        return Did(id=cmd.id)

    app = App(here, settings=settings)
    async with app.running(), asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*(app.send(Do(id=str(n))) for n in range(5)))
        go_on.set()
        assert [each.id for each in await asyncio.gather(*tasks)] == [str(n) for n in range(5)]
