"""Returns: the items of a customer are taken into the warehouse, then their value is refunded."""

from __future__ import annotations

from partita import Saga, minutes, retriable, seconds, step
from partita.examples.shop.messages import (
    CloseReturn,
    RefundItems,
    RestockItems,
    ReturnDeclined,
    ReturnRequested,
    WithdrawItems,
)
from partita.examples.shop.services import orders


class ReturnItems(
    Saga,
    start=ReturnRequested,
    deadline=minutes(15),
    undone=ReturnDeclined,
    of=orders,
    version=1,
    why="no money goes back before the items are in the warehouse",
):
    """RequestReturn -> RestockItems -> RefundItems -> CloseReturn, WithdrawItems as compensation."""

    restock = step(RestockItems, undo=WithdrawItems, timeout=seconds(60))
    # The point of no return: a refund cannot be taken back. It is sent again under its key until it is answered.
    refund = retriable(RefundItems, timeout=seconds(60))
    close = retriable(CloseReturn)
