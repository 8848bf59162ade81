"""Which log a store joins, which messages go there all the same by a relay, and what is read back."""

from __future__ import annotations

import pytest
from tests.conformance.within_ground import (
    EVENTS,
    NUMBERS,
    asked,
    both,
    bus_at,
    ids,
    leave,
    leave_in,
    queue_of,
    records,
    relayed,
    row,
    running,
    store_at,
    url,
)

from partita.bus.port import TopicSpec
from partita.databases.postgres.arrays import told
from partita.errors import PartitaError
from partita.message import envelope_from_bytes
from partita.size import RECORD_BYTES_MAX
from partita.store.postgres import within
from partita.testing.conformance.rows import ODD_KEYS

pytestmark = [pytest.mark.slow]
__all__ = ["running", "url"]


async def test_only_the_log_of_the_same_database_is_joined(url: str) -> None:
    """Not its URL decides: a copy of the database holds the same log by name and by id, and is another one."""
    copy = f"{url}_copy"
    async with both(url) as (bus, store):
        await leave(store, row("m1"))
    await asked(
        url.rpartition("/")[0] + "/postgres",
        f"CREATE DATABASE {copy.rpartition('/')[2]} TEMPLATE {url.rpartition('/')[2]}",
    )
    async with bus_at(url) as bus:
        async with store_at(url.replace("127.0.0.1", "localhost"), bus) as store:
            await leave(store, row("m2"))
        async with store_at(copy, bus, joins=False) as elsewhere:
            await leave(elsewhere, row("m3"))
            assert await queue_of(elsewhere) == ["m3"]
            assert await ids(bus) == ["m1", "m2"]
            assert (await asked(copy, "SELECT count(*) FROM partita_log.record"))[0][0] == 1
            await relayed(elsewhere, bus)
        assert await ids(bus) == ["m1", "m2", "m3"]


async def test_a_user_without_rights_on_the_log_keeps_its_relay(url: str) -> None:
    """A service's user may have its schema alone: then the bus's user, which a relay has, brings the messages."""
    name = f"user_{next(NUMBERS)}"
    await asked(url, f"CREATE ROLE {name} LOGIN; GRANT CREATE ON DATABASE {url.rpartition('/')[2]} TO {name}")
    theirs = url.replace("postgres@", f"{name}@")
    async with bus_at(url) as bus:
        async with store_at(theirs, bus, joins=False) as store:
            await leave(store, row("m1"))
            assert await queue_of(store) == ["m1"]
        await asked(
            url,
            f"GRANT USAGE ON SCHEMA partita_log TO {name}; GRANT SELECT ON ALL TABLES IN SCHEMA partita_log TO {name}",
        )
        async with store_at(theirs, bus, joins=False):
            pass
        await asked(url, f"GRANT INSERT ON partita_log.record TO {name}; GRANT UPDATE ON partita_log.place TO {name}")
        async with store_at(theirs, bus) as store:
            await relayed(store, bus)
            await leave(store, row("m2"))
        assert await ids(bus) == ["m1", "m2"]


async def test_an_outbox_that_another_program_reads_is_not_joined(url: str) -> None:
    """It reads the outbox's table: what is only in the log would never reach it."""
    async with bus_at(url) as bus:
        async with store_at(url, None) as store, store.transaction() as session:
            await session.execute("INSERT INTO partita_meta (name, value) VALUES ('outbox_slot', 'debezium')", {})
        async with store_at(url, bus, joins=False) as store:
            await leave(store, row("m1"))
            assert await queue_of(store) == ["m1"]


async def test_a_topic_that_the_log_does_not_have_yet_is_made_by_the_relay(url: str) -> None:
    """Topics are introduced beside the work; a message may be earlier."""
    async with both(url) as (bus, store):
        await leave(store, row("m1", "a", "t.new"), row("m2", None, "t.new"))
        assert await queue_of(store) == ["m1", "m2"]
        await relayed(store, bus)
        await leave(store, row("m3", "a", "t.new"))
        assert not await queue_of(store)
        found = [envelope_from_bytes(r.headers).id for r in await records(bus, TopicSpec(name="t.new"))]
        assert sorted(found) == ["m1", "m2", "m3"]


