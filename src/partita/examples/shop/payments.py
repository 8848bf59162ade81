"""payment-service: charges and refunds through the payment provider, which is another process."""

from __future__ import annotations

import asyncio
from typing import Annotated

from partita import Depends, Meta, Tx
from partita.examples.shop.messages import (
    ChargePayment,
    ItemsRefunded,
    PaymentCharged,
    PaymentDeclined,
    PaymentRefunded,
    RefundItems,
    RefundPayment,
)
from partita.examples.shop.services import payments
from partita.examples.shop.witness import PaymentProvider, payment_provider

CHARGED = """
INSERT INTO payment (order_id, total_cents, status) VALUES (:order_id, :total_cents, 'CHARGED')
ON CONFLICT (order_id) DO NOTHING
"""
REFUNDED = """
INSERT INTO payment (order_id, total_cents, status) VALUES (:order_id, 0, 'REFUNDED')
ON CONFLICT (order_id) DO UPDATE SET status = 'REFUNDED'
"""
Provider = Annotated[PaymentProvider, Depends(payment_provider)]


@payments.handles(ChargePayment, concurrency=8)
async def charge(cmd: ChargePayment, meta: Meta, tx: Tx, provider: Provider) -> PaymentCharged:
    """Charge the customer. The key makes a repeat after a crash the same charge."""
    reason = await asyncio.to_thread(provider.charge, meta.idempotency_key, cmd.order_id, cmd.total_cents)
    if reason is not None:
        raise PaymentDeclined(reason=reason)
    await tx.execute(CHARGED, order_id=cmd.order_id, total_cents=cmd.total_cents)
    return PaymentCharged(order_id=cmd.order_id)


@payments.handles(RefundPayment, concurrency=8)
async def refund(cmd: RefundPayment, meta: Meta, tx: Tx, provider: Provider) -> PaymentRefunded:
    """Give the money back; if none was taken, make sure that none will be."""
    await asyncio.to_thread(provider.refund, meta.idempotency_key, cmd.order_id)
    await tx.execute(REFUNDED, order_id=cmd.order_id)
    return PaymentRefunded(order_id=cmd.order_id)


@payments.handles(RefundItems, concurrency=8)
async def refund_items(cmd: RefundItems, meta: Meta, provider: Provider) -> ItemsRefunded:
    """Give a part of an order's money back. It was charged before the order was confirmed; if the provider does not
    have it, an operator must look."""
    reason = await asyncio.to_thread(provider.refund_part, meta.idempotency_key, cmd.order_id, cmd.refund_cents)
    if reason is not None:
        raise LookupError(f"order {cmd.order_id}, return {cmd.return_id}: {reason}")
    return ItemsRefunded(return_id=cmd.return_id)
