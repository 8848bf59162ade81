"""The PostgreSQL store passes the suite on a real server, and cases that only servers and several writers have."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from tests.conformance.schemas import SERVICES, store_at

from partita.clock import SystemClock
from partita.errors import PartitaError, StoreContended, StoreMismatch, StoreUnavailable, TransactionEnded
from partita.machine.system import this_machine
from partita.store.claims import InHand
from partita.store.connect import connect_store
from partita.store.port import Store
from partita.testing.conformance import admission
from partita.testing.conformance import store as store_suite
from partita.testing.conformance.rows import inbox_row, opened, outbox_row, parked_row

pytest.importorskip("asyncpg", reason="no asyncpg here; to run these tests: pip install 'partita[postgres]'")
pytestmark = [pytest.mark.slow]
PATIENCE_S = 60.0


async def claimed(store: Store, owner: str) -> tuple[int, InHand | None]:
    async with store.transaction(durable=False) as session:
        return await session.claims.claim("group", "topic", 0, owner)


@pytest.mark.parametrize("case", store_suite.CASES, ids=lambda c: c.__name__)
async def test_the_postgres_store(case: store_suite.Case, server: str) -> None:
    await case(store_at(server))


async def test_a_store_whose_undos_and_commands_pass_each_other_does_not_pass(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """READ COMMITTED shows to neither of them the rows that the other is about to write."""
    from partita.store.postgres import tombstones

    monkeypatch.setattr(tombstones, "HOLD", "SELECT 1 WHERE cardinality($1::text[]) + cardinality($2::boolean[]) < 0")
    for case in (admission.a_command_waits_for_the_undo_before_it, admission.an_undo_waits_for_the_command_before_it):
        with pytest.raises(AssertionError, match="it passed the"):
            await case(store_at(server))


async def test_many_rows_keep_the_order_in_which_they_were_added(server: str) -> None:
    """They are written in another way than few rows; rows that do not travel are kept beside them, and not queued."""
    async with opened(store_at(server)) as store:
        for first, count in ((0, 3), (3, 500), (503, 3)):
            async with store.transaction() as session:
                await session.outbox.add([outbox_row(f"o{n}") for n in range(first, first + count)])
                await session.outbox.add([outbox_row(f"kept{first}/{n}") for n in range(count)], queued=False)
        async with store.reading() as session:
            rows = [row for _, row in await session.outbox.unsent([0], 1_000)]
            status = await session.outbox.status()
    assert [row.id for row in rows] == [f"o{n}" for n in range(506)]
    assert (status.pending, status.total) == (506, 1_012)


async def test_a_take_over_waits_for_a_transaction_that_passed_the_fence(server: str) -> None:
    """The transaction passed the fence, so it may commit, and the successor must begin behind it. The process's own
    note of records in hand does not wait for the transaction."""
    async with opened(store_at(server)) as store:
        epoch, _ = await claimed(store, "one")
        async with store.transaction() as session:
            await session.claims.check("group", [("topic", 0, epoch)])
            await asyncio.wait_for(store.take("group", [InHand("topic", 0, 1, 2)], [epoch]), PATIENCE_S)
            with pytest.raises(StoreContended):  # it has other work until then
                await asyncio.wait_for(claimed(store, "two"), PATIENCE_S)
        assert await claimed(store, "two") == (epoch + 1, InHand("topic", 0, 1, 2))


async def test_nobody_is_parked_behind_a_message_that_goes(server: str) -> None:
    """A transaction that found the key held adds behind the head; one that removes the head meanwhile makes it ready."""
    async with opened(store_at(server)) as store:
        async with store.transaction() as session:
            await session.parking.add([parked_row("m1", state="ready")])

        async def remove() -> int:
            async with store.transaction() as session:
                return await session.parking.remove("group", ["m1"])

        async with store.transaction() as session:
            assert await session.parking.held("group", [("topic", "k")])
            removing = asyncio.ensure_future(remove())
            await asyncio.wait([removing], timeout=0.2)
            await session.parking.add([parked_row("m2")])
        assert await asyncio.wait_for(removing, PATIENCE_S) == 1
        async with store.reading() as session:
            assert [row.message_id for row in await session.parking.ready("group", [("topic", 0)], 9)] == ["m2"]


async def test_two_who_remove_of_one_key_leave_a_head(server: str) -> None:
    """Each transaction still sees the other's message: the third message must not wait behind a removed one."""
    async with opened(store_at(server)) as store:
        async with store.transaction() as session:
            await session.parking.add([parked_row("m1", state="ready"), parked_row("m2"), parked_row("m3")])

        async def remove(message_id: str) -> None:
            async with store.transaction() as session:
                await session.parking.remove("group", [message_id])
                await asyncio.sleep(0.05)

        await asyncio.gather(remove("m1"), remove("m2"))
        async with store.reading() as session:
            assert [row.message_id for row in await session.parking.ready("group", [("topic", 0)], 9)] == ["m3"]


