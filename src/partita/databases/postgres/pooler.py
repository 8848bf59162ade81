"""Whether there is a pooler between Partita and PostgreSQL, and whether notifications come through it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from partita.clock import Clock, within

HEARD_WITHIN_S = 1.0
BACKEND = "SELECT pg_backend_pid()"


async def stands_between(connection: Any) -> bool:
    """Whether a pooler answers: it hands out its own process ids, for the cancel requests that it passes on."""
    pid: int = await connection.fetchval(BACKEND)
    return bool(pid != connection.get_server_pid())


async def is_heard(ear: Any, clock: Clock, channel: str, speak: Callable[[str], Awaitable[None]]) -> bool:
    """Whether `ear` receives a notification of another connection: a pooler in transaction mode accepts LISTEN silently
    and delivers nothing. Another connection must send it: a connection gets its own notifications with the commit."""
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
