"""The registry beside Kafka's topics, in a compacted topic of the same cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from partita.bus.kafka.address import KafkaAddress
from partita.bus.kafka.schema_topic import SchemaTopic


class KafkaRegistry:
    """See `partita.schemas.registry.Registry`. `make_topic` makes the topic if it is missing; the bus is open then."""

    def __init__(self, address: KafkaAddress, make_topic: Callable[[], Awaitable[None]]) -> None:
        self._topic = SchemaTopic(address)
        self._make_topic = make_topic

    async def publish(self, fingerprint: str, text: str) -> None:
        """Keep a schema."""
        await self._make_topic()
        await asyncio.to_thread(self._topic.put, fingerprint, text)

    async def find(self, fingerprint: str) -> str | None:
        """The schema of that fingerprint."""
        await self._make_topic()
        return await asyncio.to_thread(self._topic.get, fingerprint)

    async def close(self) -> None:
        """End its clients."""
        await asyncio.to_thread(self._topic.close)