async def test_a_user_s_sql_is_one_text_for_both_stores(server: str) -> None:
    """Strings, casts, comments and quoted names are left alone; values become what the server expects."""
    async with opened(store_at(server)) as store:
        async with store.transaction() as session:
            await session.execute(
                "CREATE TABLE t (id BIGINT PRIMARY KEY, n NUMERIC, ok BOOLEAN, r DOUBLE PRECISION, s TEXT, b BYTEA, at TIMESTAMPTZ)",
                {},
            )
            row = {"id": 1, "n": 2, "ok": 1, "r": 3, "s": ":id", "b": b"\0", "at": "2026-01-02T03:04:05+00:00"}
            await session.execute("INSERT INTO t VALUES (:id, :n, :ok, :r, :s, :b, :at) -- not :this; nor that\n;", row)
            found = await session.fetch(
                """SELECT id, n, ok, r, b, s AS "a:id", ':id' AS quoted, :cast::int AS cast_, $$:id$$ AS dollar /* :x */
                FROM t WHERE id = :id AND (:none::text IS NULL OR s = :none)""",
                {"id": 1, "cast": 7, "none": None},
            )
            assert list(found[0].values()) == [1, 2, True, 3.0, b"\0", ":id", ":id", 7, ":id"]
        async with store.transaction() as session:
            assert await session.execute_many(
                "INSERT INTO t (id, n) VALUES (:id, :n) ON CONFLICT DO NOTHING",
                [{"id": 1, "n": 1}, {"id": 2, "n": 0.1}, {"id": 2, "n": True}, {"id": 3, "n": None}],
            ) == [0, 1, 0, 1]
            many = "SELECT id, n FROM t WHERE id >= :id ORDER BY id"
            found_many = await session.fetch_many(many, [{"id": 3}, {"id": 9}, {"id": 1}])
            assert [[row["id"] for row in rows] for rows in found_many] == [[3], [], [1, 2, 3]]
            assert str(found_many[2][1]["n"]) == "0.1"
            with pytest.raises(PartitaError, match=":absent"):
                await session.fetch("SELECT :absent::int", {})


@pytest.mark.parametrize(
    "sql", ["/* now */ COMMIT", "-- now\nROLLBACK", "SET search_path TO public", "start transaction"]
)
async def test_a_statement_of_the_transaction_is_refused_behind_a_comment(sql: str, server: str) -> None:
    async with opened(store_at(server)) as store, store.transaction() as session:
        with pytest.raises(PartitaError, match="is not for handlers"):
            await session.execute(sql, {})


async def test_a_transaction_whose_statement_failed_cannot_pass_for_committed(server: str) -> None:
    """PostgreSQL answers such a COMMIT with a rollback and no error: a handler that went on must get the error."""
    import asyncpg

    async with opened(store_at(server)) as store:
        async with store.transaction() as session:
            await session.execute("CREATE TABLE once (id INT PRIMARY KEY)", {})
            await session.execute("INSERT INTO once VALUES (1)", {})
        with pytest.raises(asyncpg.UniqueViolationError):
            async with store.transaction() as session:
                await session.inbox.mark([inbox_row("m1")])
                with contextlib.suppress(asyncpg.UniqueViolationError):
                    await session.execute("INSERT INTO once VALUES (1)", {})
        async with store.transaction() as session:
            with contextlib.suppress(asyncpg.UniqueViolationError):
                async with session.savepoint():
                    await session.execute("INSERT INTO once VALUES (1)", {})
            await session.inbox.mark([inbox_row("m2")])
        async with store.reading() as session:
            assert set(await session.inbox.seen("group", ["m1", "m2"])) == {"m2"}


async def test_a_handler_s_own_mistakes_are_not_taken_for_a_server_that_is_away(server: str) -> None:
    """A transient failure is run again for ever; a mistake has its tries and is a dead letter."""
    async with opened(store_at(server, tables="CREATE TABLE IF NOT EXISTS held (id INT)")) as store:
        await store.create_tables()
        async with store.transaction() as session:
            await session.execute("INSERT INTO held VALUES (1)", {})

        async def fails(*sql: str) -> Exception:
            with pytest.raises(Exception) as raised:  # its description is its query
                async with store.transaction() as session:
                    for each in sql[:-1]:
                        await session.execute(each, {})
                    last = [session.fetch(each, {}) for each in sql[-1].split(";")]
                    await asyncio.gather(*last)
            return raised.value

        blamed = [
            await fails("SELECT pg_sleep(0.01); SELECT pg_sleep(0.02)"),
            await fails("SELECT $1::int AS one"),
            await fails("SET LOCAL statement_timeout TO 20", "SELECT pg_sleep(5)"),
        ]
        async with store.transaction() as other:
            await other.fetch("SELECT id FROM held FOR UPDATE", {})
            blamed.append(await fails("SELECT id FROM held FOR UPDATE NOWAIT"))
            waited = await fails("SET LOCAL lock_timeout TO 20", "SELECT id FROM held FOR UPDATE")
        assert not [error for error in blamed if isinstance(error, PartitaError)], blamed
        assert isinstance(waited, StoreContended), "somebody was in its way"


