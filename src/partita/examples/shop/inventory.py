"""inventory-service: sets stock aside, puts it back, and books it out when the order is confirmed.

on_hand + reserved + sold = initial holds at every committed state.
"""

from __future__ import annotations

import os

from partita import Tx
from partita.examples.shop.messages import (
    ItemsRestocked,
    ItemsWithdrawn,
    OrderConfirmed,
    ReleaseStock,
    ReserveStock,
    RestockItems,
    ReturnCompleted,
    StockRejected,
    StockReleased,
    StockReserved,
    WithdrawItems,
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
IS_SOLD = "SELECT 1 FROM reservation WHERE order_id = :order_id AND sku = :sku AND state = 'SOLD'"
TAKE_BACK = """
INSERT INTO taken_back (return_id, sku, quantity, state) VALUES (:return_id, :sku, :quantity, 'HELD')
"""
HOLD = "UPDATE stock SET sold = sold - :quantity, reserved = reserved + :quantity WHERE sku = :sku"
MOVE_BACK = """
UPDATE taken_back SET state = :state WHERE return_id = :return_id AND state = 'HELD' RETURNING sku, quantity
"""
GONE_AGAIN = "UPDATE stock SET sold = sold + :quantity, reserved = reserved - :quantity WHERE sku = :sku"
ON_THE_SHELF = "UPDATE stock SET on_hand = on_hand + :quantity, reserved = reserved - :quantity WHERE sku = :sku"


def first_stock() -> int:
    """The stock of an article at its first order: PARTITA_SHOP_STOCK, or a million."""
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
    """Put back the items that are set aside, if there are any."""
    for row in await tx.fetch_all(GIVE_BACK, order_id=cmd.order_id):
        await tx.execute(PUT_BACK, sku=row["sku"], quantity=row["quantity"])
    return StockReleased(order_id=cmd.order_id)


@inventory.on(dedupe_by="order_id", why="it cannot fail for a reason of business: the stock is set aside")
async def book_out(event: OrderConfirmed, tx: Tx) -> None:
    """Book the set-aside stock as sold."""
    for row in await tx.fetch_all(SELL, order_id=event.order_id):
        await tx.execute(BOOK_OUT, sku=row["sku"], quantity=row["quantity"])


@inventory.handles(RestockItems)
async def restock(cmd: RestockItems, tx: Tx) -> ItemsRestocked:
    """Take items back and hold them: until the return is completed they may have to be given back."""
    if cmd.stocked:
        if await tx.fetch_one(IS_SOLD, order_id=cmd.order_id, sku=cmd.sku) is None:
            raise LookupError(f"{cmd.sku} of order {cmd.order_id} is not booked out yet")
        await tx.execute(TAKE_BACK, return_id=cmd.return_id, sku=cmd.sku, quantity=cmd.quantity)
        await tx.execute(HOLD, sku=cmd.sku, quantity=cmd.quantity)
    return ItemsRestocked(return_id=cmd.return_id)


@inventory.handles(WithdrawItems)
async def withdraw(cmd: WithdrawItems, tx: Tx) -> ItemsWithdrawn:
    """Give back the items that were taken, if there are any."""
    for row in await tx.fetch_all(MOVE_BACK, return_id=cmd.return_id, state="WITHDRAWN"):
        await tx.execute(GONE_AGAIN, sku=row["sku"], quantity=row["quantity"])
    return ItemsWithdrawn(return_id=cmd.return_id)


@inventory.on(dedupe_by="return_id", why="it cannot fail for a reason of business: the items are here")
async def put_on_the_shelf(event: ReturnCompleted, tx: Tx) -> None:
    """Put held stock on sale again."""
    for row in await tx.fetch_all(MOVE_BACK, return_id=event.return_id, state="RESTOCKED"):
        await tx.execute(ON_THE_SHELF, sku=row["sku"], quantity=row["quantity"])
