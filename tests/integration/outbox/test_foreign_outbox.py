"""Events that leave with a user's own transaction: one suite over all drivers, on a real PostgreSQL and real files."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.foreign_hands import HANDS, KINDS, TABLE, Hand
from tests.processes.counting import Counted, app, sink, source

from partita import App, NotFound, Outbox, Settings
from partita.errors import NoTransaction, StoreMismatch
from partita.message import envelope_from_bytes
from partita.store.trail import TrailRow

asyncpg = pytest.importorskip("asyncpg", reason="no asyncpg here; to run these tests: pip install 'partita[postgres]'")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::ResourceWarning")]
Sent = list[tuple[str, int, int]]


class Place:
    """A service's database made by Partita, and the program of a user that writes there."""

    def __init__(self, name: str, app: App, url: str) -> None:
        self.name, self.app, self.url = name, app, url
        self.outbox = Outbox(source)
        self.open: list[Hand] = []

    def hand(self) -> Hand:
        hand = HANDS[self.name][1](self.url)
        self.open.append(hand)
        return hand

    def own_rows(self) -> list[tuple[Any, ...]]:
        if HANDS[self.name][0] == "sqlite":
            with sqlite3.connect(self.url) as db:
                return db.execute("SELECT key, number FROM mine ORDER BY key, number").fetchall()
        return [tuple(r) for r in asyncio.run(ask(self.url, "SELECT key, number FROM mine ORDER BY key, number"))]

    def left(self) -> Sent:
        """(key, number in its sequence, number of the event) of the outbox rows, in their order."""
        return asyncio.run(left(self.app))

    def arrived(self) -> list[tuple[str, int]]:
        """The messages that the receiver handled, once all have arrived."""
        return asyncio.run(arrived(self.app))


async def ask(url: str, *statements: str) -> list[Any]:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements[:-1]:
            await connection.execute(statement)
        return list(await connection.fetch(statements[-1]))
    finally:
        await connection.close()


async def trail(app: App) -> list[TrailRow]:
    async with app.running(services=["source"], roles=()), app.store("source").reading() as session:
        rows = await session.fetch("SELECT DISTINCT correlation_id FROM outbox", {})
        return list(await session.trail.messages([row["correlation_id"] for row in rows]))


async def left(app: App) -> Sent:
    found = []
    for row in await trail(app):
        envelope = envelope_from_bytes(row.headers)
        async with app.running(services=[], roles=()) as system:
            event: Any = system.codec.decode(Counted.__partita__.shape, envelope.schema, row.payload)
        found.append((str(row.key), envelope.key_sequence, event.number))
    return found


async def arrived(app: App) -> list[tuple[str, int]]:
    async with app.running():
        await app.settled(60, dead_letters=True)
        async with app.store("sink").reading() as session:
            return [
                (r["key"], r["number"]) for r in await session.fetch("SELECT key, number FROM seen ORDER BY seq", {})
            ]


async def made(app: App) -> None:
    async with app.running(roles=()):
        pass


@pytest.fixture(params=[name if name in KINDS else pytest.param(name, marks=pytest.mark.long) for name in HANDS])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    name: str = request.param
    settings = Settings(data=tmp_path, time_scale=0.001)
    url = str(tmp_path / "source.db")
    if HANDS[name][0] == "postgresql":
        url = request.getfixturevalue("database")
        asyncio.run(ask(url, TABLE, "SELECT 1"))
        settings = Settings(data=tmp_path, time_scale=0.001, store=url)
    mine = app.configured(settings)
    asyncio.run(made(mine))
    if HANDS[name][0] == "postgresql":
        asyncio.run(ask(url, "ALTER TABLE sink.seen ALTER COLUMN seq ADD GENERATED ALWAYS AS IDENTITY", "SELECT 1"))
    else:
        with sqlite3.connect(url) as db:
            db.execute(TABLE)
        db.close()
    found = Place(name, mine, url)
    yield found
    for hand in found.open:
        hand.close()


def test_the_row_and_the_event_commit_together(place: Place) -> None:
    """Several events in one call, two calls in one transaction; they arrive as if a handler had published them."""
    hand = place.hand()
    hand.begin()
    hand.own("a", 1)
    hand.add(place.outbox, Counted(key="a", number=1), Counted(key="b", number=1), Counted(key="a", number=2))
    hand.add(place.outbox, Counted(key="a", number=3))
    hand.commit()
    assert place.own_rows() == [("a", 1)]
    assert place.left() == [("a", 1, 1), ("b", 1, 1), ("a", 2, 2), ("a", 3, 3)]
    assert sorted(place.arrived()) == [("a", 1), ("a", 2), ("a", 3), ("b", 1)]


def test_a_rollback_leaves_nothing_and_burns_no_number(place: Place) -> None:
    """Receivers would wait for a number that no message has."""
    hand = place.hand()
    for number, keep in ((1, True), (2, False), (3, True)):
        hand.begin()
        hand.own("a", number)
        hand.add(place.outbox, Counted(key="a", number=number))
        if keep:
            hand.commit()
        else:
            hand.rollback()
    assert place.own_rows() == [("a", 1), ("a", 3)]
    assert place.left() == [("a", 1, 1), ("a", 2, 3)]
    assert place.arrived() == [("a", 1), ("a", 3)]