async def test_a_lost_connection_blames_no_message(server: str) -> None:
    """The server ends it within a transaction: nothing is kept, and the next one runs on another connection."""
    async with opened(store_at(server)) as store:
        with pytest.raises(StoreUnavailable):
            async with store.transaction() as session:
                await session.inbox.mark([inbox_row("m1")])
                await session.fetch("SELECT pg_terminate_backend(pg_backend_pid())", {})
        async with store.transaction() as session:
            assert not await session.inbox.seen("group", ["m1"])


async def test_a_deadlock_is_run_again(server: str) -> None:
    """Neither is at fault: one of the two gets an error and runs again."""
    async with opened(store_at(server)) as store:
        async with store.transaction() as session:
            await session.execute("CREATE TABLE pair (id INT PRIMARY KEY, n INT)", {})
            await session.execute("INSERT INTO pair VALUES (1, 0), (2, 0)", {})
        both = asyncio.Barrier(2)

        async def write(first: int, second: int) -> None:
            async with store.transaction() as session:
                await session.execute("UPDATE pair SET n = n + 1 WHERE id = :id", {"id": first})
                await both.wait()
                await session.execute("UPDATE pair SET n = n + 1 WHERE id = :id", {"id": second})

        outcomes = await asyncio.gather(write(1, 2), write(2, 1), return_exceptions=True)
        assert sorted(type(each).__name__ for each in outcomes) == ["NoneType", "StoreContended"]


async def test_a_transaction_that_stands_still_lets_go_of_its_locks(server: str) -> None:
    """A process that is stopped within a transaction may stay so for hours, and the process that takes over waits for
    its locks."""
    open_store = store_at(f"{server}?idle_s=0.5")
    async with opened(open_store) as one, opened(open_store) as two:
        async with one.transaction() as session:
            await session.sequences.reserve({("topic", "k"): 1})  # a key without a row cannot be locked
        with pytest.raises(TransactionEnded, match="was idle for longer than idle_s"):
            async with one.transaction() as session:
                await session.sequences.reserve({("topic", "k"): 1})
                async with two.transaction() as successor:  # waits until the first is ended by the server
                    assert await successor.sequences.reserve({("topic", "k"): 1}) == {("topic", "k"): 1}


async def test_a_transaction_is_read_committed_whatever_the_default_is(server: str) -> None:
    """The locks are made for this level: under another one a transaction that waited for a lock would not see the
    former holder's commit."""
    async with opened(store_at(f"{server}?default_transaction_isolation=serializable")) as store:
        async with store.transaction() as session:
            (row,) = await session.fetch("SELECT current_setting('transaction_isolation') AS level", {})
    assert row["level"] == "read committed"


