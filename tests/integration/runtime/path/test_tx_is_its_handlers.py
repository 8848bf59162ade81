"""`tx` belongs to its handler while the handler runs: a later use, or one by another task, is an error on every tier."""

import asyncio
import contextlib
import logging
from typing import Any

import pytest
from tests.integration.runtime.failing.test_users_code import ADD, TABLES
from tests.waiting import until

from partita import App, Command, Event, Key, Retry, Service, Settings, Tx
from partita.errors import PartitaError
from partita.store.port import Session

MISUSES = ["later", "published later", "gathered", "beside", "with a limit", "by a thread", "unlooked at"]


async def misused(tx: Any, misuse: str, tasks: list[Any]) -> None:
    """Two statements at once, or a statement of another task."""
    match misuse:
        case "gathered":
            await asyncio.gather(tx.execute(ADD, id="later"), tx.execute(ADD, id="later"))
        case "beside":
            beside = asyncio.create_task(tx.execute(ADD, id="later"))
            await tx.execute(ADD, id="mine")
            await beside
        case "with a limit":
            await asyncio.wait_for(asyncio.ensure_future(tx.execute(ADD, id="later")), 5)
        case "by a thread":
            loop = asyncio.get_running_loop()
            write = asyncio.run_coroutine_threadsafe
            await asyncio.to_thread(lambda: write(tx.execute(ADD, id="later"), loop).result(5))
        case _:
            tasks.append(asyncio.create_task(tx.execute(ADD, id="later")))
            await asyncio.sleep(0)


@pytest.mark.parametrize("misuse", MISUSES)
@pytest.mark.parametrize("concurrency", [1, 2])
async def test_tx_is_the_handlers_own_while_it_runs(
    settings: Settings, misuse: str, concurrency: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A later use would write into whichever transaction is open then, and some databases refuse two uses at once. On
    every tier it is an error that says so, and writes nothing."""
    caplog.set_level(logging.ERROR)
    source = Service("source", namespace="tx.source")
    sink = Service("sink", namespace="tx.sink", tables=TABLES, retry=Retry(in_place=0, delays=()))
    tasks: list[Any] = []
    go_on = asyncio.Event()

    class Told(Event, of=source):
        id: Key[str]

    class Later(Event, of=sink):
        id: Key[str]

    class Tell(Command[Told], of=source):
        id: Key[str]

    @source.handles(Tell)
    async def tell(cmd: Tell) -> Told:
        return Told(id=cmd.id)

    async def late(event: Told, tx: Tx) -> None:
        await go_on.wait()
        if misuse == "published later":
            tx.publish(Later(id=event.id))
        else:
            await tx.execute(ADD, id="later")

    @sink.on(concurrency=concurrency)
    async def handler(event: Told, tx: Tx) -> None:
        if event.id == "bad" and misuse in ("later", "published later"):
            tasks.append(asyncio.create_task(late(event, tx)))
        elif event.id == "bad":
            await misused(tx, misuse, tasks)

    app = App(source, sink, settings=settings)
    async with app.running():
        await app.send(Tell(id="bad"))
        await app.send(Tell(id="good"))
        if misuse in ("later", "published later"):
            await app.settled()
            async with app.store("sink").transaction() as session:
                go_on.set()
                with pytest.raises(PartitaError, match="after the handler had ended"):
                    await tasks[0]
                assert not await rows(session)
            assert "The tx of handler was used after the handler had ended" in caplog.text
        else:

            async def dead() -> Any:
                async with app.store("sink").reading() as session:
                    return await session.fetch("SELECT cause FROM dead_letter", {})

            (letter,) = await until(dead)
            assert "was used by another task than its handler's" in letter["cause"]
        async with app.store("sink").reading() as session:
            assert not await rows(session)
            assert not await session.fetch("SELECT id FROM outbox WHERE type LIKE '%Later'", {})
    for task in tasks:
        with contextlib.suppress(PartitaError):
            await task


async def rows(session: Session) -> list[Any]:
    """The written rows."""
    return list(await session.fetch("SELECT id FROM seen", {}))
