"""analytics: revenue of confirmed orders per day and country."""

from __future__ import annotations

from partita import Tx
from partita.examples.shop.messages import OrderConfirmed
from partita.examples.shop.services import NoCountry, analytics

COUNT = """
INSERT INTO revenue (day, country, orders, cents) VALUES (:day, :country, 1, :cents)
ON CONFLICT (day, country) DO UPDATE SET orders = revenue.orders + 1, cents = revenue.cents + excluded.cents
"""


@analytics.on(dedupe_by="order_id", why="a report may lag, and must never hold up an order")
async def count(event: OrderConfirmed, tx: Tx) -> None:
    """Add one confirmed order to its day and country."""
    if not event.country:
        raise NoCountry(f"order {event.order_id} has no country")
    day = event.occurred_at.date().isoformat()
    await tx.execute(COUNT, day=day, country=event.country, cents=event.total_cents)
