"""A poison pill: bytes on the log that are no message; every group that reads the topic must keep it as a dead letter."""

from __future__ import annotations

import asyncio
from pathlib import Path

from partita.bus.connect import connect_bus
from partita.bus.port import Outgoing
from partita.clock import SystemClock, SystemIds
from partita.sqlite_file.wake import Wake

TOPIC = "shop.order.events"
PILL = b"\xff\x00 this is no envelope"


def append_poison(data: Path) -> None:
    """Append the pill."""
    asyncio.run(_append(data))


async def _append(data: Path) -> None:
    clock = SystemClock()
    wake = Wake(data / "wake")
    bus = connect_bus(data / "log.db", clock, wake)
    await bus.open()
    await bus.append([Outgoing(TOPIC, "poison", PILL, b"\xde\xad\xbe\xef", SystemIds(clock).new())])
    await bus.close()
    wake.close()
