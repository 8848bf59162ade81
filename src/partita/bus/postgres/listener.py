"""The listening connection of a bus: it learns when this or another process appended records."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any

from partita.bus.postgres.topics import Topics
from partita.clock import Clock
from partita.databases.postgres.asking import ERRORS
from partita.databases.postgres.database import Database
from partita.databases.postgres.log_tables import CHANNEL
from partita.errors import PartitaError
from partita.texts.foreign_text import logger

log = logger(__name__)
TRY_EVERY_S = 2.0
PROVE_EVERY_S = 15.0
PROVE_TIMEOUT_S = 5.0


class Ear:
    """Calls its listeners. No promise depends on it: without a call they find the records by polling, a little later.

    A pooler in transaction mode accepts LISTEN silently and delivers nothing; a connection may die silently.
    """

    def __init__(self, database: Database, topics: Topics, clock: Clock) -> None:
        self._database = database
        self._topics = topics
        self._clock = clock
        self._connection: Any = None
        self._tending: asyncio.Task[None] | None = None
        self._next = float("-inf")
        self._rings: dict[int, tuple[frozenset[str], Callable[[], None]]] = {}
        self._given = 0

    def listen(self, topics: Sequence[str], ring: Callable[[], None]) -> Callable[[], None]:
        """Call back when records of these topics were appended; returns a function that ends it."""
        self._given += 1
        number = self._given
        self._rings[number] = (frozenset(topics), ring)
        return lambda: self._rings.pop(number, None) and None

    @property
    def hears(self) -> bool:
        """Whether it is connected, as far as known."""
        return self._connection is not None and not self._connection.is_closed()

    async def open(self) -> None:
        """Begin to listen."""
        await self._tend()

    def keep(self) -> None:
        """Reconnect after a cut, beside the caller, whose heartbeat must not wait; called now and then."""
        due = self._clock.monotonic() >= self._next or not self.hears and self._next_try_is_due()
        if due and (self._tending is None or self._tending.done()):
            self._tending = asyncio.ensure_future(self._tend())

    async def close(self) -> None:
        """Stop listening."""
        tending, self._tending = self._tending, None
        if tending is not None:
            tending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await tending
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            connection.terminate()

    def _next_try_is_due(self) -> bool:
        return self._clock.monotonic() >= self._next - PROVE_EVERY_S + TRY_EVERY_S

    async def _tend(self) -> None:
        """Test the connection, or connect again."""
        self._next = self._clock.monotonic() + PROVE_EVERY_S
        if self.hears:
            try:
                await self._connection.execute("SELECT 1", timeout=PROVE_TIMEOUT_S)
                return
            except ERRORS:
                self._connection.terminate()
        try:
            connection = await self._database.connect()
        except (PartitaError, *ERRORS) as error:
            log.info("%s: no wake-ups now (%s)", self._database.where, error)
            return
        try:
            await connection.add_listener(CHANNEL, self._heard)
        except ERRORS as error:
            connection.terminate()
            log.info("%s: no wake-ups now (%s)", self._database.where, error)
            return
        self._connection = connection
        self._ring_all()

    def _heard(self, _connection: object, _pid: int, _channel: str, payload: str) -> None:
        name = self._topics.name(payload)
        if name is None:  # another process has just made it
            self._ring_all()
            return
        for topics, ring in list(self._rings.values()):
            if name in topics:
                ring()

    def _ring_all(self) -> None:
        for _, ring in list(self._rings.values()):
            ring()
