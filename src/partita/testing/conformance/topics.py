"""The topic of the bus's suite, and the actions that its cases share: open, append, drain with patience."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from partita.bus.port import Bus, Outgoing, Record, Stand, Subscription, TopicSpec
from partita.errors import BusUnavailable

OpenBus = Callable[[], Awaitable[Bus]]
TOPIC = "conformance.events"
PATIENCE_S = 10.0


@asynccontextmanager
async def opened(open_bus: OpenBus) -> AsyncIterator[Bus]:
    """A bus with the suite's topic, for one block."""
    bus = await open_bus()
    await bus.ensure_topics([TopicSpec(name=TOPIC, partitions=4)])
    try:
        yield bus
    finally:
        await bus.close()


def outgoing(number: int, key: str | None = "k", value: bytes | None = None) -> Outgoing:
    """A record for the cases; its value is its number."""
    return Outgoing(TOPIC, key, b"\x00headers\xff", str(number).encode() if value is None else value, f"id{number}")


async def drain(subscription: Subscription, count: int, *, done: bool = True) -> list[Record]:
    """Poll until that many records came, or the time is over."""
    found: list[Record] = []
    until = asyncio.get_running_loop().time() + PATIENCE_S
    while len(found) < count and asyncio.get_running_loop().time() < until:
        try:
            polled = await subscription.poll(100)
        except BusUnavailable:  # a new topic may change its leader: a consumer asks again
            await pause()
            continue
        if polled.revoked:
            await subscription.release(polled.revoked)
        found += polled.records
        if done:
            subscription.done(polled.records)
        if not polled.records:
            await subscription.keep()
            await pause()
    return found


async def pause() -> None:
    """Let a little time pass between two polls."""
    event = asyncio.Event()
    asyncio.get_running_loop().call_later(0.02, event.set)
    await event.wait()


def numbers(records: Sequence[Record]) -> list[int]:
    """The values of records that `outgoing` made."""
    return [int(r.value) for r in records]


async def drain_for(subscription: Subscription, seconds: float) -> list[Record]:
    """The records that come within `seconds`."""
    found: list[Record] = []
    until = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < until:
        polled = await subscription.poll(100)
        if polled.revoked:
            await subscription.release(polled.revoked)
        found += polled.records
        await subscription.keep()
        await pause()
    return found


async def stands(subscription: Subscription, place: tuple[str, int]) -> Stand:
    """The group's state in a partition as soon as this member holds it."""
    until = asyncio.get_running_loop().time() + PATIENCE_S
    while asyncio.get_running_loop().time() < until:
        await subscription.keep()
        await subscription.poll(0)
        stand = await subscription.stand(place)
        if stand is not None:
            return stand
        await pause()
    raise AssertionError("the partition was not assigned")
