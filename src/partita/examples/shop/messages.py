"""The messages between the shop's services."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from partita import Command, Event, Key, Rejection, Since
from partita.examples.shop.services import (
    CURRENCY,
    OrderId,
    OrderLine,
    ReturnId,
    inventory,
    notifications,
    orders,
    payments,
)
from partita.schemas import Money


class OrderPlaced(Event, of=orders):
    """A customer's order was accepted."""

    order_id: Key[OrderId]
    customer_id: str
    total_cents: int
    occurred_at: datetime
    lines: Annotated[list[OrderLine], Since(2)] = []
    country: Annotated[str, Since(2)] = ""
    channel: Annotated[str, Since(3)] = "web"


class OrderConfirmed(Event, of=orders):
    """The order is paid and its stock is reserved."""

    order_id: Key[OrderId]
    customer_id: str
    total_cents: int
    country: str
    occurred_at: datetime


class OrderCancelled(Event, of=orders):
    """The order was undone; nothing is charged and nothing reserved."""

    order_id: Key[OrderId]
    reason: str = ""


class OrderRejected(Rejection):
    """The order is not valid."""

    reason: str


class PlaceOrder(Command[OrderPlaced, OrderRejected], of=orders):
    """Accept an order."""

    order_id: Key[OrderId]
    customer_id: str
    lines: list[OrderLine]
    country: str
    occurred_at: datetime


class ConfirmOrder(Command[OrderConfirmed], of=orders):
    """Mark an order as confirmed."""

    order_id: Key[OrderId]


class StockReserved(Event, of=inventory):
    """All lines of the order are set aside."""

    order_id: Key[OrderId]


class StockReleased(Event, of=inventory):
    """Nothing is set aside for the order any more."""

    order_id: Key[OrderId]


class StockRejected(Rejection):
    """There is not enough of an article."""

    sku: str


class ReserveStock(Command[StockReserved, StockRejected], of=inventory):
    """Set the lines of an order aside."""

    order_id: Key[OrderId]
    lines: list[OrderLine]


class ReleaseStock(Command[StockReleased], of=inventory):
    """Put back the items set aside for an order, if there are any."""

    order_id: Key[OrderId]


class PaymentCharged(Event, of=payments):
    """The customer was charged."""

    order_id: Key[OrderId]


class PaymentRefunded(Event, of=payments):
    """All money of the order is back with the customer."""

    order_id: Key[OrderId]


class PaymentDisputed(Event, of=payments):
    """A customer's bank asks for the money of an order back; the payment provider says so by its webhook."""

    order_id: Key[OrderId]
    dispute_id: str
    reason: str = ""


class PaymentDeclined(Rejection):
    """The payment provider says no."""

    reason: str


class ChargePayment(Command[PaymentCharged, PaymentDeclined], of=payments):
    """Charge the customer."""

    order_id: Key[OrderId]
    customer_id: str
    total_cents: int


class RefundPayment(Command[PaymentRefunded], of=payments):
    """Give back the charge for an order, if there was one."""

    order_id: Key[OrderId]


class CustomerNotified(Event, of=notifications):
    """The customer got a mail about the outcome of an order or of a return."""

    order_id: Key[OrderId]
    about: str


class ReturnRequested(Event, of=orders):
    """A customer brings items of an order back."""

    return_id: Key[ReturnId]
    order_id: OrderId
    sku: str
    quantity: int
    stocked: bool
    refund_cents: int


class ReturnCompletedV1(Event, of=orders, name="ReturnCompleted", version=1):
    """The items are back and their value is refunded; the shop sold in euros alone."""

    return_id: Key[ReturnId]
    order_id: OrderId
    refund_cents: int


class ReturnCompleted(Event, of=orders, version=2):
    """The items are back and their value is refunded."""

    return_id: Key[ReturnId]
    order_id: OrderId
    refund: Money


@orders.upcast
def return_completed_v2(old: ReturnCompletedV1) -> ReturnCompleted:
    """Version 1 named no currency."""
    return ReturnCompleted(return_id=old.return_id, order_id=old.order_id, refund=Money(old.refund_cents, CURRENCY))


class ReturnDeclined(Event, of=orders):
    """The items went back to the customer and nothing was refunded."""

    return_id: Key[ReturnId]
    order_id: OrderId
    reason: str = ""


class ReturnRefused(Rejection):
    """No order holds the items of the return."""

    reason: str


class RequestReturn(Command[ReturnRequested, ReturnRefused], of=orders):
    """Take items back: of the customer's latest earlier order that still holds them."""

    return_id: Key[ReturnId]
    customer_id: str
    sku: str
    quantity: int
    occurred_at: datetime


class CloseReturn(Command[ReturnCompleted], of=orders):
    """Mark a return as completed."""

    return_id: Key[ReturnId]


class ItemsRestocked(Event, of=inventory):
    """The items are back in the warehouse; they are sold again when the return is completed."""

    return_id: Key[ReturnId]


class ItemsWithdrawn(Event, of=inventory):
    """The customer has the items again, if they were taken back."""

    return_id: Key[ReturnId]


class RestockItems(Command[ItemsRestocked], of=inventory):
    """Take items back into the warehouse."""

    return_id: Key[ReturnId]
    order_id: OrderId
    sku: str
    quantity: int
    stocked: bool


class WithdrawItems(Command[ItemsWithdrawn], of=inventory):
    """Give back the items that were taken into the warehouse, if there are any."""

    return_id: Key[ReturnId]


class ItemsRefunded(Event, of=payments):
    """The customer has the items' value back."""

    return_id: Key[ReturnId]


class RefundItems(Command[ItemsRefunded], of=payments):
    """Give the value of some items of an order back."""

    return_id: Key[ReturnId]
    order_id: OrderId
    refund_cents: int
