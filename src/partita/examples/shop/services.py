"""The five services of the shop and the names they share."""

from __future__ import annotations

from typing import NewType

import msgspec

from partita import Retry, Service

CURRENCY = "EUR"
OrderId = NewType("OrderId", str)
ReturnId = NewType("ReturnId", str)
# A program outside may be away for some seconds; such a wait holds up only its own order.
OUTSIDE = Retry(in_place=8, first_wait_s=0.1, wait_s_max=5.0)

orders = Service(
    "order-service",
    namespace="shop.order",
    team="checkout",
    tables="""
    CREATE TABLE IF NOT EXISTS orders (
        order_id TEXT PRIMARY KEY, customer_id TEXT NOT NULL, total_cents BIGINT NOT NULL, country TEXT NOT NULL,
        occurred_us BIGINT NOT NULL, status TEXT NOT NULL, reason TEXT NOT NULL, lines TEXT NOT NULL
    );
    CREATE INDEX IF NOT EXISTS orders_customer ON orders (customer_id, occurred_us);
    CREATE TABLE IF NOT EXISTS item_return (
        return_id TEXT PRIMARY KEY, order_id TEXT NOT NULL, customer_id TEXT NOT NULL, sku TEXT NOT NULL,
        quantity BIGINT NOT NULL, refund_cents BIGINT NOT NULL, status TEXT NOT NULL, reason TEXT NOT NULL
    );
    CREATE INDEX IF NOT EXISTS item_return_customer ON item_return (customer_id, sku);
    CREATE TABLE IF NOT EXISTS order_trouble (
        order_id TEXT NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL, cause TEXT NOT NULL, letter_id TEXT PRIMARY KEY
    );
    CREATE INDEX IF NOT EXISTS order_trouble_of ON order_trouble (order_id);
    CREATE TABLE IF NOT EXISTS order_mail (
        order_id TEXT NOT NULL, about TEXT NOT NULL, PRIMARY KEY (order_id, about)
    );
    """,
)
# The saga sends a step's command only after the reply before it, and tombstones cover an undo that comes first:
# so a release need not wait behind a reservation that is being retried.
# The warehouse's programs in other languages are generated from .proto files, so its messages are in Protobuf.
inventory = Service(
    "inventory-service",
    namespace="shop.inventory",
    team="warehouse",
    codec="protobuf",
    order="none",
    tables="""
    CREATE TABLE IF NOT EXISTS stock (
        sku TEXT PRIMARY KEY, initial BIGINT NOT NULL, on_hand BIGINT NOT NULL CHECK (on_hand >= 0),
        reserved BIGINT NOT NULL CHECK (reserved >= 0), sold BIGINT NOT NULL
    );
    CREATE TABLE IF NOT EXISTS reservation (
        order_id TEXT NOT NULL, sku TEXT NOT NULL, quantity BIGINT NOT NULL, state TEXT NOT NULL,
        PRIMARY KEY (order_id, sku)
    );
    CREATE TABLE IF NOT EXISTS taken_back (
        return_id TEXT PRIMARY KEY, sku TEXT NOT NULL, quantity BIGINT NOT NULL, state TEXT NOT NULL
    );
    """,
)
payments = Service(
    "payment-service",
    namespace="shop.payment",
    team="money",
    retry=OUTSIDE,
    tables="""
    CREATE TABLE IF NOT EXISTS payment (
        order_id TEXT PRIMARY KEY, total_cents BIGINT NOT NULL, status TEXT NOT NULL
    );
    """,
)
# Its messages are in JSON: the pages of the growth team, which are no services of ours, read them.
notifications = Service(
    "notification-service", namespace="shop.notification", team="growth", retry=OUTSIDE, codec="json"
)


class NoCountry(Exception):
    """The revenue of an order without a country cannot be counted, and no retry changes that."""


analytics = Service(
    "analytics",
    namespace="shop.analytics",
    team="data",
    retry=Retry(permanent=(NoCountry,)),
    tables="""
    CREATE TABLE IF NOT EXISTS revenue (
        day TEXT NOT NULL, country TEXT NOT NULL, orders BIGINT NOT NULL, cents BIGINT NOT NULL,
        PRIMARY KEY (day, country)
    );
    """,
)


class OrderLine(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One line of an order. `stocked` is False for an article that is charged and not reserved, such as postage."""

    sku: str
    quantity: int
    price_cents: int
    stocked: bool = True
