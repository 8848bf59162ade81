"""order-service: takes orders and reports their outcome."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from partita import Fault, Tx
from partita.examples.shop.messages import (
    ChargePayment,
    ConfirmOrder,
    CustomerNotified,
    OrderCancelled,
    OrderConfirmed,
    OrderPlaced,
    OrderRejected,
    PaymentDisputed,
    PlaceOrder,
    ReserveStock,
)
from partita.examples.shop.services import orders

# An order id is taken for ever, also when its inbox mark is long forgotten: the row keeps the id and the order. If the id is
# another order's, the statement finds and changes nothing, so it may run side by side with those of its batch.
PLACE = """
INSERT INTO orders (order_id, customer_id, total_cents, country, occurred_us, status, reason, lines)
VALUES (:order_id, :customer_id, :total_cents, :country, :occurred_us, 'PLACED', '', :lines)
ON CONFLICT (order_id) DO UPDATE SET status = orders.status
WHERE orders.customer_id = excluded.customer_id AND orders.total_cents = excluded.total_cents
RETURNING order_id
"""
CONFIRM = """
UPDATE orders SET status = 'CONFIRMED' WHERE order_id = :order_id
RETURNING customer_id, total_cents, country, occurred_us
"""
CANCEL = "UPDATE orders SET status = 'CANCELLED', reason = :reason WHERE order_id = :order_id"
TROUBLE = """
INSERT INTO order_trouble (order_id, who, what, cause, letter_id) VALUES (:order_id, :who, :what, :cause, :letter_id)
ON CONFLICT (letter_id) DO NOTHING
"""
MAIL = "INSERT INTO order_mail (order_id, about) VALUES (:order_id, :about) ON CONFLICT (order_id, about) DO NOTHING"
LINES_MAX = 2_000
TOTAL_CENTS_MAX = 10_000_000_000_000


# By order id, not only by message id: a client that lost its answer and its key sends the same order again.
@orders.handles(PlaceOrder, dedupe_by="order_id")
async def place(cmd: PlaceOrder, tx: Tx) -> OrderPlaced:
    """Accept a valid order."""
    total = sum(line.quantity * line.price_cents for line in cmd.lines)
    if not cmd.lines or total <= 0 or any(line.quantity <= 0 or line.price_cents < 0 for line in cmd.lines):
        raise OrderRejected(reason="an order has lines with positive quantities and a positive total")
    if len(cmd.lines) > LINES_MAX:
        raise OrderRejected(reason=f"an order has at most {LINES_MAX} lines")
    if total > TOTAL_CENTS_MAX:
        raise OrderRejected(reason=f"an order is worth at most {TOTAL_CENTS_MAX // 100:,}")
    accepted = await tx.fetch_one(
        PLACE,
        order_id=cmd.order_id,
        customer_id=cmd.customer_id,
        total_cents=total,
        country=cmd.country,
        occurred_us=round(cmd.occurred_at.timestamp() * 1_000_000),
        lines=msgspec.json.encode(cmd.lines).decode(),
    )
    if accepted is None:
        raise OrderRejected(reason=f"order {cmd.order_id} exists already with other contents")
    return OrderPlaced(
        order_id=cmd.order_id,
        customer_id=cmd.customer_id,
        total_cents=total,
        occurred_at=cmd.occurred_at,
        lines=cmd.lines,
        country=cmd.country,
    )


@orders.handles(ConfirmOrder)
async def confirm(cmd: ConfirmOrder, tx: Tx) -> OrderConfirmed:
    """Confirm the order: the saga has stock and money."""
    row = await tx.fetch_one(CONFIRM, order_id=cmd.order_id)
    if row is None:
        raise LookupError(f"order {cmd.order_id} does not exist")
    return OrderConfirmed(
        order_id=cmd.order_id,
        customer_id=row["customer_id"],
        total_cents=row["total_cents"],
        country=row["country"],
        occurred_at=datetime.fromtimestamp(row["occurred_us"] / 1_000_000, UTC),
    )


@orders.on(dedupe_by="order_id", why="the saga has ended; the row follows it")
async def cancel(event: OrderCancelled, tx: Tx) -> None:
    """Cancel the order: the saga has undone all steps."""
    await tx.execute(CANCEL, order_id=event.order_id, reason=event.reason)


@orders.on(why="a page that shows the mail may lag")
async def note_mail(event: CustomerNotified, tx: Tx) -> None:
    """The customer's page shows the mails that went out."""
    await tx.execute(MAIL, order_id=event.order_id, about=event.about)


@orders.on
async def note_trouble(fault: Fault[ReserveStock] | Fault[ChargePayment] | Fault[OrderConfirmed], tx: Tx) -> None:
    """The sender sees that an operator must act on the order, and the cause of the failure."""
    what = fault.type.rpartition(".")[2]
    await tx.execute(
        TROUBLE, order_id=fault.key, who=fault.group, what=what, cause=fault.cause[:200], letter_id=fault.letter_id
    )


@orders.on(dedupe_by="dispute_id", why="a person decides about a dispute, and no step waits")
async def note_dispute(event: PaymentDisputed, tx: Tx) -> None:
    """The seller sees at the order that its money is asked back."""
    await tx.execute(
        TROUBLE,
        order_id=event.order_id,
        who="payment provider",
        what="PaymentDisputed",
        cause=event.reason[:200],
        letter_id=f"dispute {event.dispute_id}",
    )
