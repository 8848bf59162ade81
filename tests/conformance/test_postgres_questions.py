"""The queries of a batch cost the same on a long history, also by plans made before there was one."""

from __future__ import annotations

import pytest

from partita.machine.system import this_machine
from partita.message import SagaAddress
from partita.store.connect import connect_store
from partita.store.outbox import OutboxRow
from partita.store.port import Asked, Session, Store
from partita.store.sagas import SagaEvent
from partita.store.tombstones import Tombstone
from partita.testing.conformance.rows import inbox_row, outbox_row, saga_row

pytest.importorskip("asyncpg", reason="no asyncpg here; to run these tests: pip install 'partita[postgres]'")
pytestmark = [pytest.mark.slow]

HISTORY = """
INSERT INTO inbox (consumer, message_id, type, key, correlation_id, payload_hash, at_us, outcome)
    SELECT 'group', 'h' || n, 'type', 'k' || n, 'c', 'hash', 1, 'handled' FROM generate_series(1, 20000) AS n;
INSERT INTO key_numbers SELECT 'h' || n, 1, '{}', '{"topic source": 1}' FROM generate_series(1, 20000) AS n;
INSERT INTO saga (saga, saga_id, definition_version, status, step, epoch, data, last_error, correlation_id, started_us,
                  updated_us, version, history)
    SELECT 'Saga', 'h' || n, 1, 'completed', 's', 1, 'd', '', 'c', 1, 1, 1, '' FROM generate_series(1, 20000) AS n;
INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, headers, correlation_id, slot, at_us)
    SELECT 'h' || n, 'topic', 'k', 'type', 'p', 'h', 'c', 0, 1 FROM generate_series(1, 20000) AS n;
INSERT INTO tombstone SELECT 'Saga', 'h' || n, 'step', 1, 1, 'r' FROM generate_series(1, 20000) AS n;
"""
READ = """
SELECT relname AS name, seq_tup_read + coalesce(idx_tup_fetch, 0) AS rows FROM pg_stat_xact_user_tables
WHERE schemaname = current_schema() AND relname IN ('inbox', 'key_numbers', 'saga', 'outbox', 'outbox_queue', 'tombstone')
"""
TOUCHED = 1_000
"""A batch of ten reads each of its rows a few times, and the server counts those of the second before along."""


async def batch(store: Store, session: Session, name: str) -> None:
    """The queries and writes of handling ten messages."""
    ids = [f"{name}{n}" for n in range(10)]
    places = [("source", "topic", key) for key in ids]
    steps = [("Saga", key, "step") for key in ids]
    await session.read_known(
        Asked(
            "group",
            (),
            [("group", i) for i in ids],
            places,
            [("topic", i) for i in ids],
            steps,
            ids,
            loaded := [("Saga", i) for i in ids],
        )
    )
    assert not [row for _, i in loaded if (row := (await session.sagas.load("Saga", [i])).get(i))]
    await session.inbox.mark([inbox_row(i) for i in ids])
    session.sequences.count_in(dict.fromkeys(places, 1))
    await session.sequences.write()
    session.sequences.count_in(dict.fromkeys(places, 2))
    await session.sagas.save([saga_row(i) for i in ids], [SagaEvent("Saga", i, 1, 1, "k", "s", "m", "") for i in ids])
    loaded = await session.sagas.load("Saga", ids)
    await session.sagas.save(list(loaded.values()), [])
    await session.inbox.resolve("group", [(i, "refused", None) for i in ids])
    await session.tombstones.add([Tombstone(SagaAddress("Saga", i, "step", 1, "undo"), 1, b"r") for i in ids])
    rows: list[OutboxRow] = [outbox_row(i) for i in ids]
    await session.outbox.add(rows)
    assert len(await session.outbox.unsent([0, 1, 2, 3], 10)) == 10


async def test_plans_of_an_empty_database_read_no_history(server: str) -> None:
    """The plans are made on tables of a page, counted by ANALYZE. Then every table grows, and no plan is made again."""
    store = connect_store(f"{server}?pool_max=1", this_machine(), service="group", tables="")
    await store.open()
    try:
        for turn in range(8):
            async with store.transaction() as session:
                await batch(store, session, f"w{turn}-")
                unsent = await session.outbox.unsent([0], 100)
            await store.sent([(slot, row.seq) for slot, row in unsent])
            if not turn:
                async with store.transaction() as session:
                    for table in ("inbox", "key_numbers", "saga", "outbox", "outbox_queue", "tombstone"):
                        await session.execute(f"ANALYZE {table}", {})
        async with store.transaction() as session:
            for statement in filter(None, map(str.strip, HISTORY.split(";\n"))):
                await session.execute(statement, {})
        async with store.transaction() as session:
            await batch(store, session, "x")
            read = {row["name"]: row["rows"] for row in await session.fetch(READ, {})}
    finally:
        await store.close()
    assert read.keys() == {"inbox", "key_numbers", "saga", "outbox", "outbox_queue", "tombstone"}
    assert not {name: rows for name, rows in read.items() if rows > TOUCHED}, read