async def test_a_large_batch_is_whole_and_one_beyond_the_limit_goes_by_the_queue(url: str) -> None:
    """The message to the server has a bound; behind what goes by the queue the rest of the key follows."""
    async with both(url) as (bus, store):
        large = row("large", "a", value=b"\xff\x00" * (RECORD_BYTES_MAX // 3))
        await leave(store, *(row(f"m{n}", f"k{n % 30}", value=bytes([n % 256]) * 1_000) for n in range(1_500)), large)
        found = await records(bus)
        assert len(found) == 1_501 and not await queue_of(store)
        for partition in range(EVENTS.partitions):
            assert [r.offset for r in found if r.partition == partition] == list(
                range(1, sum(r.partition == partition for r in found) + 1)
            )
        (there,) = [r for r in found if r.key == "a"]
        assert there.value == large.payload
        heavy = bytes(RECORD_BYTES_MAX - 2_000)
        many = [row(f"b{n}", "b", value=heavy) for n in range(within.BYTES_MAX // len(heavy) + 1)]
        await leave(store, row("n1", "a"), *many, row("n3", "b"), row("n4", "a"))
        assert await queue_of(store) == [many[-1].id, "n3"]


async def test_odd_texts_come_through(url: str) -> None:
    """They are written as literals of SQL: no text may end one, under any setting of the server."""
    odd = [
        *ODD_KEYS,
        "a\\b",
        "\\",
        "'",
        "''; DROP SCHEMA partita_log CASCADE; --",
        '{"a","b"}',
        "NULL",
        "\\x41",
        ",",
        '"',
        "E'",
        "$1",
    ]
    for setting in ("on", "off"):
        await asked(url, f"ALTER DATABASE {url.rpartition('/')[2]} SET standard_conforming_strings TO {setting}")
        async with both(url) as (bus, store):
            value = {key: key.encode() + b"\\'\x00\xff" for key in odd}
            await leave(store, *(row(f"m{n} {key[:9]}", key, value=value[key]) for n, key in enumerate(odd)))
            found = await records(bus)
            assert {r.key: r.value for r in found} == value
            names = {r.key: envelope_from_bytes(r.headers).id for r in found}
            written = {
                told(key): told(name) for key, name in await asked(url, "SELECT key, id FROM partita_log.record")
            }
            assert written == names


async def test_people_read_one_history_of_both_ways(url: str) -> None:
    """The journey of a key, whichever way its messages went; and of each service its own."""
    async with both(url) as (bus, store), store_at(url, bus, "other") as other:
        async with store.transaction() as session:
            await leave_in(session, [row("m1", "a")], queued=True)
        await relayed(store, bus)
        await leave(store, row("m2", "a"))
        await leave(other, row("m3", "a"))
        async with store.reading() as session:
            assert await session.trail.correlations("a") == ["of m1", "of m2"]
            found = await session.trail.messages(["of m1", "of m2", "of m3"])
        assert [(r.message_id, r.type, r.topic, r.key, r.causation_id, r.payload) for r in found] == [
            (name, "t.Happened", EVENTS.name, "a", "cause", b"v") for name in ("m1", "m2")
        ]
        async with store_at(url, None) as unjoined, unjoined.reading() as session:
            assert await session.trail.correlations("a") == ["of m1", "of m2"], "a command that reads joins nothing"


async def test_another_log_gets_what_was_written_into_the_former_one(url: str) -> None:
    """The app is given another bus: what it wrote into its own database's log is sent again, as kept rows of an outbox are."""
    async with both(url) as (bus, store):
        async with store.transaction() as session:
            await leave_in(session, [row("m1", "a")], queued=True)
        await relayed(store, bus)
        await leave(store, *(row(f"n{n}", f"k{n % 3}") for n in range(1_200)))
        now_us = await store.now_us()
        async with store.transaction() as session:
            assert (await session.outbox.requeue(0))[0] == 1, "its own log has the others"
        await relayed(store, bus)
    async with store_at(url, None) as store:
        async with store.transaction() as session:
            assert (await session.outbox.requeue(now_us + 3_600_000_000))[0] == 1, "the rest is past the window"
        async with store.transaction() as session:
            assert (await session.outbox.requeue(0))[0] == 1_201
        async with store.transaction() as session:
            assert (await session.outbox.requeue(0))[0] == 1_201, "each once"


async def test_a_log_that_is_gone_is_an_outage(url: str) -> None:
    """It was dropped under a running process: nothing is taken for handled, and it is no fault of a message."""
    async with both(url) as (_, store):
        await leave(store, row("m1"))
        await asked(url, "DELETE FROM partita_log.place")
        with pytest.raises(PartitaError, match="the log is not the one"):
            await leave(store, row("m2"))
