"""The bell of a worker. Each reason to work before its time rings it, and nothing else wakes a worker.

| reason | rung in | because | wakes |
|---|---|---|---|
| `command` | `runtime/path/door.py` | `app.send` queued a command | the door |
| `rows` | `store/sqlite/store.py`, `store/postgres/store.py` | rows were committed to the outbox, here or elsewhere | the relay |
| `records` | `bus/leased_member.py`, `bus/kafka/reader.py` | records or partitions came | the subscription's consumer |
| `ready` | `runtime/background/retry_topics.py` | parked messages became due | the consumer, to read the parking |
| `ready` | `runtime/background/consumer.py` | the next parked message of a key may run | the same consumer |
| `lane` | `runtime/failing/lanes.py` | a lane ended: there is room, or the fence was met | the consumer |
| `positions` | `runtime/system.py` | `app.settled` waits for written positions | the consumer's heartbeats |
| `time` | `clock.py`, `machine/virtual.py` | the time came that the last step had named | each worker |
| `stop` | `runtime/background/supervisor.py` | the process ends | each worker |

Between processes the news travels as a datagram (`machine/wake.py`), as a NOTIFY of PostgreSQL, or as the records of Kafka
themselves. It may be lost; the time that each step names bounds the loss.
"""

from __future__ import annotations

import asyncio
from typing import Literal

Reason = Literal["command", "rows", "records", "ready", "lane", "positions", "time", "stop"]


class Bell:
    """Wakes one worker. A ring during a step is kept, and the wait after it returns at once: else a reason that appears
    between a worker's last read and its wait would be lost. All calls are made on the worker's event loop."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()
        self._reasons: set[Reason] = set()

    def ring(self, reason: Reason) -> None:
        """Wake the worker; costs little more than `Event.set`."""
        self._reasons.add(reason)
        self._rung.set()

    @property
    def is_rung(self) -> bool:
        """Whether it was rung since the last step began."""
        return self._rung.is_set()

    def begin(self) -> None:
        """A step begins, and will see everything that it was rung for until now."""
        self._rung.clear()

    def take(self, reason: Reason) -> bool:
        """Whether it was rung for this reason since the last call. Call it before the work: a ring during the work is another."""
        taken = reason in self._reasons
        self._reasons.discard(reason)
        return taken

    async def wait(self) -> None:
        """Return when it is rung; at once if it was rung since the step began."""
        await self._rung.wait()
