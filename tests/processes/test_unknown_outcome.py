"""PostgreSQL behind a proxy: a COMMIT whose answer never came, a listening connection without notifications,
transactions that collide."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.proxy import Cut, Proxy, proxy_to
from tests.servers import postgres_url
from tests.waiting import until, until_answered

from partita import App, Command, Event, Key, Retry, Service, Settings, Tx
from partita.errors import StoreUnavailable
from partita.store.outbox import SLOTS
from partita.texts.key_hash import slot_of

asyncpg = pytest.importorskip("asyncpg", reason="no asyncpg here; to run these tests: pip install 'partita[postgres]'")
pytestmark = [pytest.mark.slow]
COMMIT = b"COMMIT\x00"
NUMBERED = "number BIGINT NOT NULL, seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
WITHIN_S = 90

shop = Service("cut-shop", namespace="cut.shop", tables=f"CREATE TABLE IF NOT EXISTS taken ({NUMBERED});")
desk = Service(
    "cut-desk",
    namespace="cut.desk",
    tables=f"CREATE TABLE IF NOT EXISTS served ({NUMBERED});",
    retry=Retry(in_place=2, delays=()),
)


class Taken(Event, of=shop):
    key: Key[str]
    number: int


class Take(Command[Taken], of=shop):
    key: Key[str]
    number: int


@shop.handles(Take)
async def take(cmd: Take, tx: Tx) -> Taken:
    await tx.execute("INSERT INTO taken (number) VALUES (:n)", n=cmd.number)
    return Taken(key=cmd.key, number=cmd.number)


@desk.on
async def serve(event: Taken, tx: Tx) -> None:
    await tx.execute("INSERT INTO served (number) VALUES (:n)", n=event.number)


app = App(shop, desk)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres_url() as url:
        yield url


@pytest.fixture
async def url(server: str) -> AsyncIterator[str]:
    """The database, without the data of the test before."""
    connection = await asyncpg.connect(server)
    for service in app.services:
        await connection.execute(f'DROP SCHEMA IF EXISTS "{service.name}" CASCADE')
    await connection.close()
    yield server


@pytest.fixture
def proxy(url: str) -> Iterator[Proxy]:
    with proxy_to(urlsplit(url).port or 0) as found:
        yield found


def behind(proxy: Proxy, url: str) -> str:
    """The database, reached through the proxy."""
    return url.replace(f":{urlsplit(url).port}/", f":{proxy.port}/")


@asynccontextmanager
async def running(data: Path, store: str, service: str, *roles: str) -> AsyncIterator[App]:
    """One service of the app, as a process of its own would run it."""
    mine = app.configured(Settings(data=data, store=store))
    async with mine.running(services=[service], roles=roles):
        yield mine


async def rows(url: str, sql: str) -> list[tuple[Any, ...]]:
    """Rows, read without the proxy."""
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(sql)]
    finally:
        await connection.close()


async def served(url: str, count: int) -> list[int]:
    """The messages that the desk has handled, in order, as soon as there are `count`."""
    numbers = 'SELECT number FROM "cut-desk".served ORDER BY seq'
    found = await until(lambda: rows(url, numbers), WITHIN_S, holds=lambda found: len(found) >= count)
    return [row[0] for row in found]


async def test_a_commit_whose_answer_was_cut_is_found_by_its_key(url: str, proxy: Proxy, tmp_path: Path) -> None:
    """The caller cannot know; it sends again with its key: the same reply, one row, one event (case 5)."""
    async with running(tmp_path, behind(proxy, url), "cut-shop") as mine:
        cut = proxy.cut_reply(COMMIT)
        with pytest.raises(StoreUnavailable):
            await mine.send(Take(key="a", number=1), idempotency_key="order-1")
        assert cut.done == 1
        assert await rows(url, 'SELECT number FROM "cut-shop".taken') == [(1,)], "it was kept nevertheless"

        reply = await mine.send(Take(key="a", number=1), idempotency_key="order-1")

        assert reply == Taken(key="a", number=1)
    assert await rows(url, 'SELECT number FROM "cut-shop".taken') == [(1,)]
    assert await rows(url, 'SELECT count(*) FROM "cut-shop".outbox') == [(1,)]


async def test_without_its_key_the_same_cut_does_it_twice(url: str, proxy: Proxy, tmp_path: Path) -> None:
    """The planted bug of the test above: only the key makes it safe to send again."""
    async with running(tmp_path, behind(proxy, url), "cut-shop") as mine:
        proxy.cut_reply(COMMIT)
        with pytest.raises(StoreUnavailable):
            await mine.send(Take(key="a", number=1))
        await mine.send(Take(key="a", number=1))
    assert await rows(url, 'SELECT number FROM "cut-shop".taken') == [(1,), (1,)]


async def send_surely(mine: App, numbers: range) -> None:
    """Send each until it is known to be accepted."""
    for number in numbers:
        take = Take(key="a", number=number)
        await until_answered(partial(mine.send, take, idempotency_key=str(number)), StoreUnavailable)


def is_bind(data: bytes) -> bool:
    """Whether this is the message that has a statement carried out which the client has just prepared."""
    return data.startswith(b"B")


def commit_of_a_batch(proxy: Proxy) -> Cut:
    return proxy.cut_reply(COMMIT, times=1_000, every=2, within=b"INTO served")


def mark(proxy: Proxy) -> Cut:
    """A transaction of one statement, without BEGIN and COMMIT."""
    return proxy.cut_reply(is_bind, times=1_000, every=2, within=b"partita_sent", began=re.compile(b"BEGIN|SELECT "))


@pytest.mark.parametrize(
    ("service", "roles", "cutting"),
    [("cut-desk", ["consumers"], commit_of_a_batch), ("cut-shop", ["relay"], mark)],
    ids=["batch", "mark"],
)
async def test_commits_of_a_batch_and_of_a_mark_are_cut(
    url: str, proxy: Proxy, tmp_path: Path, service: str, roles: list[str], cutting: Callable[[Proxy], Cut]
) -> None:
    """Every second COMMIT of a consumer's batch, or of a relay's mark, succeeds while its answer is lost: effects
    once, in order (cases 5 and 17)."""
    other, its = ("cut-shop", "relay") if service == "cut-desk" else ("cut-desk", "consumers")
    async with AsyncExitStack() as held:
        unprepared = f"{behind(proxy, url)}?statement_cache_size=0"
        await held.enter_async_context(running(tmp_path, unprepared, service, *roles))
        await held.enter_async_context(running(tmp_path, url, other, its))
        sender = await held.enter_async_context(running(tmp_path, url, "cut-shop"))
        cut = cutting(proxy)
        number = 0

        async def cut_often() -> bool:
            nonlocal number
            await send_surely(sender, range(number, number + 5))
            number += 5
            return cut.done >= 20

        await until(cut_often, WITHIN_S)
        await served(url, number)
        proxy.heal()
        await send_surely(sender, range(number, number + 5))
        found = await served(url, number + 5)
    assert found == list(range(number + 5))


async def test_a_deaf_ear_costs_a_moment(url: str, proxy: Proxy, tmp_path: Path) -> None:
    """The connection that listens for new rows carries nothing, and no side has closed it: the relay's own poll finds
    the rows (case 15)."""
    async with (
        running(tmp_path, behind(proxy, url), "cut-shop", "relay"),
        running(tmp_path, url, "cut-desk", "consumers"),
        running(tmp_path, url, "cut-shop") as sender,
    ):
        await send_surely(sender, range(1))
        assert await served(url, 1) == [0]
        assert proxy.black_hole(b"LISTEN") == 1

        await send_surely(sender, range(1, 4))

        assert await served(url, 4) == [0, 1, 2, 3]


FAILS = """
CREATE FUNCTION "{schema}".fails() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF random() < 0.2 THEN
        RAISE EXCEPTION 'in the way' USING ERRCODE = CASE WHEN random() < 0.5 THEN '40001' ELSE '40P01' END;
    END IF;
    RETURN NULL;
