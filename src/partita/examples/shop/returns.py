"""order-service: takes back items of an order."""

from __future__ import annotations

import msgspec

from partita import Tx
from partita.examples.shop.messages import (
    CloseReturn,
    RequestReturn,
    ReturnCompleted,
    ReturnDeclined,
    ReturnRefused,
    ReturnRequested,
)
from partita.examples.shop.services import CURRENCY, OrderId, OrderLine, orders
from partita.schemas import Money

BEFORE = """
SELECT order_id, lines FROM orders
WHERE customer_id = :customer_id AND status = 'CONFIRMED' AND occurred_us < :occurred_us
ORDER BY occurred_us DESC, order_id DESC LIMIT 1000
"""
BACK = """
SELECT order_id, CAST(sum(quantity) AS BIGINT) AS quantity FROM item_return
WHERE customer_id = :customer_id AND sku = :sku AND status <> 'DECLINED' GROUP BY order_id
"""
REQUEST = """
INSERT INTO item_return (return_id, order_id, customer_id, sku, quantity, refund_cents, status, reason)
VALUES (:return_id, :order_id, :customer_id, :sku, :quantity, :refund_cents, 'REQUESTED', '')
"""
CLOSE = "UPDATE item_return SET status = 'COMPLETED' WHERE return_id = :return_id RETURNING order_id, refund_cents"
DECLINE = "UPDATE item_return SET status = 'DECLINED', reason = :reason WHERE return_id = :return_id"
_lines = msgspec.json.Decoder(list[OrderLine]).decode


@orders.handles(RequestReturn, dedupe_by="return_id")
async def request(cmd: RequestReturn, tx: Tx) -> ReturnRequested:
    """Find the latest earlier order of this customer that still holds these items."""
    if cmd.quantity <= 0:
        raise ReturnRefused(reason="a return has a positive quantity")
    if cmd.customer_id == "guest":
        raise ReturnRefused(reason="a guest has no orders to return items of")
    when = round(cmd.occurred_at.timestamp() * 1_000_000)
    back = {
        row["order_id"]: row["quantity"] for row in await tx.fetch_all(BACK, customer_id=cmd.customer_id, sku=cmd.sku)
    }
    for row in await tx.fetch_all(BEFORE, customer_id=cmd.customer_id, occurred_us=when):
        held = [line for line in _lines(row["lines"]) if line.sku == cmd.sku]
        if sum(line.quantity for line in held) - back.get(row["order_id"], 0) >= cmd.quantity:
            return await _requested(cmd, OrderId(row["order_id"]), held[0], tx)
    raise ReturnRefused(reason=f"no earlier order of customer {cmd.customer_id} holds {cmd.quantity} of {cmd.sku}")


async def _requested(cmd: RequestReturn, order_id: OrderId, line: OrderLine, tx: Tx) -> ReturnRequested:
    refund_cents = cmd.quantity * line.price_cents
    await tx.execute(
        REQUEST,
        return_id=cmd.return_id,
        order_id=order_id,
        customer_id=cmd.customer_id,
        sku=cmd.sku,
        quantity=cmd.quantity,
        refund_cents=refund_cents,
    )
    return ReturnRequested(
        return_id=cmd.return_id,
        order_id=order_id,
        sku=cmd.sku,
        quantity=cmd.quantity,
        stocked=line.stocked,
        refund_cents=refund_cents,
    )


@orders.handles(CloseReturn)
async def close(cmd: CloseReturn, tx: Tx) -> ReturnCompleted:
    """Close the return: items and money are back."""
    row = await tx.fetch_one(CLOSE, return_id=cmd.return_id)
    if row is None:
        raise LookupError(f"return {cmd.return_id} does not exist")
    refund = Money(row["refund_cents"], CURRENCY)
    return ReturnCompleted(return_id=cmd.return_id, order_id=row["order_id"], refund=refund)


@orders.on(dedupe_by="return_id", why="the saga has ended; the row follows it")
async def decline(event: ReturnDeclined, tx: Tx) -> None:
    """Decline the return: the saga has undone all steps, and the order holds the items again."""
    await tx.execute(DECLINE, return_id=event.return_id, reason=event.reason)
