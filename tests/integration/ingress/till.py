"""A service with an ingress, asked through its ASGI interface as a foreign program asks it, and a service that listens."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx

from partita import App, Event, Key, Meta, Service, Settings, StoreUnavailable, Tx
from partita.bus.port import Bus
from partita.ingress.ingress import Ingress
from partita.machine.port import Machine, Wake
from partita.store.port import Session, Store

BINARY = {
    "ce-specversion": "1.0",
    "ce-id": "4711",
    "ce-source": "urn:psp",
    "ce-type": "till.payment.v1.Charged",
    "content-type": "application/json",
}
STRUCTURED = "application/cloudevents+json"
BATCHED = "application/cloudevents-batch+json"


class AwayStore:
    """A store whose database is away when a test says so."""

    def __init__(self, inner: Store) -> None:
        self.inner = inner
        self.is_away = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def transaction(self, **how: Any) -> AbstractAsyncContextManager[Session]:
        """A transaction, or the error of a database that is away."""
        if self.is_away:
            raise StoreUnavailable("The disk is full.")
        return self.inner.transaction(**how)


class AwayApp(App):
    """An app whose stores may be away."""

    def connect_store(self, service: Service, bus: Bus, machine: Machine, wake: Wake) -> Any:
        """Each store with a switch."""
        return AwayStore(super().connect_store(service, bus, machine, wake))


class Till:
    """Payments take events from outside, and orders count them."""

    def __init__(self, settings: Settings, **options: Any) -> None:
        payments = self.payments = Service("payments", namespace="till.payment")
        orders = Service("orders", namespace="till.order", tables="CREATE TABLE IF NOT EXISTS seen (id TEXT NOT NULL);")
        self.metas: list[Meta] = []

        class Charged(Event, of=payments):
            order_id: Key[str]
            cents: int = 0

            def __post_init__(self) -> None:
                if self.cents < 0:
                    raise ValueError("a charge is not below zero")

        class Refunded(Event, of=payments):
            order_id: str

        @orders.on
        async def count(event: Charged | Refunded, tx: Tx, meta: Meta) -> None:
            self.metas.append(meta)
            await tx.execute("INSERT INTO seen VALUES (:id)", id=f"{event.order_id} {getattr(event, 'cents', '')}")

        self.Charged, self.Refunded = Charged, Refunded
        self.app = AwayApp(payments, orders, settings=settings)
        self.ingress: Ingress = self.app.ingress(payments, **options)
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.ingress), base_url="http://till", timeout=60
        )

    async def post(
        self, body: object = b"", headers: Mapping[str, str] | None = None, path: str = "/events", **more: str
    ) -> tuple[int, Any]:
        """The status and the answer. `more` are headers; one that is empty is left out."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = dict(BINARY if headers is None else headers) | {n.replace("_", "-"): text for n, text in more.items()}
        answer = await self.client.post(path, content=content, headers={n: text for n, text in sent.items() if text})
        return answer.status_code, answer.json()

    async def structured(self, document: object) -> tuple[int, Any]:
        """The answer to a document in structured mode, or in batched mode if it is a list."""
        return await self.post(document, {"content-type": BATCHED if isinstance(document, list) else STRUCTURED})

    async def seen(self) -> list[str]:
        """The events that the other service has handled."""
        await self.app.settled()
        async with self.app.store("orders").reading() as session:
            return sorted(row["id"] for row in await session.fetch("SELECT id FROM seen", {}))

    async def kept(self) -> Sequence[Mapping[str, Any]]:
        """The rows of the outbox."""
        async with self.app.store("payments").reading() as session:
            return await session.fetch("SELECT * FROM outbox ORDER BY seq", {})


def charged(event_id: str = "4711", order_id: str = "o1", cents: int = 5, **attributes: Any) -> dict[str, Any]:
    """An event in structured mode."""
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": "urn:psp",
        "type": "till.payment.v1.Charged",
        "data": {"orderId": order_id, "cents": cents},
        **attributes,
    }
