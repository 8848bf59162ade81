"""inventory-service: sets stock aside, puts it back, and books it out when the order is confirmed.

on_hand + reserved + sold = initial holds at every committed state.
"""

from __future__ import annotations

import os

from partita import Tx
from partita.examples.shop.messages import (
    OrderConfirmed,
    ReleaseStock,
    ReserveStock,
    StockRejected,
    StockReleased,
    StockReserved,
)
from partita.examples.shop.services import inventory

FIRST_STOCK = """
INSERT INTO stock (sku, initial, on_hand, reserved, sold) VALUES (:sku, :first, :first, 0, 0) ON CONFLICT DO NOTHING
"""
TAKE = """
UPDATE stock SET on_hand = on_hand - :quantity, reserved = reserved + :quantity
WHERE sku = :sku AND on_hand >= :quantity
"""
RESERVE = """
INSERT INTO reservation (order_id, sku, quantity, state) VALUES (:order_id, :sku, :quantity, 'RESERVED')
ON CONFLICT (order_id, sku) DO UPDATE SET quantity = reservation.quantity + excluded.quantity
"""
GIVE_BACK = """
UPDATE reservation SET state = 'RELEASED' WHERE order_id = :order_id AND state = 'RESERVED' RETURNING sku, quantity
"""
PUT_BACK = "UPDATE stock SET on_hand = on_hand + :quantity, reserved = reserved - :quantity WHERE sku = :sku"
SELL = """
UPDATE reservation SET state = 'SOLD' WHERE order_id = :order_id AND state = 'RESERVED' RETURNING sku, quantity
"""
BOOK_OUT = "UPDATE stock SET reserved = reserved - :quantity, sold = sold + :quantity WHERE sku = :sku"


def first_stock() -> int:
    """How much of an article there is when it is first asked for: PARTITA_SHOP_STOCK, or a million."""
    return int(os.environ.get("PARTITA_SHOP_STOCK", "1000000"))


@inventory.handles(ReserveStock)
async def reserve(cmd: ReserveStock, tx: Tx) -> StockReserved:
    """Set every stocked line aside, or refuse the order as a whole."""
    first = first_stock()
    for line in cmd.lines:
        if not line.stocked:
            continue
        await tx.execute(FIRST_STOCK, sku=line.sku, first=first)
        if not await tx.execute(TAKE, sku=line.sku, quantity=line.quantity):
            raise StockRejected(sku=line.sku)
        await tx.execute(RESERVE, order_id=cmd.order_id, sku=line.sku, quantity=line.quantity)
    return StockReserved(order_id=cmd.order_id)


@inventory.handles(ReleaseStock)
async def release(cmd: ReleaseStock, tx: Tx) -> StockReleased:
    """Put back what is set aside; nothing, where nothing is."""
    for row in await tx.fetch_all(GIVE_BACK, order_id=cmd.order_id):
        await tx.execute(PUT_BACK, sku=row["sku"], quantity=row["quantity"])
    return StockReleased(order_id=cmd.order_id)


@inventory.on(dedupe_by="order_id")
async def book_out(event: OrderConfirmed, tx: Tx) -> None:
    """What was set aside is sold."""
    for row in await tx.fetch_all(SELL, order_id=event.order_id):
        await tx.execute(BOOK_OUT, sku=row["sku"], quantity=row["quantity"])