def test_a_savepoint_takes_its_event_back(place: Place) -> None:
    hand = place.hand()
    hand.begin()
    hand.add(place.outbox, Counted(key="a", number=1))
    hand.run("SAVEPOINT half")
    hand.own("a", 2)
    hand.add(place.outbox, Counted(key="a", number=2), Counted(key="c", number=1))
    hand.run("ROLLBACK TO SAVEPOINT half")
    hand.add(place.outbox, Counted(key="a", number=3))
    hand.commit()
    assert place.own_rows() == []
    assert place.left() == [("a", 1, 1), ("a", 2, 3)]
    assert place.arrived() == [("a", 1), ("a", 3)]


def test_of_two_transactions_on_a_key_the_second_waits_for_the_first(place: Place) -> None:
    """So the order of the commits is the order of the numbers."""
    one, two = place.hand(), place.hand()
    one.begin()
    one.add(place.outbox, Counted(key="a", number=1))
    passed = threading.Event()

    def second() -> None:
        two.begin()
        two.add(place.outbox, Counted(key="a", number=2), Counted(key="b", number=1))
        passed.set()
        two.commit()

    if place.name.startswith("django"):
        two.where.inc_thread_sharing()
    thread = threading.Thread(target=second)
    thread.start()
    if HANDS[place.name][0] == "postgresql":
        waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%WITH given%'"
        for _ in range(600):
            if asyncio.run(ask(place.url, waiting)):
                break
        else:
            pytest.fail("the second did not wait")
    assert not passed.wait(0.1)
    one.commit()
    thread.join(60)
    assert passed.is_set()
    assert place.left() == [("a", 1, 1), ("a", 2, 2), ("b", 1, 1)]


def test_without_a_transaction_it_is_refused(place: Place) -> None:
    """The event would commit by itself, whatever happens to the user's rows."""
    if "sqlalchemy" in place.name:
        pytest.skip("SQLAlchemy is always in a transaction; its AUTOCOMMIT is tested below")
    hand = place.hand()
    with pytest.raises(NoTransaction):
        hand.add(place.outbox, Counted(key="a", number=1))
    assert place.left() == []


def test_the_wrong_database_is_named_with_the_command_that_makes_the_tables(place: Place) -> None:
    """The check does not break the user's transaction."""
    elsewhere = Outbox(sink.__class__("elsewhere", namespace="else.where"))
    hand = place.hand()
    hand.begin()
    hand.own("a", 1)
    with pytest.raises((NotFound, StoreMismatch), match="elsewhere"):
        hand.add(elsewhere, *_of(elsewhere))
    hand.own("a", 2)
    hand.commit()
    assert place.own_rows() == [("a", 1), ("a", 2)]


def _of(outbox: Outbox) -> list[Any]:
    from partita import Event, Key

    class Else(Event, of=outbox.service):
        key: Key[str]

    return [Else(key="a")]


def test_in_a_failed_transaction_it_is_refused(place: Place) -> None:
    if HANDS[place.name][0] == "sqlite":
        pytest.skip("a failed statement does not end a transaction of SQLite")
    hand = place.hand()
    hand.begin()
    with pytest.raises(Exception, match="nowhere"):
        hand.run("SELECT 1 FROM nowhere")
    with pytest.raises(NoTransaction, match="has failed already"):
        hand.add(place.outbox, Counted(key="a", number=1))
    hand.rollback()


def test_a_database_with_a_new_identity_is_noticed(place: Place) -> None:
    """A database restored from a backup counts again: under the old source the receivers would drop its messages as
    copies."""
    hand = place.hand()
    for number in (1, 2):
        hand.begin()
        hand.add(place.outbox, Counted(key="a", number=number))
        if number == 1:
            hand.commit()
            hand.begin()
            qualified = "source.partita_meta" if HANDS[place.name][0] == "postgresql" else "partita_meta"
            hand.run(f"UPDATE {qualified} SET value = '2' WHERE name = 'incarnation'")
        hand.commit()
    sources = [envelope_from_bytes(row.headers).source for row in asyncio.run(trail(place.app))]
    assert [each.rpartition(".")[2] for each in sources] == ["1", "2"]


def test_odd_keys_and_lineage_arrive_as_given(place: Place) -> None:
    odd = ["a\0b", "ä€😀", "'; --", "%s :p1 $1 ?", "\1a"]
    hand = place.hand()
    hand.begin()
    hand.add(place.outbox, *(Counted(key=key, number=1) for key in odd), correlation_id="req-1", causation_id="cause")
    hand.add(place.outbox, Counted(key=odd[0], number=2), correlation_id="req-1")
    hand.commit()
    rows = asyncio.run(trail(place.app))
    assert [row.key for row in rows] == [*odd, odd[0]]
    assert {row.correlation_id for row in rows} == {"req-1"}
    assert [row.causation_id for row in rows] == ["cause"] * 5 + [None]
    assert [envelope_from_bytes(row.headers).key_sequence for row in rows] == [1] * 5 + [2]
    # The receiver's own table on PostgreSQL takes no NUL: that key waits for a person, as from any sender.
    taken = [key for key in odd if HANDS[place.name][0] == "sqlite" or "\0" not in key]
    assert {key for key, _ in place.arrived()} == set(taken)
