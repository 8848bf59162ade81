"""A pooler between us and PostgreSQL: whether there is one, and whether notifications come through it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from partita.clock import Clock, within

HEARD_WITHIN_S = 1.0
BACKEND = "SELECT pg_backend_pid()"


async def stands_between(connection: Any) -> bool:
    """Whether a pooler answers: it hands out process ids of its own, for the requests to cancel that it passes on."""
    pid: int = await connection.fetchval(BACKEND)
    return bool(pid != connection.get_server_pid())


async def is_heard(ear: Any, clock: Clock, channel: str, speak: Callable[[str], Awaitable[None]]) -> bool:
    """Whether `ear` hears what another connection says: a pooler in transaction mode accepts LISTEN without a word and
    delivers nothing. The speaker must be another one: its own words a connection is told with their commit."""
    heard = asyncio.Event()

    def hear(*_: object) -> None:
        heard.set()

    await ear.add_listener(channel, hear)
    try:
        await speak(channel)
        async with within(clock, HEARD_WITHIN_S):
            await heard.wait()
    except TimeoutError:
        return False
    finally:
        await ear.remove_listener(channel, hear)
    return True
