"""Any exception of the user's code is a failed try of its message: it ends no worker, no door, and no other handler."""

import asyncio
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Annotated, Any

import pytest
from tests.waiting import until

from partita import App, Command, Depends, Event, Key, Retry, Saga, Service, Settings, Tx, seconds, step

TABLES = "CREATE TABLE IF NOT EXISTS seen (id TEXT NOT NULL);"
ADD = "INSERT INTO seen VALUES (:id)"
HANDLED: ContextVar[str] = ContextVar("HANDLED", default="")


class Texts(Exception):
    """An exception whose text cannot be read."""

    def __init__(self, how: str) -> None:
        self.how = how

    def __str__(self) -> str:
        match self.how:
            case "raises":
                raise RuntimeError("no text")
            case "exits":
                raise SystemExit(3)
            case "recursion":
                return str(self)
            case "no text":
                return None  # type: ignore[return-value]
            case "surrogate":
                return "half a character: \ud800, and \0 a NUL"
            case _:
                return "x" * 5_000_000

    def __repr__(self) -> str:
        raise RuntimeError("no repr")


def recursion() -> None:
    """Without an end."""
    recursion()


def raising(error: BaseException) -> Callable[[], None]:
    """A handler that raises this exception."""

    def raise_it() -> None:
        raise error

    return raise_it


def cancel_own_task() -> None:
    """A call that no library should make."""
    task = asyncio.current_task()
    assert task is not None
    task.cancel()


RAISES: dict[str, Callable[[], None]] = {
    "CancelledError": raising(asyncio.CancelledError()),
    "KeyboardInterrupt": raising(KeyboardInterrupt()),
    "GeneratorExit": raising(GeneratorExit()),
    "SystemExit": raising(SystemExit(3)),
    "StopIteration": raising(StopIteration()),
    "StopAsyncIteration": raising(StopAsyncIteration()),
    "BaseException": raising(BaseException("of its own kind")),
    "group": raising(ExceptionGroup("two", [ValueError("one"), ExceptionGroup("inner", [KeyError("two")])])),
    "base group": raising(BaseExceptionGroup("two", [asyncio.CancelledError(), SystemExit(1)])),
    "recursion": recursion,
    "own task": cancel_own_task,
    **{f"text {how}": raising(Texts(how)) for how in ("raises", "exits", "recursion", "no text", "surrogate", "long")},
}
KINDS = ["one statement", "two statements", "plain", "outside", "depends", "after"]


class Trouble:
    """A sender, and a receiver with a handler of some kind; the id of a message says how its handler behaves."""

    def __init__(self, settings: Settings, kind: str, does: Mapping[str, Callable[[], None]]) -> None:
        source = Service("source", namespace="trouble.source", tables=TABLES)
        self.sink = Service("sink", namespace="trouble.sink", tables=TABLES, retry=Retry(in_place=1, delays=()))
        self.tried: list[str] = []
        self.does = does

        class Told(Event, of=source):
            id: Key[str]

        class Tell(Command[Told], of=source):
            id: Key[str]

        @source.handles(Tell)
        async def tell(cmd: Tell) -> Told:
            return Told(id=cmd.id)

        (self.plainly if kind in ("one statement", "after", "plain") else self.at_length)(kind, Told)
        self.Tell = Tell
        self.app = App(source, self.sink, settings=settings)

    def fails(self, event: Any) -> None:
        """Fail for some messages."""
        self.tried.append(event.id)
        if event.id in self.does:
            self.does[event.id]()

    def plainly(self, kind: str, told: Any) -> None:
        """Handlers that await only a statement."""

        async def one(event: told, tx: Tx) -> None:
            self.fails(event)
            await tx.execute(ADD, id=event.id)

        async def after(event: told, tx: Tx) -> None:
            await tx.execute(ADD, id=event.id)
            self.fails(event)

        def plain(event: told) -> None:
            self.fails(event)

        kinds: dict[str, Callable[..., Any]] = {"one statement": one, "after": after, "plain": plain}
        self.sink.on(kinds[kind])

    def at_length(self, kind: str, told: Any) -> None:
        """Handlers that await more, and one whose dependency fails when it is closed."""

        async def longer(event: told, tx: Tx) -> None:
            await tx.execute(ADD, id=event.id)
            await asyncio.sleep(0)
            self.fails(event)
            await asyncio.sleep(0)
            await tx.fetch_all("SELECT 1")

        def provider() -> Any:
            yield None
            if HANDLED.get() in self.does:
                self.does[HANDLED.get()]()

        async def depends(event: told, tx: Tx, _: Annotated[Any, Depends(provider)]) -> None:
            HANDLED.set(event.id)
            self.tried.append(event.id)
            await tx.execute(ADD, id=event.id)

        self.sink.on(concurrency=2 if kind == "outside" else 1)(depends if kind == "depends" else longer)

    async def letters(self) -> list[Any]:
        """The dead letters of the receiver."""
        async with self.app.store("sink").reading() as session:
            return list(await session.fetch("SELECT key, cause_type, cause, stack, attempts FROM dead_letter", {}))