END $$
"""
ON_EACH = (
    'CREATE TRIGGER fails BEFORE INSERT OR UPDATE OR DELETE ON "{schema}"."{table}" EXECUTE FUNCTION "{schema}".fails()'
)
AT_COMMIT = """
CREATE CONSTRAINT TRIGGER fails_late AFTER INSERT ON "{schema}".outbox DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION "{schema}".fails()
"""
TABLES = "SELECT relname FROM pg_class WHERE relnamespace = '\"{schema}\"'::regnamespace AND relkind = 'r'"


async def spoil(url: str, *, at_commit: bool) -> None:
    """One writing statement in five, or one commit in five for each event, fails like a serialization failure or a
    deadlock: the server itself raises the error, and has rolled the transaction back."""
    connection = await asyncpg.connect(url)
    for service in app.services:
        schema = service.name
        await connection.execute(FAILS.format(schema=schema))
        if at_commit:
            await connection.execute(AT_COMMIT.format(schema=schema))
        for (table,) in await connection.fetch(TABLES.format(schema=schema)) if not at_commit else []:
            await connection.execute(ON_EACH.format(schema=schema, table=table))
    await connection.close()


@pytest.mark.parametrize("at_commit", [False, True], ids=["statements", "commits"])
async def test_transactions_that_collide_are_run_again(url: str, tmp_path: Path, at_commit: bool) -> None:
    """One statement in five, or one commit, is refused with 40001 or 40P01, and no caller sees it (cases 4 and 80)."""
    async with running(tmp_path, url, "cut-shop"), running(tmp_path, url, "cut-desk"):
        pass  # the tables are made before the faults begin
    await spoil(url, at_commit=at_commit)
    async with (
        running(tmp_path, url, "cut-shop", "relay") as sender,
        running(tmp_path, url, "cut-desk", "consumers"),
    ):
        for number in range(15):
            assert await sender.send(Take(key="a", number=number)) == Taken(key="a", number=number)
        found = await served(url, 15)
    assert found == list(range(15))
    assert await rows(url, 'SELECT count(*) FROM "cut-shop".taken') == [(15,)]
    assert await rows(url, 'SELECT count(*) FROM "cut-shop".outbox') == [(15,)]


async def test_a_writer_that_commits_late_holds_up_nobody_and_is_not_passed_over(
    url: str, proxy: Proxy, tmp_path: Path
) -> None:
    """Its number in the outbox was drawn before those of a hundred others that commit first (case 6): a cursor by
    that number would stall there or pass it. Rows selected by their state do neither."""
    async with (
        running(tmp_path, behind(proxy, url), "cut-shop") as late,
        running(tmp_path, url, "cut-shop", "relay") as sender,
        running(tmp_path, url, "cut-desk", "consumers"),
    ):
        proxy.stall(COMMIT)
        key = next(name for name in map(str, range(10_000)) if slot_of(name, SLOTS) == slot_of("a", SLOTS))
        waits = asyncio.create_task(late.send(Take(key=key, number=-1)))
        await until(lambda: proxy.stalls, WITHIN_S)

        await send_surely(sender, range(100))
        assert await served(url, 100) == [*range(100)], "the others did not wait for it"
        assert not waits.done()
        proxy.heal()

        assert await waits == Taken(key=key, number=-1)
        assert await served(url, 101) == [*range(100), -1]


REFUSES = """
CREATE FUNCTION "{schema}".refuses() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.number % 3 = 0 THEN RAISE EXCEPTION 'not this one' USING ERRCODE = '23514'; END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER refuses AFTER INSERT ON "{schema}".{table} DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION "{schema}".refuses();
"""


async def refuse_thirds(url: str, schema: str, table: str) -> None:
    """A constraint of the user's own refuses one row in three, at COMMIT."""
    connection = await asyncpg.connect(url)
    await connection.execute(REFUSES.format(schema=schema, table=table))
    await connection.close()


