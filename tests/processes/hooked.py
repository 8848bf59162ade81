"""The system of the ingress's process tests: a service that takes events, and one that writes each that it handles."""

from __future__ import annotations

from partita import App, Event, Key, Service, Tx

payments = Service("payments", namespace="hooked.payment")
orders = Service(
    "orders",
    namespace="hooked.order",
    tables="CREATE TABLE IF NOT EXISTS seen (number BIGINT NOT NULL);",
)


class Charged(Event, of=payments):
    order_id: Key[str]
    number: int


@orders.on
async def see(event: Charged, tx: Tx) -> None:
    await tx.execute("INSERT INTO seen VALUES (:number)", number=event.number)


app = App(payments, orders)
hooks = app.ingress(payments)
