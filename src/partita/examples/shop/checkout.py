"""The checkout: money and stock must be undone in a defined order, so a saga orchestrates it."""

from __future__ import annotations

from partita import Saga, minutes, pivot, retriable, seconds, step
from partita.examples.shop.messages import (
    ChargePayment,
    ConfirmOrder,
    OrderCancelled,
    OrderPlaced,
    RefundPayment,
    ReleaseStock,
    ReserveStock,
)
from partita.examples.shop.services import orders


class Checkout(
    Saga,
    start=OrderPlaced,
    deadline=minutes(15),
    undone=OrderCancelled,
    of=orders,
    version=1,
    why="money and stock unwind in a fixed order, and the customer gets one answer in time",
):
    """PlaceOrder -> ReserveStock -> ChargePayment -> ConfirmOrder, ReleaseStock as compensation."""

    reserve = step(ReserveStock, undo=ReleaseStock, timeout=seconds(30))
    charge = pivot(ChargePayment, undo=RefundPayment, timeout=seconds(60), on_timeout="undo")
    confirm = retriable(ConfirmOrder)
