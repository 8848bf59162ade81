"""A small system with a sub-saga: the delivery of a purchase is a saga of another service."""

from __future__ import annotations

from typing import NewType

from tests.virtual_time import machine_here

from partita import (
    App,
    Command,
    Event,
    Key,
    Rejection,
    Saga,
    Service,
    Settings,
    Tx,
    days,
    hours,
    minutes,
    retriable,
    step,
)
from partita.sagas import on

orders = Service("order-desk", namespace="parcels.order")
payments = Service(
    "payment-desk",
    namespace="parcels.payment",
    tables="CREATE TABLE IF NOT EXISTS payment (order_id TEXT PRIMARY KEY, status TEXT NOT NULL);",
)
shipping = Service(
    "shipping-desk",
    namespace="parcels.shipping",
    tables="CREATE TABLE IF NOT EXISTS called_back (parcel_id TEXT NOT NULL);",
)
carriers = Service(
    "carrier-desk",
    namespace="parcels.carrier",
    tables="""
        CREATE TABLE IF NOT EXISTS label (parcel_id TEXT PRIMARY KEY);
        CREATE TABLE IF NOT EXISTS pickup (parcel_id TEXT PRIMARY KEY);
    """,
)


OrderId = NewType("OrderId", str)
ParcelId = NewType("ParcelId", str)


class OrderPlaced(Event, of=orders):
    order_id: Key[OrderId]
    parcel_id: ParcelId
    address: str


class OrderCancelled(Event, of=orders):
    order_id: Key[OrderId]
    reason: str


class OrderClosed(Event, of=orders):
    order_id: Key[OrderId]


class PlaceOrder(Command[OrderPlaced], of=orders):
    order_id: Key[OrderId]
    parcel_id: ParcelId
    address: str


class OrderWithdrawn(Event, of=orders):
    order_id: Key[OrderId]


class WithdrawOrder(Command[OrderWithdrawn], of=orders):
    order_id: Key[OrderId]


class CloseOrder(Command[OrderClosed], of=orders):
    order_id: Key[OrderId]


class OrderPaid(Event, of=payments):
    order_id: Key[OrderId]


class OrderRefunded(Event, of=payments):
    order_id: Key[OrderId]


class PayOrder(Command[OrderPaid], of=payments):
    order_id: Key[OrderId]


class RefundOrder(Command[OrderRefunded], of=payments):
    order_id: Key[OrderId]


class ParcelDelivered(Event, of=shipping):
    parcel_id: Key[ParcelId]
    label: str


class ParcelCalledBack(Event, of=shipping):
    parcel_id: Key[ParcelId]


class DeliveryFailed(Rejection):
    parcel_id: ParcelId
    reason: str


class DeliverParcel(Command[ParcelDelivered, DeliveryFailed], of=shipping):
    parcel_id: Key[ParcelId]
    address: str


class CallBackParcel(Command[ParcelCalledBack], of=shipping):
    parcel_id: Key[ParcelId]


class LabelPrinted(Event, of=carriers):
    parcel_id: Key[ParcelId]
    label: str


class LabelVoided(Event, of=carriers):
    parcel_id: Key[ParcelId]


class AddressUnknown(Rejection):
    address: str


class PrintLabel(Command[LabelPrinted, AddressUnknown], of=carriers):
    parcel_id: Key[ParcelId]
    address: str


class VoidLabel(Command[LabelVoided], of=carriers):
    parcel_id: Key[ParcelId]


class ParcelPickedUp(Event, of=carriers):
    parcel_id: Key[ParcelId]


class PickUpParcel(Command[ParcelPickedUp], of=carriers):
    parcel_id: Key[ParcelId]


class ParcelSentBack(Event, of=carriers):
    parcel_id: Key[ParcelId]


class SendBackParcel(Command[ParcelSentBack], of=carriers):
    parcel_id: Key[ParcelId]


