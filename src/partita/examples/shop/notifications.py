"""notification-service: informs customers about the outcome of their orders."""

from __future__ import annotations

import asyncio
from typing import Annotated

from partita import Depends, Meta
from partita.examples.shop.messages import (
    CustomerNotified,
    OrderCancelled,
    OrderConfirmed,
    ReturnCompleted,
    ReturnDeclined,
)
from partita.examples.shop.services import notifications
from partita.examples.shop.witness import MailSink, mail_sink


@notifications.on(dedupe_by="order_id", concurrency=8, why="no service waits for a mail")
async def tell_customer(
    event: OrderConfirmed | OrderCancelled, meta: Meta, mail: Annotated[MailSink, Depends(mail_sink)]
) -> CustomerNotified:
    """One mail per order and outcome."""
    await asyncio.to_thread(mail.send, meta.idempotency_key, event.order_id, type(event).__name__)
    return CustomerNotified(order_id=event.order_id, about=type(event).__name__)


@notifications.on(dedupe_by="return_id", concurrency=8, why="no service waits for a mail")
async def tell_of_return(
    event: ReturnCompleted | ReturnDeclined, meta: Meta, mail: Annotated[MailSink, Depends(mail_sink)]
) -> CustomerNotified:
    """One mail per return and outcome."""
    await asyncio.to_thread(mail.send, meta.idempotency_key, event.order_id, type(event).__name__)
    return CustomerNotified(order_id=event.order_id, about=type(event).__name__)
