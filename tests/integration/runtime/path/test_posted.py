"""`app.post`: a process that runs no service sends without waiting; each posted command is handled once, whichever
process dies in between."""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.integration.runtime.failing.test_users_code import TABLES
from tests.waiting import until

from partita import App, Command, Conflict, DeclarationError, Event, Key, PartitaError, Retry, Service, Settings, Tx
from partita.errors import Malformed, SettingsError, WithinHandler
from partita.store.dead_letters import LetterFilter

ROOT = Path(__file__).parents[4]
PATIENCE_S = 60.0
POSTS_AND_DIES = """
import asyncio, os, signal, sys
from pathlib import Path
from partita import Settings
from tests.integration.runtime.path.test_posted import Desk
async def main():
    desk = Desk(Settings(data=Path(sys.argv[1]), store=sys.argv[2], bus=sys.argv[2]))
    async with desk.app.posting():
        for number in range(1, 4):
            await desk.app.post(desk.Put(id="a", number=number), idempotency_key=f"put {number}")
        os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""


class Desk:
    """One service that counts, and a client."""

    def __init__(self, settings: Settings, *, client: str | None = "web") -> None:
        desk = self.desk = Service("desk", namespace="posted.desk", tables=TABLES, retry=Retry(in_place=0, delays=()))
        self.fails = False

        class Put_(Event, of=desk):
            id: Key[str]
            number: int

        class Put(Command[Put_], of=desk):
            id: Key[str]
            number: int = 0

        class Nobody(Command[Put_], of=desk):
            id: Key[str]

        @desk.handles(Put)
        async def put(cmd: Put, tx: Tx) -> Put_:
            if self.fails:
                raise ValueError("broken")
            await tx.execute("INSERT INTO seen VALUES (:id)", id=f"{cmd.id} {cmd.number}")
            return Put_(id=cmd.id, number=cmd.number)

        self.Put, self.Done, self.Nobody = Put, Put_, Nobody
        self.app = App(desk, settings=settings, client=client)

    async def seen(self) -> list[str]:
        """The handled messages, in order."""
        async with self.app.store("desk").reading() as session:
            return [row["id"] for row in await session.fetch("SELECT id FROM seen", {})]

    async def letters(self) -> list[Any]:
        """The dead letters of the service."""
        async with self.app.store("desk").reading() as session:
            return list(await session.dead_letters.find("desk", 10, LetterFilter()))


@asynccontextmanager
async def posting(settings: Settings) -> AsyncIterator[Desk]:
    """A process of its own, as far as the data show."""
    desk = Desk(settings)
    async with desk.app.posting():
        yield desk


async def test_what_is_posted_is_handled_once_and_in_order_when_somebody_runs(settings: Settings) -> None:
    """The front end needs no service, no consumer and no bus; any process of the app that relays sends the command."""
    async with posting(settings) as front:
        ids = [await front.app.post(front.Put(id="a", number=n)) for n in range(1, 6)]
    assert len(set(ids)) == 5
    back = Desk(settings)
    async with back.app.running(services=["desk"]):
        await back.app.settled()
        assert await back.seen() == [f"a {n}" for n in range(1, 6)]
        async with back.app.store("client-web").reading() as session:
            rows = await session.fetch("SELECT id, correlation_id, causation_id FROM outbox ORDER BY seq", {})
    assert [(r["id"], r["correlation_id"], r["causation_id"]) for r in rows] == [(i, i, None) for i in ids]


async def test_a_front_end_posts_beside_a_running_back_end(settings: Settings) -> None:
    """The relay of the other process gets a signal."""
    back = Desk(settings)
    async with back.app.running(), posting(settings) as front:
        await front.app.post(front.Put(id="a", number=1))
        assert await until(back.seen) == ["a 1"]


async def test_one_key_is_one_message_and_is_handled_once(settings: Settings) -> None:
    """From two processes, before and after it was handled, by `post` and by `send`."""
    async with posting(settings) as one, posting(settings) as two:
        ids = await asyncio.gather(*(p.app.post(p.Put(id="a", number=1), idempotency_key="k") for p in (one, two) * 5))
        assert len(set(ids)) == 1
        with pytest.raises(Conflict, match="another content"):
            await two.app.post(two.Put(id="a", number=2), idempotency_key="k")
        back = Desk(settings)
        async with back.app.running():
            await back.app.settled()
            assert await two.app.post(two.Put(id="a", number=1), idempotency_key="k") == ids[0]
            await one.app.post(one.Put(id="a", number=3))
            await back.app.settled()
            answer = await back.app.send(back.Put(id="a", number=1), idempotency_key="k")
            assert (answer.id, answer.number) == ("a", 1), "the answer is kept, as that of a send is"
            await back.app.send(back.Put(id="a", number=4), idempotency_key="sent first")
            await one.app.post(one.Put(id="a", number=4), idempotency_key="sent first")
            await one.app.post(one.Put(id="a", number=5))
            await back.app.settled()
            assert await back.seen() == ["a 1", "a 3", "a 4", "a 5"]
            assert not await back.letters()


async def test_sends_of_one_key_at_once_have_one_answer(settings: Settings) -> None:
    """Also sends that share a batch: each gets the answer, and the command is handled once."""
    desk = Desk(settings)
    async with desk.app.running():
        sends = (desk.app.send(desk.Put(id="a", number=1), idempotency_key="k") for _ in range(5))
        answers = await asyncio.gather(*sends)
        assert [answer.number for answer in answers] == [1] * 5
        assert await desk.seen() == ["a 1"]


async def test_two_copies_in_the_outbox_are_handled_once_and_hold_up_nobody(settings: Settings) -> None:
    """When the outbox has deleted the first, a second is written, with a number of its own: later messages follow it."""
    async with posting(settings) as front:
        await front.app.post(front.Put(id="a", number=1), idempotency_key="k")
        store = front.app._poster._store  # type: ignore[union-attr]  # its rows are purged after a day
        async with store.transaction() as session:
            await session.execute("UPDATE outbox SET correlation_id = 'forgotten'", {})
        await front.app.post(front.Put(id="a", number=1), idempotency_key="k")
        await front.app.post(front.Put(id="a", number=2))
    back = Desk(settings)
    async with back.app.running():
        await back.app.settled()
        assert await back.seen() == ["a 1", "a 2"]
        assert not await back.letters()


@pytest.mark.slow
@pytest.mark.parametrize("life", range(2))
async def test_a_poster_that_is_killed_has_posted_what_it_was_told(settings: Settings, life: int) -> None:
    """Between its commit and the relay there is only the outbox; a second try under the same keys adds nothing."""
    for _ in range(life + 1):
        command = (sys.executable, "-c", POSTS_AND_DIES, str(settings.data), settings.store)
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment)
        assert await asyncio.wait_for(process.wait(), PATIENCE_S) == -signal.SIGKILL
    back = Desk(settings)
    async with back.app.running():
        await back.app.settled()
        assert await back.seen() == ["a 1", "a 2", "a 3"]


async def test_a_client_that_is_put_back_from_a_backup_posts_under_a_new_source(tmp_path: Path) -> None:
    """It counts its keys again: under its old source its new messages would be taken for copies of old ones."""
    settings = Settings(data=tmp_path / "data")
    back = Desk(settings)
    async with posting(settings) as front:
        await front.app.post(front.Put(id="a", number=1), idempotency_key="k1")
    copies = list(settings.data.glob("client-web.db*"))
    assert copies
    saved = tmp_path / "saved"
    saved.mkdir()
    for file in settings.data.glob("client-web.db"):
        shutil.copy(file, saved)
    async with back.app.running():
        await back.app.post(back.Put(id="a", number=2), idempotency_key="k2")
        await back.app.post(back.Put(id="a", number=3), idempotency_key="k3")
        await back.app.settled()
    for file in settings.data.glob("client-web.db*"):
        if not file.name.endswith(".sent"):
            file.unlink()
    shutil.copy(saved / "client-web.db", settings.data)
    async with posting(settings) as front:
        await front.app.post(front.Put(id="a", number=3), idempotency_key="k3")
        await front.app.post(front.Put(id="a", number=4), idempotency_key="k4")
    back = Desk(settings)
    async with back.app.running():
        await back.app.settled()
        assert sorted(await back.seen()) == ["a 1", "a 2", "a 3", "a 4"]
        assert not await back.letters()


async def test_what_is_posted_and_fails_is_a_dead_letter_and_has_no_answer(settings: Settings) -> None:
    """The sender does not wait for it; a sender that sends it again under its key learns that it has no answer."""
    back = Desk(settings)
    back.fails = True
    async with back.app.running():
        await back.app.post(back.Put(id="a", number=1), idempotency_key="k")
        (letter,) = await until(back.letters)
        assert letter.cause_type == "ValueError"
        with pytest.raises(PartitaError, match="no answer"):
            await back.app.send(back.Put(id="a", number=1), idempotency_key="k")


async def test_without_a_client_or_outside_of_it_posting_is_refused(settings: Settings) -> None:
    """It would wait in a place that no process reads."""
    without = Desk(settings, client=None)
    with pytest.raises(SettingsError, match="no client"):
        async with without.app.posting():
            pass
    async with without.app.running():
        with pytest.raises(SettingsError, match="no client"):
            await without.app.post(without.Put(id="a"))
    desk = Desk(replace(settings, data=settings.data / "other"))
    with pytest.raises(PartitaError, match="neither runs nor posts"):
        await desk.app.post(desk.Put(id="a"))
    async with desk.app.posting():
        with pytest.raises(DeclarationError, match="has no handler"):
            await desk.app.post(desk.Nobody(id="a"))
        with pytest.raises(DeclarationError, match="no command"):
            await desk.app.post(desk.Done(id="a", number=1))  # type: ignore[arg-type]
        with pytest.raises(PartitaError, match="posts already"):
            async with desk.app.running():
                pass
        for key in ("", 5, "\ud800"):
            with pytest.raises(Malformed, match="The idempotency key of"):
                await desk.app.post(desk.Put(id="a"), idempotency_key=key)  # type: ignore[arg-type]
    for name in ("../x", "", "a b", 5):
        with pytest.raises(DeclarationError, match="test_posted.py"):  # where it is declared
            Desk(settings, client=name)  # type: ignore[arg-type]


async def test_a_handler_does_not_post(tmp_path: Path) -> None:
    """It would be posted even if the handler's transaction is rolled back; a handler has `tx.send`."""
    desk = Service("desk", namespace="posted.handler")

    class Done(Event, of=desk):
        id: Key[str]

    class Do(Command[Done], of=desk):
        id: Key[str]

    @desk.handles(Do)
    async def do(cmd: Do) -> Done:
        await app.post(Do(id="again"), idempotency_key="again")
        return Done(id=cmd.id)

    app = App(desk, settings=Settings(data=tmp_path / "data"), client="web")
    async with app.running():
        with pytest.raises(WithinHandler):
            await app.send(Do(id="1"))


async def test_a_test_posts_as_well() -> None:
    """`app.testing()` runs the client, too."""
    desk = Desk(Settings(data=Path("unused")))
    async with desk.app.testing() as t:
        await t.post(desk.Put(id="a", number=1), idempotency_key="k")
        await t.post(desk.Put(id="a", number=1), idempotency_key="k")
        await t.settled()
        assert [event.number for event in t.published(desk.Done)] == [1]
