"""The shop, assembled: `partita run partita.examples.shop.app:app`."""

from __future__ import annotations

from partita import App
from partita.examples.shop import (  # importing them declares their handlers
    analytics as _analytics,
)
from partita.examples.shop import checkout as _checkout
from partita.examples.shop import inventory as _inventory
from partita.examples.shop import notifications as _notifications
from partita.examples.shop import orders as _orders
from partita.examples.shop import payments as _payments
from partita.examples.shop import returning as _returning
from partita.examples.shop import returns as _returns
from partita.examples.shop.services import analytics, inventory, notifications, orders, payments

MODULES = (_analytics, _checkout, _inventory, _notifications, _orders, _payments, _returning, _returns)

app = App(orders, inventory, payments, notifications, analytics)
