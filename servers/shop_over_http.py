"""The shop with its payment service behind HTTP: its commands leave by a webhook, its answers come to an ingress.

PAYMENT_URL is the participant's URL. The ASGI server that runs `hooks` runs the whole app.
"""

from __future__ import annotations

import os

from partita import App, Settings
from partita.egress import Webhook
from partita.examples.shop import checkout as _checkout
from partita.examples.shop import inventory as _inventory
from partita.examples.shop import notifications as _notifications
from partita.examples.shop import orders as _orders
from partita.examples.shop.messages import (
    ChargePayment,
    PaymentCharged,
    PaymentDeclined,
    PaymentRefunded,
    RefundPayment,
)
from partita.examples.shop.services import inventory, notifications, orders, payments

MODULES = (_checkout, _inventory, _notifications, _orders)
"""Importing these declares their handlers; the work of the payment service is done elsewhere."""
HERE = ["127.0.0.0/8"]

secrets = os.environ.get("PAYMENT_SECRETS", "").split()
webhook = Webhook("payments", to=lambda _: os.environ["PAYMENT_URL"], networks=HERE, secrets=secrets, timeout_s=5)
webhook.handles(payments, ChargePayment, RefundPayment)
app = App(orders, inventory, notifications, payments, settings=Settings.from_environment())
hooks = app.ingress(payments, takes=[PaymentCharged, PaymentDeclined, PaymentRefunded], secrets=secrets)
