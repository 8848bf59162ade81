"""On PostgreSQL, too, frequent statements cost the same with a million rows of history, whatever plan the server
chooses."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from partita.machine.system import this_machine
from partita.store.connect import connect_store

asyncpg = pytest.importorskip("asyncpg", reason="no asyncpg here; to run these tests: pip install 'partita[postgres]'")
pytestmark = [pytest.mark.slow]

from partita.store.postgres import dead_letters, inbox, key_rows, outbox, parking, sagas, tombstones  # noqa: E402

FILL = {
    "inbox": """INSERT INTO inbox (consumer, message_id, type, key, correlation_id, payload_hash, at_us, outcome)
        SELECT 'g', 'm' || i, 't', 'k' || i % 1000, 'c' || i, 'h', i, 'handled' FROM generate_series($1::int, $2::int) AS i""",
    "outbox": """INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, headers, correlation_id, slot, at_us)
        SELECT 'm' || i, 't', 'k' || i % 1000, 't', '', '', 'c' || i, i % 16, i FROM generate_series($1::int, $2::int) AS i""",
    "dead_letter": """INSERT INTO dead_letter (id, consumer, topic, partition, "offset", message_id, type, correlation_id,
        cause_type, cause, stack, fingerprint, attempts, headers, value, at_us, status, reason, closed_us, superseded_by)
        SELECT 'd' || i, 'g', 't', 0, i, 'm' || i, 't', 'c', 'x', 'x', 'x', 'f', 1, '', '', i,
               CASE i % 2 WHEN 0 THEN 'open' ELSE 'discarded' END, '', CASE i % 2 WHEN 0 THEN 0 ELSE i END, ''
        FROM generate_series($1::int, $2::int) AS i""",
    "failure": """INSERT INTO failure (consumer, message_id, at_us, stage, tries, cause_type, cause, fingerprint)
        SELECT 'g', 'm' || i, i, 's', 1, 'x', 'x', 'f' FROM generate_series($1::int, $2::int) AS i""",
    "parked": """INSERT INTO parked (consumer, topic, partition, "offset", key, message_id, type, state, delay, due_us, tries,
        step, source, number, headers, value, appended_us, at_us)
        SELECT 'g', 't', 0, i, 'k' || i, 'p' || i, 't', 'waiting', 0, i, 1, '', '', 0, '', '', i, i
        FROM generate_series($1::int, $2::int) AS i""",
    "saga": """INSERT INTO saga (saga, saga_id, definition_version, status, step, epoch, data, due_us, last_error, correlation_id,
        started_us, updated_us, version, wake_us, history)
        SELECT 's', 'k' || i, 1, 'running', 'a', 1, 'd', i, '', 'c', 1, 1, 1, i, '' FROM generate_series($1::int, $2::int) AS i""",
}
ALL, SOME = 10**15, 100
# As the ledger does it, which reads the rows in between.
INBOX_PURGE = f"DELETE FROM inbox WHERE seq = ANY(ARRAY(SELECT seq FROM ({inbox.OLDEST}) AS o))"
STATEMENTS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "inbox.PURGE": (INBOX_PURGE, (SOME, ALL)),
    "inbox.PURGE of nothing": (INBOX_PURGE, (SOME, 0)),
    "outbox.PURGE": (outbox.PURGE, (SOME, ALL)),
    "outbox.PURGE of nothing": (outbox.PURGE, (SOME, 0)),
    "dead_letters.PURGE": (dead_letters.PURGE, (ALL, SOME)),
    "dead_letters.PURGE of nothing": (dead_letters.PURGE, (0, SOME)),
    "dead_letters.PURGE_FAILURES": (dead_letters.PURGE_FAILURES, (ALL, 0, SOME)),
    "dead_letters.PURGE_FAILURES of nothing": (dead_letters.PURGE_FAILURES, (0, 0, SOME)),
    "parking.OVERDUE_READY": (parking.OVERDUE_READY, ("g", ALL, SOME)),
    "inbox.SEEN": (inbox.SEEN, ("g", ["m7", "m8"])),
    "outbox.STATUS": (outbox.STATUS, ()),
    "key_rows.WRITE": (
        key_rows.WRITE.format("$1", "$2", "$3"),
        ('[["k1", 0, {"t": 2}, 0, {"t s": 2}, {"t": 1}]]', "id", "1"),
    ),
    "sagas.DUE": (sagas.DUE, (ALL, SOME, "m")),
    "sagas.REARM": (sagas.REARM, (ALL, SOME)),
    "tombstones.FIND": (tombstones.FIND, (["s"],)),
}
FEW, MANY = 5_000, 100_000


@pytest.fixture
async def connection(server: str) -> AsyncIterator[Any]:
    store = connect_store(server, this_machine(), service="plans", tables="")
    await store.open()
    await store.close()
    # No table is vacuumed meanwhile, as behind a transaction that stays open.
    connection = await asyncpg.connect(server, server_settings={"search_path": "plans"}, statement_cache_size=0)
    try:
        await connection.execute("UPDATE partita_meta SET value = 'id' WHERE name = 'id'")  # as RESERVE is run here
        for table in FILL:
            await connection.execute(f"TRUNCATE {table} RESTART IDENTITY")
            await connection.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
        yield connection
    finally:
        await connection.close()


async def fill(connection: Any, first: int, last: int) -> None:
    for sql in FILL.values():
        await connection.execute(sql, first, last)


async def pages(connection: Any, name: str, mode: str) -> int:
    """The number of pages that the server touches for a statement, planned for its values or once for all; its
    changes are undone."""
    sql, values = STATEMENTS[name]
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(f"SET LOCAL plan_cache_mode = {mode}")
        told = ", ".join(quoted(value) for value in values)
        await connection.execute(f"PREPARE it AS {sql}")
        said = await connection.fetchval(
            f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE it{f'({told})' if told else ''}"
        )
        (plan,) = json.loads(said)
        return int(plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"])
    finally:
        await transaction.rollback()
        await connection.execute("DEALLOCATE ALL")


def batch(name: str) -> int:
    """The number of rows that a statement may read: none are free, and each may take a page or two of an index."""
    return SOME if SOME in STATEMENTS[name][1] else 0


def quoted(value: Any) -> str:
    """A value in SQL."""
    if isinstance(value, list):
        return f"ARRAY[{', '.join(map(quoted, value))}]"
    return f"'{value}'" if isinstance(value, str) else str(value)


@pytest.mark.parametrize("analyzed", [False, True], ids=["no statistics yet", "analyzed"])
async def test_forty_times_the_history_costs_no_more_pages(connection: Any, analyzed: bool) -> None:
    """Pages, not seconds: they do not depend on other users of the machine. An index that is a level deeper costs one
    page more for each row."""
    plans = [(name, mode) for name in STATEMENTS for mode in ("force_custom_plan", "force_generic_plan")]
    await fill(connection, 1, FEW)
    if analyzed:
        await connection.execute("ANALYZE")
    few = {plan: await pages(connection, *plan) for plan in plans}
    await fill(connection, FEW + 1, MANY)
    if analyzed:
        await connection.execute("ANALYZE")
    many = {plan: await pages(connection, *plan) for plan in plans}
    grown = {plan: (few[plan], many[plan]) for plan in plans if many[plan] > 2 * few[plan] + 50 + 3 * batch(plan[0])}
    assert not grown


@pytest.mark.parametrize("name", ["inbox.PURGE", "outbox.PURGE", "dead_letters.PURGE"])
async def test_what_was_forgotten_before_costs_the_next_batch_little(connection: Any, name: str) -> None:
    """Deleted rows that are not vacuumed yet come before the oldest living ones."""
    await fill(connection, 1, MANY)
    sql, values = STATEMENTS[name]
    first = await pages(connection, name, "auto")
    for _ in range(100):
        await connection.execute(sql, *values)
    await pages(connection, name, "auto")  # the first to pass dead entries marks them
    assert await pages(connection, name, "auto") < 3 * first + 300


async def test_a_batch_locks_a_batch(connection: Any) -> None:
    """Whatever rows exist, no transaction waits for a clean-up of a million rows."""
    await fill(connection, 1, FEW)
    for name, table in (("inbox.PURGE", "inbox"), ("outbox.PURGE", "outbox"), ("dead_letters.PURGE", "dead_letter")):
        sql, values = STATEMENTS[name]
        before = await connection.fetchval(f"SELECT count(*) FROM {table}")
        await connection.execute(sql, *values)
        assert before - await connection.fetchval(f"SELECT count(*) FROM {table}") == SOME
    sql, values = STATEMENTS["parking.OVERDUE_READY"]
    assert await connection.execute(sql, *values) == f"UPDATE {SOME}"
