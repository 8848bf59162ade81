"""Changes to the code of the shop, each made in its source text: the design of the changed app says what changed."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from tests.unit.design.conftest import EVERYWHERE, Changed

from partita.design.derived.beside import read_beside
from partita.design.derived.of_app import design_of
from partita.design.drift.comparing import changes

FACTS = (Path(__file__).parents[4] / "docs/designs/shop.yaml").read_text(encoding="utf-8")
CONFIRMED = '''class OrderConfirmed(Event, of=orders):
    """The order is paid and its stock is reserved."""

    order_id: Key[OrderId]
    customer_id: str
'''
HEARS = '''
from .messages import OrderPlaced


@analytics.on
async def look_for_fraud(event: OrderPlaced) -> None:
    """Looks at the order."""
'''
# (the change, its file, the old text, the new text, the section, the sentence)
CHANGES = [
    (
        "rename an event",
        EVERYWHERE,
        "PaymentDisputed",
        "ChargeDisputed",
        1,
        "Event PaymentDisputed is called ChargeDisputed now.",
    ),
    (
        "move a key",
        "messages.py",
        CONFIRMED,
        CONFIRMED.replace("order_id: Key[OrderId]", "order_id: str").replace(
            "customer_id: str", "customer_id: Key[str]"
        ),
        6,
        "OrderConfirmed is keyed by customer_id, and was by order_id.",
    ),
    (
        "drop an undo",
        "checkout.py",
        "step(ReserveStock, undo=ReleaseStock, timeout",
        "step(ReserveStock, no_effect=True, timeout",
        4,
        "Checkout, ReserveStock: it has no undo any more, and had ReleaseStock.",
    ),
    ("add a consumer", "analytics.py", "", HEARS, 3, "analytics hears OrderPlaced now: look for fraud."),
    (
        "widen a timeout",
        "checkout.py",
        "timeout=seconds(30)",
        "timeout=seconds(45)",
        4,
        "Checkout, ReserveStock: its timeout is 45 s, and was 30 s.",
    ),
    (
        "send again after a timeout",
        "checkout.py",
        'on_timeout="undo"',
        'on_timeout="retry"',
        4,
        "Checkout, ChargePayment: after a timeout it will retry, and did undo.",
    ),
    (
        "move a deadline",
        "checkout.py",
        "deadline=minutes(15)",
        "deadline=minutes(20)",
        4,
        "Checkout has a deadline of 20 min, and had 15 min.",
    ),
    (
        "drop a field",
        "messages.py",
        CONFIRMED,
        CONFIRMED.replace("    customer_id: str\n", ""),
        2,
        "OrderConfirmed.customer_id is gone.",
    ),
    (
        "add a field without a default",
        "messages.py",
        CONFIRMED,
        CONFIRMED + "    voucher: str\n",
        2,
        "OrderConfirmed.voucher (string) is new.",
    ),
    (
        "shorten a window",
        "services.py",
        '    team="checkout",\n',
        '    team="checkout",\n    window_s=3_600.0,\n',
        11,
        "Consumers know their messages for 1 h, and did for 24 h.",
    ),
    (
        "drop a retry topic",
        "services.py",
        '    team="checkout",\n',
        '    team="checkout",\n    retry=Retry(delays=(60.0, 300.0)),\n',
        10,
        "The retry topics are 1 min, 5 min, and were 1 min, 5 min, 30 min.",
    ),
    (
        "hand a service over",
        "services.py",
        'team="warehouse"',
        'team="logistics"',
        12,
        "inventory-service belongs to team logistics, and did to warehouse.",
    ),
    (
        "rename an undo",
        EVERYWHERE,
        "WithdrawItems",
        "TakeItemsOut",
        1,
        "Command WithdrawItems is called TakeItemsOut now.",
    ),
]


@pytest.mark.parametrize(("_", "file", "old", "new", "section", "what"), CHANGES, ids=[change[0] for change in CHANGES])
def test_a_change_of_the_code_is_found(
    _: str, file: str, old: str, new: str, section: int, what: str, changed: Changed
) -> None:
    facts = read_beside(FACTS, "docs/designs/shop.yaml")
    before = design_of(importlib.import_module("partita.examples.shop.app").app, "shop", facts)

    found = {
        change.what: change.section for change in changes(before, design_of(changed(file, old, new), "shop", facts))
    }

    assert found.get(what) == section, "\n".join(found)
