"""Whether a PostgreSQL keeps its commits, and whether a pooler is in between; for `partita doctor`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import asyncpg

from partita.clock import US, Clock
from partita.databases.postgres.asking import ERRORS, meaning
from partita.databases.postgres.database import options_of
from partita.databases.postgres.finding import ServerFinding
from partita.databases.postgres.pooler import is_heard, stands_between
from partita.machine.port import Machine
from partita.settings.address import without_secrets

APART_S_MAX = 2.0
ASKED = (
    "server_version", "fsync", "full_page_writes", "synchronous_commit", "idle_in_transaction_session_timeout",
)  # fmt: skip
SETTINGS = "SELECT name, setting FROM pg_settings WHERE name = ANY($1::text[])"
STANDBY = "SELECT pg_is_in_recovery()"
TIME = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
LOSES = {
    "fsync": ("a power cut damages the database", "fsync = on in postgresql.conf"),
    "full_page_writes": ("a power cut may damage the database", "full_page_writes = on in postgresql.conf"),
    "synchronous_commit": (
        "a crash of the server loses commits that were acknowledged, and messages with them",
        "ALTER DATABASE ... SET synchronous_commit = on",
    ),
}


async def check_server(url: str, machine: Machine) -> list[ServerFinding]:
    """The findings of the server at a URL.

    Raises:
        StoreUnavailable: it cannot be reached.
    """
    address, options = options_of(url)
    where, limit_s = without_secrets(url), options.connect_timeout_s
    try:
        connection = await _connected(address, limit_s)
        try:
            found = [await _pooler(connection, await _connected(address, limit_s), machine)]
            settings = {row[0]: row[1] for row in await connection.fetch(SETTINGS, ASKED)}
            standby = await connection.fetchval(STANDBY)
            apart_s = await _apart_s(connection, machine.clock)
        finally:
            connection.terminate()
    except ERRORS as error:
        raise meaning(error, where) or error from error
    version = f"PostgreSQL {settings.get('server_version', '')}, {where}"
    server = ServerFinding("ok", "server", version)
    if standby:
        server = ServerFinding("bad", "server", f"{version}: a standby, it takes no writes", "Name the primary.")
    return [
        server,
        *found,
        *judged(settings),
        _clocks(apart_s),
    ]


def judged(settings: Mapping[str, str]) -> list[ServerFinding]:
    """The consequences of the server's settings for durability."""
    found = [
        ServerFinding("bad", name, f"off: {what}", fix)
        for name, (what, fix) in LOSES.items()
        if settings.get(name) == "off"
    ] or [ServerFinding("ok", "durability", "fsync, full_page_writes and synchronous_commit are on")]
    if settings.get("idle_in_transaction_session_timeout") == "0":
        said = "0: a process that hangs within a transaction holds its locks for as long"
        fix = "ALTER DATABASE ... SET idle_in_transaction_session_timeout = '60s'"
        found.append(ServerFinding("note", "idle transactions", said, fix))
    return found


async def _connected(address: str, limit_s: Any) -> Any:  # Any: the driver takes every number, its hint says int
    return await asyncpg.connect(address, timeout=limit_s, command_timeout=limit_s, statement_cache_size=0)


async def _pooler(connection: Any, ear: Any, machine: Machine) -> ServerFinding:
    if not await stands_between(connection):
        ear.terminate()
        return ServerFinding("ok", "pooler", "none: connected to the server itself")

    async def speak(channel: str) -> None:
        await connection.execute(f'NOTIFY "{channel}"')

    try:
        heard = await is_heard(ear, machine.clock, f"partita_test_{machine.ids.new()}", speak)
    finally:
        ear.terminate()
    if heard:
        return ServerFinding("ok", "pooler", "in session mode: notifications come through")
    said = "in transaction mode: LISTEN delivers nothing, so relays poll twice a second; no statement is kept prepared"
    return ServerFinding(
        "note", "pooler", said, "It works. For a shorter way to the relay connect to the server itself."
    )


async def _apart_s(connection: Any, clock: Clock) -> float:
    before = clock.now_us()
    said: int = await connection.fetchval(TIME)
    return (said - (before + clock.now_us()) / 2) / US


def _clocks(apart_s: float) -> ServerFinding:
    if abs(apart_s) <= APART_S_MAX:
        return ServerFinding("ok", "clocks", f"this machine and the server are {abs(apart_s):.1f} s apart")
    ahead = "behind" if apart_s < 0 else "ahead"
    said = f"the server's is {abs(apart_s):,.1f} s {ahead}: timers use the server's, the log's times this machine's"
    return ServerFinding("note", "clocks", said, "Let both follow one time server (NTP).")