async def test_a_wake_up_connection_that_does_not_come_holds_nobody_up(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a convenience: each transaction asks for the time first, and would wait ten seconds for it."""
    from partita.databases.postgres.database import Database

    class Clock(SystemClock):
        ahead_s = 0.0

        def monotonic(self) -> float:
            return super().monotonic() + self.ahead_s

    clock, tried = Clock(), asyncio.Event()
    store = connect_store(server, this_machine(clock), service="deaf", tables="")
    await store.open()
    try:
        async with store.reading(consistent=False) as session:
            await session.fetch(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE query LIKE 'LISTEN%' AND pid <> pg_backend_pid()",
                {},
            )

        async def hangs(_: Database) -> None:
            tried.set()
            await asyncio.Event().wait()

        monkeypatch.setattr(Database, "connect", hangs)
        clock.ahead_s = 60.0
        await asyncio.wait_for(store.now_us(), 5)
        await asyncio.wait_for(tried.wait(), 5)
    finally:
        await asyncio.wait_for(store.close(), 5)


async def test_another_opening_hears_of_committed_rows(server: str) -> None:
    """The relay may be another process: LISTEN notifies it at once."""
    open_store = store_at(server)
    async with opened(open_store) as one, opened(open_store) as two:
        async with one.transaction() as session:
            await session.outbox.add([outbox_row("o1")])
        await asyncio.wait_for(two.bell.wait(), 5)


async def test_the_clock_is_the_database_s_and_never_goes_back(server: str) -> None:
    """Timers use it, on whatever machine."""
    async with opened(store_at(server)) as store:
        times = [await store.now_us() for _ in range(50)]
        async with store.reading() as session:
            said = (await session.fetch("SELECT extract(epoch FROM clock_timestamp())::float AS s", {}))[0]["s"]
    assert times == sorted(times)
    assert abs(times[-1] / 1_000_000 - said) < 1


async def test_time_goes_on_where_the_newest_row_stands(server: str) -> None:
    """The server's clock was set back by an hour: if our time did not move for as long, it would hold every timer."""

    class Clock(SystemClock):
        ahead_s = 0.0

        def monotonic(self) -> float:
            return super().monotonic() + self.ahead_s

    open_store, clock = store_at(server, "set-back"), Clock()
    async with opened(open_store) as store:
        ahead_us = await store.now_us() + 3_600 * 10**6
        async with store.transaction() as session:
            await session.outbox.add([outbox_row("o1", at_us=ahead_us)])
    store = connect_store(server, this_machine(clock), service="set-back", tables="")
    await store.open()
    try:
        before = await store.now_us()
        clock.ahead_s = 0.5
        between = await store.now_us()
        clock.ahead_s = 60.0
        after = await store.now_us()
    finally:
        await store.close()
    assert before >= ahead_us
    assert between - before >= 500_000 and after - between >= 59 * 10**6


async def test_a_database_of_a_newer_partita_or_of_another_program_is_refused(server: str) -> None:
    """It is left unchanged."""
    open_store = store_at(server, "newer")
    async with opened(open_store) as store, store.transaction() as session:
        await session.execute("INSERT INTO partita_migration (number) VALUES (:n)", {"n": 999})
        await session.execute("CREATE SCHEMA others", {})
        await session.execute("CREATE TABLE others.things (id INT)", {})
    with pytest.raises(StoreMismatch, match="newer"):
        await open_store()
    with pytest.raises(StoreMismatch, match="another program"):
        await store_at(server, "others")()


async def test_openings_at_once_make_one_database(server: str) -> None:
    """All processes of a service start together on an empty database."""
    open_store = store_at(
        server, tables="CREATE TABLE IF NOT EXISTS mine (id INT); CREATE INDEX IF NOT EXISTS m ON mine (id)"
    )
    stores = await asyncio.gather(*(open_store() for _ in range(4)))
    try:
        await asyncio.gather(*(store.create_tables() for store in stores))
        assert len({store.source for store in stores}) == 1
    finally:
        for store in stores:
            await store.close()


async def test_a_database_put_back_from_a_copy_gets_another_source(server: str) -> None:
    """It counts its keys again: under the old source its new messages would be taken for copies of old ones."""
    open_store = store_at(server)
    async with opened(open_store) as store:
        before = store.source
        async with store.transaction() as session:
            await session.execute("UPDATE partita_meta SET value = 'elsewhere' WHERE name = 'place'", {})
    async with opened(open_store) as store:
        after = store.source
    async with opened(open_store) as store:
        assert (after, store.source) == (before.removesuffix(".1") + ".2", after)


async def test_a_member_whose_heart_stands_still_is_replaced(server: str) -> None:
    """Only the observer's own clock counts; the connection of a process that hangs is still open."""
    clock = HandClock()
    service = next(SERVICES)
    async with opened(store_at(server, service)) as hung:
        before = await hung.leases.tick("scope", ["r"], "hung")
        store = connect_store(server, this_machine(clock), service=service, tables="")
        await store.open()
        try:
            assert not await store.leases.tick("scope", ["r"], "other")
            clock.seconds += 2.9
            assert not await store.leases.tick("scope", ["r"], "other")
            clock.seconds += 0.2
            (lease,) = await store.leases.tick("scope", ["r"], "other")
            assert lease.epoch > before[0].epoch
            assert not await hung.leases.tick("scope", ["r"], "hung"), "who wakes up holds nothing"
        finally:
            await store.close()


async def test_it_works_without_prepared_statements(server: str) -> None:
    """As a pooler in transaction mode needs it."""
    open_store = store_at(f"{server}?statement_cache_size=0&pool_max=3")
    await store_suite.statements_run_once_for_each_row(open_store)


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        await store_at("postgresql://nobody:secret@127.0.0.1:1/none")()


class HandClock(SystemClock):
    """A clock whose monotonic time the test moves."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 100.0

    def monotonic(self) -> float:
        return self.seconds
