"""Small designs for tests of the skeleton: orders with a saga and reactions, and rides with a stream that may be lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from partita.design.model.choreography import Choreography, Reaction
from partita.design.model.delivery import BusDesign, FailurePolicy
from partita.design.model.design import Design
from partita.design.model.field import FieldDesign
from partita.design.model.load import Load, Stream
from partita.design.model.message import CommandDesign, EventDesign, EventKind
from partita.design.model.origin import Fact, Origin
from partita.design.model.rule import Rule
from partita.design.model.saga import SagaDesign, StepDesign
from partita.design.model.service import ServiceDesign, ServiceKind
from partita.design.model.storage import AggregateDesign, ReadModelDesign

SAID = Origin("declared", "orders.yaml:1")
DAY_S = 86_400.0


def said(value: Any) -> Fact[Any]:
    """A declared fact."""
    return Fact(value, SAID)


def fields(text: str) -> tuple[FieldDesign, ...]:
    """Fields from a line: "order_id id, email string pii, total money"."""
    found = []
    for each in filter(None, text.split(", ")):
        name, kind, *rest = each.split()
        inner = fields("sku string, quantity int") if kind == "list" else ()
        default = "" if "default" in rest else None
        found.append(FieldDesign(name, kind, SAID, pii="pii" in rest, fields=inner, default=default))  # type: ignore[arg-type]  # a word of the line
    return tuple(found)


def event(name: str, by: str, of: str, kind: EventKind = "event", **more: Any) -> EventDesign:
    """An event whose key is its first field."""
    made = fields(of)
    return EventDesign(
        name,
        by,
        made[0].name,
        made,
        said(f"{name} of {by}."),
        kind,
        said(50.0),
        said(100),
        said(30 * DAY_S),
        SAID,
        **more,
    )


def command(
    name: str, to: str, of: str, reply: str, refusals: Sequence[str] = (), undoes: str = "", enters: bool = False
) -> CommandDesign:
    """A command whose key is its first field."""
    made = fields(of)
    return CommandDesign(
        name, to, made[0].name, made, reply, tuple(refusals), said(f"{name}, please."), SAID, undoes, enters=enters
    )


def service(name: str, kind: ServiceKind = "service", owns: Sequence[str] = ()) -> ServiceDesign:
    """A service."""
    return ServiceDesign(name, f"acme.{name.replace('-', '_')}", "team", kind, said("postgres"), tuple(owns), "", SAID)


_STEPS = (
    StepDesign(
        "reserve", "step", "ReserveStock", "inventory-service", "StockReserved", ("StockRejected",), "ReleaseStock",
        "StockReleased", said(30.0), said("undo"), SAID,
    ),
    StepDesign(
        "charge", "pivot", "ChargePayment", "payment-service", "PaymentCharged", ("PaymentDeclined",), "RefundPayment",
        "PaymentRefunded", said(60.0), said("undo"), SAID, retry=(1.0, 5.0, 25.0),
    ),
    StepDesign(
        "confirm", "retriable", "ConfirmOrder", "order-service", "OrderConfirmed", (), "", "", said(30.0), said("retry"), SAID
    ),
)  # fmt: skip
_EVENTS = (
    event(
        "OrderPlaced",
        "order-service",
        "order_id id, customer_id id, lines list, total money, email string pii, occurred_at timestamp",
    ),
    event("OrderConfirmed", "order-service", "order_id id", "reply"),
    event("OrderCancelled", "order-service", "order_id id, reason string"),
    event("StockReserved", "inventory-service", "order_id id, reservation_id id", "reply"),
    event("StockRejected", "inventory-service", "order_id id, sku string", "refusal"),
    event("StockReleased", "inventory-service", "order_id id, reservation_id id", "reply"),
    event("PaymentCharged", "payment-service", "order_id id, amount money, psp_ref string", "reply"),
    event("PaymentDeclined", "payment-service", "order_id id, reason string", "refusal"),
    event("PaymentRefunded", "payment-service", "order_id id", "reply"),
)
_COMMANDS = (
    command(
        "PlaceOrder",
        "order-service",
        "order_id id, customer_id id, lines list, total money, email string pii",
        "OrderPlaced",
        enters=True,
    ),
    command("ReserveStock", "inventory-service", "order_id id, lines list", "StockReserved", ["StockRejected"]),
    command(
        "ReleaseStock",
        "inventory-service",
        "order_id id, reservation_id id default",
        "StockReleased",
        (),
        "ReserveStock",
    ),
    command("ChargePayment", "payment-service", "order_id id, total money", "PaymentCharged", ["PaymentDeclined"]),
    command("RefundPayment", "payment-service", "order_id id", "PaymentRefunded", (), "ChargePayment"),
    command("ConfirmOrder", "order-service", "order_id id", "OrderConfirmed"),
)


def orders() -> Design:
    """The checkout: stock, a charge, and the order's confirmation; a mail and a summary follow."""
    return Design(
        source="orders.yaml",
        domain="order-processing",
        purpose=said("Turn a cart into a paid order."),
        namespace="acme",
        load=Load((), said(30 * DAY_S)),
        services=(
            service("order-service", owns=["Order"]),
            service("inventory-service", owns=["StockItem"]),
            service("payment-service", owns=["Payment"]),
            service("notification-service"),
            service("analytics", "projection"),
        ),
        events=_EVENTS,
        commands=_COMMANDS,
        sagas=(
            SagaDesign("Checkout", "order-service", "OrderPlaced", "order_id", said(900.0), "OrderCancelled",
                       said("money moves and must be undone in a known order"), _STEPS, SAID),
        ),
        choreographies=(
            Choreography(
                "AfterConfirm",
                said("nobody waits for an e-mail"),
                (
                    Reaction(("OrderConfirmed",), "notification-service", "send confirmation", SAID),
                    Reaction(("OrderCancelled",), "notification-service", "send apology", SAID),
                    Reaction(("OrderPlaced", "OrderConfirmed", "OrderCancelled"), "analytics", "project order_summary", SAID,
                             "order_summary"),
                ),
                SAID,
            ),
        ),
        aggregates=(
            AggregateDesign("Order", "order-service", said("event-sourced"), said(""), ("OrderPlaced",), SAID),
            AggregateDesign("StockItem", "inventory-service", said("crud"), said(""), ("StockReserved",), SAID),
            AggregateDesign("Payment", "payment-service", said("event-sourced"), said(""), (), SAID),
        ),
        read_models=(ReadModelDesign("order_summary", "analytics", ("OrderPlaced",), said(2.0), SAID),),
        rules=(Rule("an order is charged at most once", "exactly-once-effect", SAID, SAID, key="order_id", window=DAY_S),),
        failure=FailurePolicy(said((60.0, 300.0, 1_800.0)), said("dead-letter"), said("team"), said(DAY_S)),
        compatibility=said("BACKWARD_TRANSITIVE"),
        bus=BusDesign(said("kafka"), said(12), said(3)),
    )  # fmt: skip


def positions() -> Design:
    """A stream that may be lost, beside the orders: a map of the drivers."""
    base = orders()
    moved = event("DriverMoved", "driver-gateway", "driver_id id, at geo pii", compact=True, lossy=True)
    return replace(
        base,
        load=Load((Stream("positions", "DriverMoved", said(40_000.0), said(40_000.0), SAID),), said(30 * DAY_S)),
        services=(*base.services, service("driver-gateway"), service("eta-service", "projection")),
        events=(*base.events, moved),
        choreographies=(
            *base.choreographies,
            Choreography(
                "Live",
                said("late positions are worthless"),
                (Reaction(("DriverMoved",), "eta-service", "project driver_map", SAID, "driver_map"),),
                SAID,
            ),
        ),
        read_models=(
            *base.read_models,
            ReadModelDesign("driver_map", "eta-service", ("DriverMoved",), said(5.0), SAID),
        ),
    )
