"""A small design of an order domain, built by hand: two sagas' worth of parts, without a brief's reader."""

from __future__ import annotations

from typing import Any, TypeVar

from partita.design.model.choreography import Choreography, Reaction
from partita.design.model.delivery import BusDesign, FailurePolicy
from partita.design.model.design import Design
from partita.design.model.field import FieldDesign
from partita.design.model.ledger import Assumption, Question
from partita.design.model.load import Load, Stream
from partita.design.model.message import CommandDesign, EventDesign
from partita.design.model.origin import Fact, Origin
from partita.design.model.rule import Rule
from partita.design.model.saga import SagaDesign, StepDesign
from partita.design.model.service import ServiceDesign
from partita.design.model.storage import AggregateDesign, ReadModelDesign

T = TypeVar("T")
SAID = Origin("declared", "orders.yaml:1")
GUESSED = Origin("assumed", why="no line says it")


def said(value: T) -> Fact[T]:
    """A declared fact."""
    return Fact(value, SAID)


def guessed(value: T) -> Fact[T]:
    """An assumed fact."""
    return Fact(value, GUESSED)


def field(name: str, kind: Any = "string", **more: Any) -> FieldDesign:
    """A declared field."""
    return FieldDesign(name, kind, SAID, **more)


ORDER_ID = field("order_id", "id", doc="The order.")


def event(
    name: str, by: str, *fields: FieldDesign, kind: Any = "event", rate: float = 50.0, **more: Any
) -> EventDesign:
    """An event of the order."""
    return EventDesign(
        name=name, by=by, key="order_id", fields=(ORDER_ID, *fields), meaning=guessed(f"The {name} of an order"), kind=kind,
        rate=guessed(rate), bytes=guessed(48), retention=said(90 * 86_400.0), origin=SAID, **more,
    )  # fmt: skip


def command(name: str, to: str, reply: str, *refusals: str, undoes: str = "") -> CommandDesign:
    """A command about an order."""
    return CommandDesign(
        name, to, "order_id", (ORDER_ID,), reply, refusals, guessed(f"{name} for an order"), SAID, undoes
    )


def service(name: str, team: str, *owns: str, kind: Any = "service") -> ServiceDesign:
    """A service of the shop."""
    namespace = f"shop.{name.removesuffix('-service')}"
    return ServiceDesign(name, namespace, team, kind, guessed("PostgreSQL"), owns, f"The work of {team}.", SAID)


RESERVE = StepDesign(
    "ReserveStock", "step", "ReserveStock", "inventory-service", "StockReserved", ("StockRejected",), "ReleaseStock",
    "StockReleased", said(30.0), guessed("undo"), SAID,
)  # fmt: skip
CHARGE = StepDesign(
    "ChargePayment", "pivot", "ChargePayment", "payment-service", "PaymentCharged", ("PaymentDeclined",), "", "", said(60.0),
    guessed("ask"), SAID, retry=(1.0, 5.0, 25.0),
)  # fmt: skip
CONFIRM = StepDesign(
    "ConfirmOrder", "retriable", "ConfirmOrder", "order-service", "OrderConfirmed", (), "", "", guessed(30.0),
    guessed("retry"), SAID,
)  # fmt: skip


def events() -> tuple[EventDesign, ...]:
    """Its events."""
    return (
        event("OrderPlaced", "order-service", field("customer_id", "id"), field("total", "money"), field("occurred_at", "timestamp"),
              field("lines", "list", since=2, fields=(field("sku"), field("quantity", "int"))),
              field("email", since=2, default="", pii=True)),
        event("OrderConfirmed", "order-service", kind="reply"),
        event("OrderCancelled", "order-service", field("reason"), rate=2.5),
        event("StockReserved", "inventory-service", field("reservation_id", "id"), kind="reply"),
        event("StockRejected", "inventory-service", field("sku"), kind="refusal", rate=2.5),
        event("StockReleased", "inventory-service", field("reservation_id", "id"), kind="reply", rate=2.5),
        event("PaymentCharged", "payment-service", field("amount", "money"), kind="reply"),
        event("PaymentDeclined", "payment-service", field("reason"), kind="refusal", rate=2.5),
    )  # fmt: skip


def orders() -> Design:
    """The design."""
    return Design(
        source="orders.yaml",
        domain="order-processing",
        purpose=said("turn a cart into a paid, confirmed order without ever charging or reserving twice"),
        namespace="shop",
        load=Load((Stream("orders", "OrderPlaced", said(50.0), said(400.0), SAID),), said(90 * 86_400.0)),
        services=(
            service("order-service", "checkout", "Order"),
            service("payment-service", "payments", "Payment"),
            service("inventory-service", "warehouse", "StockItem"),
            service("notification-service", "crm"),
            service("analytics", "data", kind="projection"),
        ),
        events=events(),
        commands=(
            command("ReserveStock", "inventory-service", "StockReserved", "StockRejected"),
            command("ReleaseStock", "inventory-service", "StockReleased", undoes="ReserveStock"),
            command("ChargePayment", "payment-service", "PaymentCharged", "PaymentDeclined"),
            command("ConfirmOrder", "order-service", "OrderConfirmed"),
        ),
        sagas=(
            SagaDesign(
                "Checkout", "order-service", "OrderPlaced", "order_id", said(900.0), "OrderCancelled",
                said("money moves and must be undone in a known order"), (RESERVE, CHARGE, CONFIRM), SAID,
            ),
        ),
        choreographies=(
            Choreography(
                "AfterConfirm",
                said("nobody waits for an e-mail or a report"),
                (
                    Reaction(("OrderConfirmed",), "notification-service", "send confirmation", SAID),
                    Reaction(("OrderPlaced", "OrderConfirmed", "OrderCancelled"), "analytics", "project order_summary", SAID,
                             projects="order_summary"),
                ),
                SAID,
            ),
        ),
        aggregates=(
            AggregateDesign("Order", "order-service", said("event-sourced"), guessed("its history answers disputes"),
                            ("OrderPlaced", "OrderConfirmed", "OrderCancelled"), SAID),
            AggregateDesign("StockItem", "inventory-service", said("crud"), guessed("only the count matters"),
                            ("StockReserved", "StockReleased"), SAID),
        ),
        read_models=(
            ReadModelDesign("order_summary", "analytics", ("OrderPlaced", "OrderConfirmed", "OrderCancelled"), said(2.0), SAID),
        ),
        rules=(
            Rule("an order is charged at most once", "exactly-once-effect", SAID, SAID, key="order_id", window=86_400.0),
            Rule("reserved stock equals confirmed plus open", "invariant", SAID, SAID, across=("Order", "StockItem")),
            Rule("no committed order loses its events", "outbox", SAID, SAID),
            Rule("order_summary is at most 2 s behind", "staleness", SAID, SAID, read="order_summary", max=2.0),
        ),
        failure=FailurePolicy(said((60.0, 300.0, 1_800.0)), said("dead-letter"), said("team"), guessed(86_400.0)),
        compatibility=said("BACKWARD_TRANSITIVE"),
        bus=BusDesign(said("kafka"), said(12), said(3)),
        assumptions=(
            Assumption("A-1", "The refusals are 5 % of the orders.", "checkout", "The rate of the undo.", "refused: 5%"),
        ),
        questions=(Question("Q-1", "May ConfirmOrder refuse?", "checkout", "Whether a refund is needed."),),
    )  # fmt: skip
