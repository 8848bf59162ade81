"""The demo's faults and planted bugs, put between the shop and its adapters; they exist only here.

A check that cannot fail proves nothing: each bug here is a mistake that systems of this kind really have, and an
invariant of the demo must turn red for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal

from partita.app import App
from partita.bell import Bell
from partita.bus.port import Bus, Outgoing, Polled, Record, Subscription
from partita.catalog.service import Service
from partita.clock import Clock
from partita.dead_letters.dead_letter import envelope_or_none
from partita.errors import PartitaError
from partita.machine.port import Machine, Wake
from partita.store.inbox import InboxEntry, InboxRow
from partita.store.outbox import OutboxRow
from partita.store.port import Asked, Known, Session, Store
from partita.store.tombstones import Tombstone

Bug = Literal["", "idempotency", "outbox", "tombstone"]
LATE_EVERY = 25
LATE_S = 4.0


class Around:
    """Passes every call on to another object, except those that a subclass defines."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class ForgetfulInbox(Around):
    """The bug `idempotency`: no message is ever known."""

    async def seen(self, consumer: str, ids: Sequence[str]) -> Mapping[str, InboxEntry]:
        """Nothing was seen."""
        return {}

    async def mark(self, rows: Sequence[InboxRow]) -> None:
        """Mark only unmarked messages, so that the database does not refuse."""
        for consumer in dict.fromkeys(row.consumer for row in rows):
            mine = {row.message_id: row for row in rows if row.consumer == consumer}
            known = await self.inner.seen(consumer, list(mine))
            await self.inner.mark([row for id_, row in mine.items() if id_ not in known])


class ForgetfulSequences(Around):
    """The bug `idempotency`, second half: every key is new."""

    async def last_in(self, places: Sequence[Any]) -> Mapping[Any, int]:
        """No key was seen."""
        return {}


class NoTombstones(Around):
    """The bug `tombstone`: undone steps are not remembered."""

    async def find(self, keys: Sequence[Any]) -> Mapping[Any, Tombstone]:
        """Nothing was undone."""
        return {}


class FromMemory(Around):
    """The bug `outbox`: messages wait in memory for the bus while the transaction commits without them."""

    def __init__(self, inner: Any, waiting: list[Outgoing]) -> None:
        super().__init__(inner)
        self._waiting = waiting

    async def add(self, rows: Sequence[OutboxRow], *, queued: bool = True) -> None:
        """Keep the record, but send from memory."""
        await self.inner.add(rows, queued=False)
        self._waiting += [Outgoing(r.aggregatetype, r.aggregateid, r.headers, r.payload, r.id) for r in rows]

    async def leave(self, rows: Sequence[OutboxRow]) -> None:
        """The same for messages of handlers."""
        await self.add(rows)


class BuggyStore(Around):
    """A store with one bug planted in its sessions."""

    def __init__(self, inner: Store, bug: Bug, bus: Bus) -> None:
        super().__init__(inner)
        self._bug = bug
        self._bus = bus
        self._waiting: list[Outgoing] = []
        self._sender: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def transaction(self, *, durable: bool = True) -> AsyncIterator[Session]:
        """A transaction whose session has the bug."""
        waiting: list[Outgoing] = []
        async with self.inner.transaction(durable=durable) as session:
            yield self._spoil(session, waiting)
        if waiting:
            self._waiting += waiting
            if self._sender is None or self._sender.done():
                self._sender = asyncio.create_task(self._send_soon())

    @asynccontextmanager
    async def reading(self, *, consistent: bool = True) -> AsyncIterator[Session]:
        """A view that has the bug."""
        async with self.inner.reading(consistent=consistent) as session:
            yield self._spoil(session, [])

    async def _send_soon(self) -> None:
        await asyncio.sleep(0.1)
        batch, self._waiting = self._waiting, []
        await self._bus.append(batch)

    def _spoil(self, session: Any, waiting: list[Outgoing]) -> Any:
        if self._bug == "idempotency":
            session.inbox = ForgetfulInbox(session.inbox)
            session.sequences = ForgetfulSequences(session.sequences)
            session.read_known = _forgetting(session.read_known, lambda known: known._replace(marks={}, last={}))
        elif self._bug == "tombstone":
            session.tombstones = NoTombstones(session.tombstones)
            session.read_known = _forgetting(session.read_known, lambda known: known._replace(undone={}))
        elif self._bug == "outbox":
            session.outbox = FromMemory(session.outbox, waiting)
        return session


def _forgetting(
    read: Callable[[Asked], Awaitable[Known]], forget: Callable[[Known], Known]
) -> Callable[[Asked], Awaitable[Known]]:
    """The answers of admission's one read, with some of them forgotten."""

    async def asked(asked: Asked) -> Known:
        return forget(await read(asked))

    return asked


class LateSubscription(Around):
    """A fault, not a bug: sometimes a ReserveStock arrives late, after its saga has undone it.

    A late record is held back before it is done, so a kill meanwhile only delivers it again.
    """

    def __init__(self, inner: Subscription, clock: Clock) -> None:
        super().__init__(inner)
        self._clock = clock
        self._held: list[tuple[float, Record]] = []

    async def poll(self, count: int) -> Polled:
        """The waiting messages that are not late, and the late ones whose time has come."""
        polled = await self.inner.poll(count)
        now = self._clock.monotonic()
        gone = set(polled.revoked)
        self._held = [(due, r) for due, r in self._held if r.at not in gone]
        prompt: list[Record] = []
        for record in polled.records:
            envelope = envelope_or_none(record)
            named = envelope is not None and envelope.type.endswith(".ReserveStock")
            if named and envelope is not None and int(envelope.id[-4:], 16) % LATE_EVERY == 0:
                self._held.append((now + LATE_S, record))
            else:
                prompt.append(record)
        due = [r for when, r in self._held if when <= now]
        self._held = [(when, r) for when, r in self._held if when > now]
        return Polled([*prompt, *due], polled.assigned, polled.revoked)


class LateBus(Around):
    """A bus whose subscriptions deliver some commands late."""

    def __init__(self, inner: Bus, clock: Clock) -> None:
        super().__init__(inner)
        self._clock = clock

    def subscribe(self, group: str, topics: Sequence[str], member: str, bell: Bell | None = None) -> Any:
        """A subscription with late deliveries for the inventory."""
        subscription = self.inner.subscribe(group, topics, member, bell)
        if group == "inventory-service":
            return LateSubscription(subscription, self._clock)
        return subscription


class DemoApp(App):
    """The shop's app with the demo's late deliveries and, if requested, one planted bug."""

    bug: Bug = ""

    def connect_bus(self, machine: Machine, wake: Wake) -> Any:
        """The log, with late deliveries."""
        connected = super().connect_bus(machine, wake)
        return connected._replace(bus=LateBus(connected.bus, machine.clock))

    def connect_store(self, service: Service, bus: Bus, machine: Machine, wake: Wake) -> Any:
        """The store, with the bug."""
        store = super().connect_store(service, bus, machine, wake)
        return BuggyStore(store, self.bug, bus) if self.bug else store


def check_bug(name: str) -> Bug:
    """The bug of that name.

    Raises:
        PartitaError: there is no bug of that name.
    """
    match name:
        case "" | "idempotency" | "outbox" | "tombstone":
            return name
        case _:
            raise PartitaError(f"There is no bug {name!r} to plant.", hint="idempotency, outbox, tombstone")