async def test_transactions_that_roll_back_leave_no_hole_that_stalls(url: str, tmp_path: Path) -> None:
    """One commit in three is refused after its numbers in the outbox are drawn (case 7). Its caller gets an error,
    also when many share a transaction. None of its messages leaves, and no receiver waits for the gaps."""
    async with (
        running(tmp_path, url, "cut-shop", "relay") as sender,
        running(tmp_path, url, "cut-desk", "consumers"),
    ):
        await refuse_thirds(url, "cut-shop", "taken")
        async with asyncio.timeout(WITHIN_S):
            sends = [sender.send(Take(key="a", number=number)) for number in range(60)]
            told = await asyncio.gather(*sends, return_exceptions=True)
        assert [isinstance(answer, asyncpg.CheckViolationError) for answer in told] == [n % 3 == 0 for n in range(60)]
        wanted = [number for number in range(60) if number % 3]
        assert await served(url, len(wanted)) == wanted
    assert await rows(url, 'SELECT count(*) FROM "cut-shop".outbox') == [(len(wanted),)]


async def test_a_message_whose_commit_is_refused_is_a_dead_letter_alone(url: str, tmp_path: Path) -> None:
    """An error of a constraint that is checked at COMMIT does not name the message: each message of the batch is
    tried alone."""
    async with (
        running(tmp_path, url, "cut-shop", "relay") as sender,
        running(tmp_path, url, "cut-desk", "consumers"),
    ):
        await refuse_thirds(url, "cut-desk", "served")
        await asyncio.gather(*(sender.send(Take(key=f"k{number}", number=number)) for number in range(30)))
        assert sorted(await served(url, 20)) == [number for number in range(30) if number % 3]
        letters = 'SELECT count(*) FROM "cut-desk".dead_letter'
        await until(lambda: rows(url, letters), WITHIN_S, holds=lambda found: found == [(10,)])
