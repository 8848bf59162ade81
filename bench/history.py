"""The cost of old messages: the same work with and without millions of rows in every ledger, in turn."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from checkout import app
from ours import OTHERS, median, send
from place import Place, Stage

CHUNK = 1_000_000


def history(rows: int, count: int, runs: int, stage: Stage) -> float:
    """How much longer the same work takes with so many old messages in every ledger: the median of runs in turn."""
    with stage.place() as young, stage.place() as old:
        asyncio.run(_rate(old, 0, 100))  # makes the tables
        for name in ("orders", *OTHERS):
            _age(old, name, rows)
        ratios = []
        for turn in range(1, runs + 1):
            fresh = asyncio.run(_rate(young, turn, count))
            ratios.append(fresh / asyncio.run(_rate(old, turn, count)))
        return median(ratios)


async def _rate(where: Place, turn: int, count: int) -> float:
    """Checkouts per second in one process."""
    mine = app.configured(where.settings)
    async with mine.running():
        await send(mine, f"warm{turn}-", 20, cents=1)
        await mine.settled(60)
        begun = time.perf_counter()
        await send(mine, f"h{turn}-", count, cents=1)
        await mine.settled(240)
        return count / (time.perf_counter() - begun)


def _age(where: Place, service: str, rows: int) -> None:
    """Put `rows` old messages in the inbox, the outbox and the sequences."""
    with where.database(service) as database:
        if not where.store:
            database.execute("PRAGMA journal_mode=WAL")
        fill = _on_server if where.store else _in_file
        for first in range(0, rows, CHUNK):
            fill(database.execute, first, min(first + CHUNK, rows), int(time.time() * 1e6))
    with where.database(service) as database:
        # Filling is not what is measured: what it left to write is written before.
        if where.store:
            database.autocommit = True
            database.execute("VACUUM ANALYZE")
            database.execute("CHECKPOINT")
        else:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _in_file(execute: Callable[[str], object], first: int, last: int, now_us: int) -> None:
    numbers = f"WITH RECURSIVE n(i) AS (SELECT {first + 1} UNION ALL SELECT i + 1 FROM n WHERE i < {last})"
    old = "printf('01900000-%012x', i)"
    execute(_inbox(numbers, old, now_us))
    execute(_outbox(numbers, old, "zeroblob(60), zeroblob(300)", now_us))
    execute(_keys(numbers))


def _on_server(execute: Callable[[str], object], first: int, last: int, now_us: int) -> None:
    numbers = f"WITH n(i) AS (SELECT generate_series({first + 1}, {last}))"
    old = "'01900000-' || lpad(to_hex(i), 12, '0')"
    execute(_inbox(numbers, old, now_us))
    execute(_outbox(numbers, old, "decode(repeat('00', 60), 'hex'), decode(repeat('00', 300), 'hex')", now_us))
    execute(_keys(numbers, "::jsonb"))


def _inbox(numbers: str, old: str, now_us: int) -> str:
    return (
        f"INSERT INTO inbox (consumer, message_id, type, key, correlation_id, payload_hash, at_us, outcome) {numbers} "
        f"SELECT 'old', {old}, 't', 'k' || i, 'c' || i, 'h', {now_us}, 'handled' FROM n"
    )


def _outbox(numbers: str, old: str, contents: str, now_us: int) -> str:
    return (
        "INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, headers, correlation_id, slot, at_us) "
        f"{numbers} SELECT {old}, 't', 'k' || i, 't', {contents}, {old}, 0, {now_us} FROM n"
    )


def _keys(numbers: str, kind: str = "") -> str:
    row = f"""'k' || i, 1, '{{"t": 1}}'{kind}, '{{"t s": 1}}'{kind}"""
    return f"INSERT INTO key_numbers (key, version, sent, counted) {numbers} SELECT {row} FROM n"