@pytest.mark.parametrize("kind", KINDS)
async def test_what_a_handler_raises_is_a_failed_try(settings: Settings, kind: str) -> None:
    """It is tried again, becomes a dead letter with a cause that is stored, and the others are handled."""
    # A plain function has no task.
    raises = {name: what for name, what in RAISES.items() if (kind, name) != ("plain", "own task")}
    trouble = Trouble(settings, kind, raises)
    async with trouble.app.running() as system:
        for name in raises:
            keys = (f"before {name}", name, f"after {name}")
            await asyncio.gather(*(trouble.app.send(trouble.Tell(id=key)) for key in keys))

        async def all_died() -> bool:
            return len(await trouble.letters()) == len(raises)

        await until(all_died)
        await trouble.app.send(trouble.Tell(id="last"))
        await trouble.app.settled(dead_letters=True)
        assert not system.supervisor.failures()
        letters = {letter["key"]: letter for letter in await trouble.letters()}
    others = {f"{when} {name}" for name in raises for when in ("before", "after")}
    assert others | {"last"} <= set(trouble.tried)
    assert letters.keys() == raises.keys()
    for name, letter in letters.items():
        assert letter["cause_type"] in cause_types(name), name
        assert letter["stack"] and len(letter["cause"]) < 1_100, name
        assert letter["attempts"] == (1 if name == "recursion" else 2), name


def cause_types(name: str) -> tuple[str, ...]:
    """The possible names of the error in a dead letter."""
    expected = {"own task": "CancelledError", "group": "ExceptionGroup", "base group": "BaseExceptionGroup"}
    expected |= {"recursion": "RecursionError"}
    found = "Texts" if name.startswith("text") else expected.get(name, name)
    # A coroutine and a generator cannot raise a StopIteration: Python makes a RuntimeError of it.
    return (found, "RuntimeError") if name.startswith("Stop") else (found,)


async def test_what_a_handler_raises_at_the_door_is_told_to_the_caller(settings: Settings) -> None:
    """As an exception, which ends neither the caller's task nor the door."""
    own = Service("own", namespace="trouble.door", tables=TABLES)

    class Done(Event, of=own):
        id: Key[str]

    class Do(Command[Done], of=own):
        id: Key[str]

    @own.handles(Do)
    async def handler(cmd: Do, tx: Tx) -> Done:
        await tx.execute(ADD, id=cmd.id)
        if cmd.id in RAISES:
            RAISES[cmd.id]()
            await asyncio.sleep(0)
        return Done(id=cmd.id)

    app = App(own, settings=settings)
    async with app.running() as system, asyncio.timeout(60):
        for what in RAISES:
            keys = (f"before {what}", what, f"after {what}")
            answers = await asyncio.gather(*(app.send(Do(id=key)) for key in keys), return_exceptions=True)
            assert answers[0] == Done(id=keys[0]) and answers[2] == Done(id=keys[2]), what
            assert isinstance(answers[1], Exception), what
            assert not system.supervisor.failures(), what
        async with app.store("own").reading() as session:
            rows = await session.fetch("SELECT id FROM seen", {})
    assert sorted(row["id"] for row in rows) == sorted(
        f"{when} {what}" for what in RAISES for when in ("before", "after")
    )


@pytest.mark.parametrize("hook", ["command", "policy"])
async def test_what_a_hook_raises_is_a_failed_try(settings: Settings, hook: str) -> None:
    """A saga's filling function or a retry policy runs in the worker itself."""
    policy: Any = (lambda error, counters, message: RAISES[message.id]()) if hook == "policy" else None
    own = Service("own", namespace="trouble.hooks", retry=Retry(in_place=0, delays=(), policy=policy))

    class Asked(Event, of=own):
        id: Key[str]

    class Given(Event, of=own):
        id: Key[str]

    class Back(Event, of=own):
        id: Key[str]

    class Ask(Command[Asked], of=own):
        id: Key[str]

    class Give(Command[Given], of=own):
        id: Key[str]

    class TakeBack(Command[Back], of=own):
        id: Key[str]

    class Undone(Event, of=own):
        id: Key[str]
        reason: str

    class Giving(Saga, start=Asked, deadline=seconds(600), undone=Undone, of=own):
        give = step(Give, undo=TakeBack, timeout=seconds(300))

        @give.command
        def _(self) -> Give:
            if hook == "command" and self.start.id in RAISES:
                RAISES[self.start.id]()
            return Give(id=self.start.id)

    @own.handles(Ask)
    async def ask(cmd: Ask) -> Asked:
        return Asked(id=cmd.id)

    @own.handles(Give)
    async def give(cmd: Give) -> Given:
        if hook == "policy" and cmd.id in RAISES:
            raise ValueError("asks the policy")
        return Given(id=cmd.id)

    @own.handles(TakeBack)
    async def take_back(cmd: TakeBack) -> Back:
        return Back(id=cmd.id)

    app = App(own, settings=settings)
    raises = ("CancelledError", "SystemExit", "StopIteration", "text raises", "text surrogate")

    async def all_set_aside() -> bool:
        async with app.store("own").reading() as session:
            return len(await session.fetch("SELECT cause FROM dead_letter", {})) == len(raises)

    async def others_completed() -> bool:
        async with app.store("own").reading() as session:
            return len(await session.sagas.find(status="completed", limit=99)) == 2 * len(raises)

    async with app.running() as system:
        for what in raises:
            for key in (f"before {what}", what, f"after {what}"):
                await app.send(Ask(id=key))
        await until(all_set_aside)
        await until(others_completed)
        assert not system.supervisor.failures()


