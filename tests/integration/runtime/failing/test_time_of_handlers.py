"""A handler's own time and retries: a handler that hangs costs its message a try, and its service nothing else."""

import asyncio
import threading
import time
from pathlib import Path
from typing import Annotated

import pytest
from tests.integration.runtime.failing.test_users_code import ADD, TABLES
from tests.virtual_time import machine_here, virtually
from tests.waiting import until

from partita import App, Command, DeclarationError, Depends, Event, Key, Retry, Service, Settings, Tx, minutes, seconds
from partita.errors import OverTime
from partita.runtime.system import System
from partita.store.dead_letters import LetterFilter
from partita.topics.declared import declared_topics

source = Service("time-source", namespace="time.source")


class Rung(Event, of=source):
    id: Key[str]


class Ring(Command[Rung], of=source):
    id: Key[str]


@source.handles(Ring)
async def ring(cmd: Ring) -> Rung:
    return Rung(id=cmd.id)


async def letters(system: System, service: str) -> list[str]:
    """The causes of a service's dead letters."""
    async with system.stores[service].reading() as session:
        return [each.cause for each in await session.dead_letters.find(service, 10, LetterFilter())]


@virtually
async def test_a_handler_that_hangs_costs_its_message_a_try_and_nothing_else() -> None:
    """Without a timeout one hung call would hold all messages of its service for ever."""
    hears = Service("hears", namespace="time.hears", tables=TABLES, retry=Retry(in_place=0, delays=(60,)))
    begun: list[str] = []

    @hears.on(timeout=5)
    async def hear(event: Rung, tx: Tx) -> None:
        begun.append(event.id)
        await tx.execute(ADD, id=event.id)
        if event.id == "hangs":
            await asyncio.Event().wait()

    app = App(source, hears)
    async with app.testing() as t:
        await t.send(Ring(id="hangs"))
        await t.send(Ring(id="goes"))
        await t.advance(seconds(4))
        assert begun.count("hangs") == 1
        await t.advance(seconds(2))
        assert await t.fetch("hears", "SELECT id FROM seen") == [{"id": "goes"}]
        await t.advance(minutes(2))
        assert begun.count("hangs") == 2
        (cause,) = await letters(t._system, "hears")
        assert "hear did not end within its 5 s" in cause, cause
        assert await t.fetch("hears", "SELECT id FROM seen") == [{"id": "goes"}]


@virtually
async def test_what_a_handler_does_after_its_time_does_not_count() -> None:
    """A handler that catches its cancellation and returns, or raises another error, is over its time nevertheless."""
    late = Service("late", namespace="time.late", tables=TABLES, retry=Retry(in_place=0, delays=()))

    @late.on(timeout=1)
    async def swallow(event: Rung, tx: Tx) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if event.id == "raises":
                raise KeyError("tidying up failed") from None
        await tx.execute(ADD, id=event.id)

    app = App(source, late)
    async with app.testing() as t:
        await t.send(Ring(id="returns"))
        await t.send(Ring(id="raises"))
        await t.advance(seconds(3))
        causes = await letters(t._system, "late")
        assert len(causes) == 2 and all("swallow did not end within its 1 s" in cause for cause in causes), causes
        assert await t.fetch("late", "SELECT id FROM seen") == []


async def test_a_timeout_that_a_handler_raises_itself_is_its_own() -> None:
    """Calls of a handler have time limits, too: their errors are not taken for ours."""
    own = Service("own-time", namespace="time.own", retry=Retry(in_place=0, delays=()))

    @own.on(timeout=5)
    async def fail(event: Rung) -> None:
        raise TimeoutError("the provider took too long")

    app = App(source, own)
    async with app.testing() as t:
        await t.send(Ring(id="1"))
        await t.quiet()
        assert await letters(t._system, "own-time") == ["the provider took too long"]


@virtually
async def test_a_call_outside_and_a_command_have_a_time_too() -> None:
    """The sender of a command gets the error that its handler was over its time; a lane goes on with the next
    message."""
    calls = Service("calls", namespace="time.calls", retry=Retry(in_place=0, delays=()))

    class Did(Event, of=calls):
        id: Key[str]

    class Do(Command[Did], of=calls):
        id: Key[str]

    @calls.on(timeout=2, concurrency=4)
    async def call(event: Rung) -> None:
        await asyncio.Event().wait()

    @calls.handles(Do, timeout=3)
    async def do(cmd: Do) -> Did:
        await asyncio.Event().wait()
        raise AssertionError

    app = App(source, calls)
    async with app.testing() as t:
        await t.send(Ring(id="1"))
        sending = asyncio.ensure_future(t.send(Do(id="1")))
        await t.advance(seconds(4))
        with pytest.raises(OverTime, match="do did not end within its 3 s"):
            await sending
        assert len(await letters(t._system, "calls")) == 1


async def test_a_plain_function_over_its_time_is_not_begun_beside_itself(settings: Settings) -> None:
    """Its thread cannot be ended. If the handler began again, two of one message would run at once, and hanging
    threads would use up the pool of all handlers."""
    plain = Service("plain", namespace="time.plain", retry=Retry(in_place=2, first_wait_s=0.01, delays=(0.05,) * 200))
    let_go = threading.Event()
    begun: list[str] = []
    at_once: list[int] = []
    running = 0

    @plain.on(timeout=0.5)
    def work(event: Rung) -> None:
        nonlocal running
        running += 1
        at_once.append(running)
        begun.append(event.id)
        if event.id == "hangs" and begun.count("hangs") == 1:
            let_go.wait(30)
        running -= 1

    app = App(source, plain, settings=settings)
    async with app.running() as system:
        try:
            await app.send(Ring(id="hangs"))
            await until(lambda: system.pipelines["plain"].failures["retry"] >= 3)
            assert begun == ["hangs"]
        finally:
            let_go.set()
        await app.send(Ring(id="goes"))
        await until(lambda: sorted(begun) == ["goes", "hangs", "hangs"])
        assert max(at_once) == 1
        await app.settled()


