"""Handing the outboxes of an app to Debezium, and taking them back: in steps that can be interrupted and run again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from enum import Enum

from partita.bus.port import Bus, TopicSpec
from partita.clock import Clock
from partita.errors import Conflict
from partita.operators.audit import record
from partita.outbox.debezium import heartbeat_topic
from partita.store.handover import Handover
from partita.store.outbox import OutboxStatus
from partita.store.port import Store

LOOK_S = 0.1
HEARTBEATS_KEPT_S = 86_400.0


class Taken(Enum):
    """The progress of a take-back."""

    READER_BEHIND = "its reader has not yet read its own rows"
    READER_CONNECTED = "its reader is still connected"
    DONE = "the relays work"


async def make_heartbeat_topic(bus: Bus, slot: str) -> None:
    """Make the topic of the reader's heartbeats: without heartbeats, an idle outbox would make the server keep its log."""
    await bus.ensure_topics([TopicSpec(name=heartbeat_topic(slot), partitions=1, retention_s=HEARTBEATS_KEPT_S)])


async def hand_over(
    handover: Handover, stores: Mapping[str, Store], clock: Clock, wait_s: float, *, reason: str, by: str
) -> int:
    """Make the slot, stop queueing rows, and wait until the relays have sent the queued ones.

    Only then may the reader start: queued rows are older than those it reads. Returns the number of rows that still wait.

    Raises:
        Conflict: a take-back is not finished.
    """
    await _same(handover, stores)
    await handover.prepare()
    await handover.hand_over()
    await _told(stores, "outbox hand-over", handover.slot, reason, by)
    pending = 0

    async def drained() -> bool:
        nonlocal pending
        pending = sum([(await _status(store)).pending for store in stores.values()])
        return not pending

    await _until(drained, clock, wait_s)
    return pending


async def take_back(
    handover: Handover, stores: Mapping[str, Store], clock: Clock, wait_s: float, *, reason: str, by: str
) -> Taken:
    """Queue rows again, wait until the reader has confirmed all unqueued ones, then let the relays continue.

    The slot is dropped when its reader is gone; until then it reads copies, which receivers know by their ids.
    """
    if await _same(handover, stores):
        place = await handover.hold()

        async def passed() -> bool:
            found = await handover.position()
            return found is not None and found.confirmed >= place

        if not await _until(passed, clock, wait_s):
            return Taken.READER_BEHIND
        await handover.release()
        await _told(stores, "outbox take-back", handover.slot, reason, by)

    async def gone() -> bool:
        found = await handover.position()
        return found is None or not found.active

    if not await _until(gone, clock, min(wait_s, 1.0)):
        return Taken.READER_CONNECTED
    await handover.forget()
    return Taken.DONE


async def take_back_without_reader(handover: Handover, stores: Mapping[str, Store], *, reason: str, by: str) -> int:
    """Take the outboxes back from a lost reader: queue every kept row, and let the relays continue. Returns the number of rows.

    Raises:
        Conflict: the reader is connected.
    """
    await _same(handover, stores)
    await handover.hold()
    await handover.forget()
    queued = await handover.queue_all()
    await handover.release()
    await _told(stores, "outbox take-back", handover.slot, reason, by)
    return queued


async def _status(store: Store) -> OutboxStatus:
    async with store.reading() as session:
        return await session.outbox.status()


async def _same(handover: Handover, stores: Mapping[str, Store]) -> bool:
    """Whether an outbox is already handed over.

    Raises:
        Conflict: to another slot.
    """
    readers = [(await _status(store)).reader for store in stores.values()]
    others = [reader.slot for reader in readers if reader is not None and reader.slot != handover.slot]
    if others:
        raise Conflict(f"The outboxes are handed over to the slot {others[0]}.", hint=f"--slot {others[0]}")
    return any(readers)


async def _told(stores: Mapping[str, Store], verb: str, slot: str, reason: str, by: str) -> None:
    for name, store in stores.items():
        now_us = await store.now_us()
        async with store.transaction() as session:
            await record(session, now_us, by, verb, name, detail=f"slot {slot}", reason=reason)


async def _until(true: Callable[[], Awaitable[bool]], clock: Clock, wait_s: float) -> bool:
    """Whether the condition became true in time."""
    until = clock.monotonic() + wait_s
    while not await true():
        if clock.monotonic() > until:
            return False
        await clock.sleep(LOOK_S)
    return True