async def test_a_cancelled_worker_is_told_and_started_again(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """Any cancellation of its task: without a new task the service does nothing, and looks healthy."""
    trouble = Trouble(settings, "one statement", {})
    async with trouble.app.running() as system:
        names = {wakeable.worker.name for wakeable in system.supervisor.workers}
        await trouble.app.send(trouble.Tell(id="a"))
        for task in asyncio.all_tasks():
            if getattr(task.get_coro(), "__qualname__", "") == "Supervisor._run":
                task.cancel()
        await asyncio.sleep(0)
        await trouble.app.send(trouble.Tell(id="b"))

        await trouble.app.settled(60)
        # A cancelled worker's records in hand were rolled back, and are tried again.
        assert sorted({*trouble.tried}) == ["a", "b"], trouble.tried
    told = {record.args[0] for record in caplog.records if "is started again" in record.msg and record.args}
    assert names <= told


async def test_a_message_in_a_cancelled_lane_is_handled_all_the_same(settings: Settings) -> None:
    """Records that the bus returns once must not be lost with the task that holds them."""
    begun = asyncio.Event()
    trouble = Trouble(settings, "outside", {"bad": begun.set})
    async with trouble.app.running():
        sending = asyncio.create_task(trouble.app.send(trouble.Tell(id="bad")))
        await begun.wait()
        for task in asyncio.all_tasks():
            if task.get_name().startswith("lane "):
                task.cancel()
        await sending
        await trouble.app.settled()
        async with trouble.app.store("sink").reading() as session:
            assert len(await session.fetch("SELECT id FROM seen", {})) == 1


async def test_a_stop_is_no_failed_try(settings: Settings) -> None:
    """A handler that is cancelled because the process stops has not failed, even when it answers with an error of its
    own."""
    begun = asyncio.Event()
    own = Service("sink", namespace="trouble.stop", retry=Retry(in_place=0, delays=()))

    class Asked(Event, of=own):
        id: Key[str]

    class Ask(Command[Asked], of=own):
        id: Key[str]

    @own.handles(Ask)
    async def ask(cmd: Ask) -> Asked:
        return Asked(id=cmd.id)

    @own.on(concurrency=2)
    async def never_ends(event: Asked) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ValueError("interrupted") from None

    app = App(own, settings=settings)
    async with asyncio.timeout(60):
        context = app.running()
        system = await context.__aenter__()
        await app.send(Ask(id="a"))
        await begun.wait()
        await system.consumers["sink"].lanes.stop(0.0)
        async with app.store("sink").reading() as session:
            assert not await session.fetch("SELECT id FROM dead_letter", {})
        await context.__aexit__(None, None, None)


async def test_the_first_failure_is_told_with_the_users_own_line(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """Not when the delays are over, half an hour later. Each cause is logged once, however many messages it fails."""

    def breaks() -> None:
        raise ValueError("no such tariff")

    trouble = Trouble(settings, "one statement", {"bad": breaks})
    trouble.sink.retry = Retry(in_place=1, delays=(600.0,))

    async def waiting() -> bool:
        async with trouble.app.store("sink").reading() as session:
            return (await session.parking.status("sink")).waiting == 1

    async with trouble.app.running():
        await trouble.app.send(trouble.Tell(id="bad"))
        await until(waiting)
    told = [record for record in caplog.records if "failed: ValueError: no such tariff" in record.getMessage()]
    assert len(told) == 1 and f"{__file__}:" in told[0].getMessage() and "in breaks" in told[0].getMessage()
    assert "trouble.source.v1.Told of key bad" in told[0].getMessage() and "in breaks" in (told[0].exc_text or "")


@pytest.mark.parametrize("kind", KINDS)
async def test_an_iteration_that_ends_in_a_handler_is_logged_with_its_line(
    settings: Settings, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    """`next(...)` of nothing: Python makes another error of it, outside of the handler."""

    def looks() -> None:
        next(iter(()))

    trouble = Trouble(settings, kind, {"bad": looks})
    async with trouble.app.running():
        await trouble.app.send(trouble.Tell(id="bad"))
        await until(trouble.letters)
        await trouble.app.settled(dead_letters=True)
    logged = [record.getMessage() for record in caplog.records if "raised StopIteration" in record.getMessage()]
    assert logged and all(f"{__file__}:" in each and "in looks" in each for each in logged)