async def test_a_handler_has_retries_of_its_own() -> None:
    """One handler calls a bank, another writes a row: one policy does not fit both."""
    both = Service("both", namespace="time.both", retry=Retry(in_place=0, delays=()))
    tries: list[tuple[str, int]] = []
    now = lambda: 0  # noqa: E731

    class Said(Event, of=both):
        id: Key[str]

    class Say(Command[Said], of=both):
        id: Key[str]

    @both.on(retry=Retry(in_place=0, delays=(7, 11)))
    async def patient(event: Rung) -> None:
        tries.append(("patient", now()))
        raise ValueError

    @both.handles(Say)
    async def say(cmd: Say) -> Said:
        return Said(id=cmd.id)

    @both.on
    async def hasty(event: Said) -> None:
        tries.append(("hasty", now()))
        raise ValueError

    app = App(source, both)
    names = [
        topic.name
        for topic in declared_topics(app.catalog, app.topics)
        if topic.kind == "retry" and ".both." in topic.name
    ]
    assert names == [f"time.source.events.both.retry-{each}" for each in ("7s", "11s")]
    async with app.testing() as t:
        start = t.now_us
        now = lambda: (t.now_us - start) // 1_000_000  # noqa: E731
        await t.send(Ring(id="1"))
        await t.send(Say(id="1"))
        await t.advance(minutes(1))
        assert [kind for kind, _ in tries] == ["patient", "hasty", "patient", "patient"]
        times = [at for kind, at in tries if kind == "patient"]
        assert 7 <= times[1] <= 8 and 11 <= times[2] - times[1] <= 12
        assert len(await letters(t._system, "both")) == 2


def test_what_cannot_be_is_refused_at_import() -> None:
    """A message is tried with all its handlers at once: it cannot follow two policies."""
    odd = Service("odd", namespace="time.odd")

    with pytest.raises(DeclarationError, match=r"timeout of hear"):

        @odd.on(timeout=0)
        async def hear(event: Rung) -> None: ...

    with pytest.raises(DeclarationError, match=r"is not a Retry"):

        @odd.on(retry=3)  # type: ignore[call-overload]
        async def hear_too(event: Rung) -> None: ...

    @odd.on(retry=Retry(delays=(1,)))
    async def first(event: Rung) -> None: ...

    @odd.on(name="follows")
    async def follows(event: Rung) -> None: ...

    with pytest.raises(DeclarationError, match=r"other and first .* both subscribe to Rung"):

        @odd.on(name="other", retry=Retry(delays=(2,)))
        async def other(event: Rung) -> None: ...


@pytest.mark.parametrize("where", ["handler", "dependency"])
async def test_who_holds_the_event_loop_up_is_named(
    where: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The handler blocked the whole process, its signs of life included: another member may begin its message again,
    and without the log line no one would know why."""
    blocks = Service("blocks", namespace="time.blocks")
    held_s = 1.2

    class Did(Event, of=blocks):
        id: Key[str]

    class Do(Command[Did], of=blocks):
        id: Key[str]

    async def client() -> str:
        if where == "dependency":
            time.sleep(held_s)
        return "client"

    @blocks.handles(Do, concurrency=2)
    async def call_bank(cmd: Do, client: Annotated[str, Depends(client)]) -> Did:
        await asyncio.sleep(0)
        if where == "handler" and cmd.id == "blocks":
            time.sleep(held_s)
        return Did(id=cmd.id)

    app = App(blocks, settings=Settings(data=tmp_path / "data"))
    async with app.running():
        await app.send(Do(id="blocks"))
        assert "call_bank of blocks held the event loop up for 1." in caplog.text
        caplog.clear()
        if where == "handler":
            await app.send(Do(id="waits for nothing"))
            assert "held the event loop" not in caplog.text


@virtually
async def test_a_statement_is_cut_short_and_its_connection_used_again(settings: Settings) -> None:
    """A lock that another program holds keeps a statement waiting: the handler's time ends it."""
    slow = Service("slow", namespace="time.slow", tables=TABLES, retry=Retry(in_place=0, delays=()))

    class Did(Event, of=slow):
        id: Key[str]

    class Do(Command[Did], of=slow):
        id: Key[str]

    @slow.handles(Do, timeout=1.5)  # a handler that must not be over its time writes a row, on a busy machine too
    async def do(cmd: Do, tx: Tx) -> Did:
        await tx.execute(ADD, id=cmd.id)
        if cmd.id == "hangs" and settings.store_of("slow"):
            await tx.fetch_all("SELECT CAST(pg_sleep(30) AS TEXT)")
        elif cmd.id == "hangs":
            await asyncio.Event().wait()
        return Did(id=cmd.id)

    app = App(slow, settings=settings, machine=machine_here())
    async with app.running() as system:
        with pytest.raises(OverTime):
            await app.send(Do(id="hangs"))
        await app.send(Do(id="goes"))
        async with system.stores["slow"].reading() as session:
            assert [row["id"] for row in await session.fetch("SELECT id FROM seen", {})] == ["goes"]