class Delivery(Saga, start=DeliverParcel, deadline=days(3), of=shipping):
    """Carries out `DeliverParcel`: a label, then the pickup, which nothing takes back. At its end `ParcelDelivered` or
    `DeliveryFailed` answers the command."""

    print_label = step(PrintLabel, undo=VoidLabel, timeout=minutes(10))
    pick_up = retriable(PickUpParcel, timeout=hours(12))


class Purchase(Saga, start=OrderPlaced, deadline=days(5), undone=OrderCancelled, of=orders):
    """The delivery is one step of it, and the service of the delivery decides how it is done."""

    pay = step(PayOrder, undo=RefundOrder, timeout=minutes(10))
    deliver = step(DeliverParcel, undo=CallBackParcel, timeout=days(3))
    close = retriable(CloseOrder, timeout=minutes(10))
    withdrawn = on(OrderWithdrawn, then="cancel")


@orders.handles(PlaceOrder)
async def place(cmd: PlaceOrder) -> OrderPlaced:
    return OrderPlaced(order_id=cmd.order_id, parcel_id=cmd.parcel_id, address=cmd.address)


@orders.handles(WithdrawOrder)
async def withdraw(cmd: WithdrawOrder) -> OrderWithdrawn:
    return OrderWithdrawn(order_id=cmd.order_id)


@orders.handles(CloseOrder)
async def close(cmd: CloseOrder) -> OrderClosed:
    return OrderClosed(order_id=cmd.order_id)


@payments.handles(PayOrder)
async def pay(cmd: PayOrder, tx: Tx) -> OrderPaid:
    await tx.execute("INSERT INTO payment (order_id, status) VALUES (:o, 'paid')", o=cmd.order_id)
    return OrderPaid(order_id=cmd.order_id)


@payments.handles(RefundOrder)
async def refund(cmd: RefundOrder, tx: Tx) -> OrderRefunded:
    await tx.execute("UPDATE payment SET status = 'refunded' WHERE order_id = :o", o=cmd.order_id)
    return OrderRefunded(order_id=cmd.order_id)


@shipping.handles(CallBackParcel, sends=SendBackParcel)
async def call_back(cmd: CallBackParcel, tx: Tx) -> ParcelCalledBack:
    """The delivery has ended when this runs. The carrier sends back a parcel that it has picked up."""
    await tx.execute("INSERT INTO called_back (parcel_id) VALUES (:p)", p=cmd.parcel_id)
    tx.send(SendBackParcel(parcel_id=cmd.parcel_id))
    return ParcelCalledBack(parcel_id=cmd.parcel_id)


@carriers.handles(PrintLabel)
async def print_label(cmd: PrintLabel, tx: Tx) -> LabelPrinted:
    if cmd.address == "nowhere":
        raise AddressUnknown(address=cmd.address)
    await tx.execute("INSERT INTO label (parcel_id) VALUES (:p)", p=cmd.parcel_id)
    return LabelPrinted(parcel_id=cmd.parcel_id, label=f"label of {cmd.parcel_id}")


@carriers.handles(VoidLabel)
async def void_label(cmd: VoidLabel, tx: Tx) -> LabelVoided:
    await tx.execute("DELETE FROM label WHERE parcel_id = :p", p=cmd.parcel_id)
    return LabelVoided(parcel_id=cmd.parcel_id)


@carriers.handles(PickUpParcel)
async def pick_up(cmd: PickUpParcel, tx: Tx) -> ParcelPickedUp:
    await tx.execute("INSERT INTO pickup (parcel_id) VALUES (:p)", p=cmd.parcel_id)
    return ParcelPickedUp(parcel_id=cmd.parcel_id)


@carriers.handles(SendBackParcel)
async def send_back(cmd: SendBackParcel, tx: Tx) -> ParcelSentBack:
    await tx.execute("DELETE FROM pickup WHERE parcel_id = :p", p=cmd.parcel_id)
    return ParcelSentBack(parcel_id=cmd.parcel_id)


SERVICES = (orders, payments, shipping, carriers)
app = App(*SERVICES)


def on_tier(settings: Settings) -> App:
    """The system on a tier, for a test in virtual time where that is possible."""
    return App(*SERVICES, settings=settings, machine=machine_here())
