"""Sub-sagas: a step that a saga of another service carries out ends as that saga does, and its undo waits for it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.integration.sagas.parcels import (
    CallBackParcel,
    DeliverParcel,
    Delivery,
    DeliveryFailed,
    OrderCancelled,
    OrderId,
    ParcelDelivered,
    ParcelId,
    PickUpParcel,
    PlaceOrder,
    PrintLabel,
    Purchase,
    WithdrawOrder,
    app,
    on_tier,
)
from tests.virtual_time import virtually
from tests.waiting import until

from partita import App, Conflict, Settings, hours
from partita.bus.port import Outgoing
from partita.catalog.contract import contract_of
from partita.errors import PartitaError
from partita.message import SagaAddress, envelope_to_bytes
from partita.outbox.outbox import Composer
from partita.testing.scenario import Scenario
from partita.waiting import Pending

ORDER, PARCEL = OrderId("order-1"), ParcelId("parcel-7")
PLACE = PlaceOrder(order_id=ORDER, parcel_id=PARCEL, address="12 Elm Road")


def sent(made: App, command: Any, saga_id: str, kind: str) -> Outgoing:
    """A command of a purchase as another service has sent it."""
    composer = Composer("elsewhere", made.system.codec, made.system.ids)
    address = SagaAddress("Purchase", saga_id, "deliver", 1, kind)
    message = composer.compose(
        contract_of(type(command)), command, kind="command", cause=None, now_us=1, address=address
    )
    return Outgoing(message.topic, message.key, envelope_to_bytes(message.envelope), message.value, message.envelope.id)


async def outcomes(made: App, count: int) -> list[str]:
    """The marks of that many messages at the service of the delivery; before, nothing."""
    async with made.store("shipping-desk").reading() as session:
        rows = await session.fetch("SELECT outcome FROM inbox ORDER BY at_us, outcome", {})
    return [row["outcome"] for row in rows] if len(rows) >= count else []


async def ends(t: Scenario) -> tuple[str, str]:
    """The states of the purchase and of its delivery."""
    return await t.saga(Purchase, ORDER), await t.saga(Delivery, PARCEL)


async def left(t: Scenario) -> dict[str, Any]:
    """The effects of the purchase that are left in the services."""
    paid = await t.fetch("payment-desk", "SELECT status FROM payment")
    labels = await t.fetch("carrier-desk", "SELECT parcel_id FROM label")
    pickups = await t.fetch("carrier-desk", "SELECT parcel_id FROM pickup")
    return {"paid": [row["status"] for row in paid], "labels": len(labels), "pickups": len(pickups)}


async def test_a_delivery_answers_its_step_at_its_end() -> None:
    """The command waits while the other service's saga runs, and its reply has a value of one of that saga's steps."""
    async with app.testing() as t:
        t.stub(PickUpParcel).answers_late(hours(5))
        await t.send(PLACE)
        assert await ends(t) == ("running", "running")
        assert t.published(ParcelDelivered) == []
        await t.advance(hours(5))
        assert t.published(ParcelDelivered) == [ParcelDelivered(parcel_id=PARCEL, label=f"label of {PARCEL}")]
        assert await ends(t) == ("completed", "completed")
        await t.settled()


async def test_a_delivery_that_is_undone_refuses_its_step() -> None:
    async with app.testing() as t:
        await t.send(PlaceOrder(order_id=ORDER, parcel_id=PARCEL, address="nowhere"))
        assert await ends(t) == ("undone", "undone")
        assert t.published(DeliveryFailed)[0].reason == "AddressUnknown"
        assert [each.reason for each in t.published(OrderCancelled)] == ["DeliveryFailed"]
        assert await left(t) == {"paid": ["refunded"], "labels": 0, "pickups": 0}
        await t.settled()


async def test_a_cancelled_purchase_undoes_its_delivery() -> None:
    """Before its point of no return the delivery is undone, and the handler of the undo runs when that is done."""
    async with app.testing() as t:
        t.stub(PrintLabel).is_silent()
        await t.send(PLACE)
        await t.send(WithdrawOrder(order_id=ORDER))
        await t.advance(0)
        assert await ends(t) == ("undone", "undone")
        assert len(t.sent(CallBackParcel)) == 2  # as it came, and again at the end of the delivery
        assert t.published(DeliveryFailed) == []
        assert await left(t) == {"paid": ["refunded"], "labels": 0, "pickups": 0}
        await t.settled()


async def test_a_delivery_past_its_point_of_no_return_completes_first() -> None:
    """The parcel is with the carrier: it is delivered, and then called back. The answer to the command is dropped."""
    async with app.testing() as t:
        t.stub(PickUpParcel).answers_late(hours(5))
        await t.send(PLACE)
        await t.send(WithdrawOrder(order_id=ORDER))
        await t.advance(hours(4))
        assert await ends(t) == ("compensating", "running")
        await t.advance(hours(1))
        assert await ends(t) == ("undone", "completed")
        assert t.published(ParcelDelivered) == []
        assert (await left(t))["pickups"] == 0
        await t.settled()


async def test_an_undo_that_is_sent_again_undoes_once() -> None:
    """The parent sends its undo again each half an hour; while the delivery runs each copy is dropped, without an alarm."""
    async with app.testing() as t:
        t.stub(PickUpParcel).answers_late(hours(9))
        await t.send(PLACE)
        await t.send(WithdrawOrder(order_id=ORDER))
        await t.advance(hours(8))
        assert len(t.sent(CallBackParcel)) > 10
        assert await ends(t) == ("compensating", "running")
        await t.advance(hours(1))
        assert await ends(t) == ("undone", "completed")
        assert len(await t.fetch("shipping-desk", "SELECT parcel_id FROM called_back")) == 1
        await t.settled()


async def test_a_command_without_a_saga_is_answered_too() -> None:
    """Its sender learns that the answer comes later; sent again with its key, the command has it."""
    deliver = DeliverParcel(parcel_id=PARCEL, address="12 Elm Road")
    async with app.testing() as t:
        t.stub(PickUpParcel).answers_late(hours(5))
        with pytest.raises(Pending):
            await t.send(deliver, idempotency_key="d1")
        with pytest.raises(Pending):
            await t.send(deliver, idempotency_key="d1")
        await t.advance(hours(5))
        assert await t.send(deliver, idempotency_key="d1") == ParcelDelivered(
            parcel_id=PARCEL, label=f"label of {PARCEL}"
        )
        await t.settled()


async def test_a_second_command_of_a_key_is_refused() -> None:
    """An instance answers one command. A second one of its key would wait for ever."""
    deliver = DeliverParcel(parcel_id=PARCEL, address="12 Elm Road")
    async with app.testing() as t:
        with pytest.raises(Pending):
            await t.send(deliver)
        with pytest.raises(Conflict, match="carries out an earlier command of this key, and is completed"):
            await t.send(deliver)
        assert len(t.published(ParcelDelivered)) == 1


async def test_a_saga_that_waits_for_the_world_is_work_that_is_left() -> None:
    """A test that ends before its sagas do says so by `quiet`. A command that waits without a saga is no work."""
    async with app.testing() as t:
        t.stub(PickUpParcel).is_silent()
        await t.send(PLACE)
        with pytest.raises(
            PartitaError, match="Not settled: saga Purchase order-1 is running at deliver, saga Delivery"
        ):
            await t.settled()
        await t.quiet()


async def test_no_person_answers_the_command_of_a_saga() -> None:
    async with app.testing() as t:
        t.stub(PickUpParcel).is_silent()
        await t.send(PLACE)
        (reply_to,) = await t.pending(DeliverParcel)
        with pytest.raises(Conflict, match="is carried out by saga Delivery parcel-7, which answers it"):
            await t.reply(reply_to, ParcelDelivered(parcel_id=PARCEL, label="by hand"))
        assert await ends(t) == ("running", "running")


@virtually
async def test_an_undo_that_overtakes_its_command_keeps_the_saga_from_beginning(settings: Settings) -> None:
    """A tombstone is there before the command, in one batch and in two: no delivery begins."""
    made = on_tier(settings)
    async with made.running(services=["shipping-desk"]) as system:
        undo, do = CallBackParcel(parcel_id=PARCEL), DeliverParcel(parcel_id=PARCEL, address="12 Elm Road")
        await system.bus.append([sent(made, undo, "o1", "undo"), sent(made, do, "o1", "do")])
        assert await until(lambda: outcomes(made, 2)) == ["handled", "tombstone"]
        await system.bus.append([sent(made, undo, "o2", "undo")])
        await until(lambda: outcomes(made, 3))
        await system.bus.append([sent(made, do, "o2", "do")])
        assert (await until(lambda: outcomes(made, 4))).count("tombstone") == 2
        async with made.store("shipping-desk").reading() as session:
            assert await session.sagas.find() == []
            assert (await session.pending.status()).waiting == 0


@virtually
async def test_an_undo_in_the_batch_of_its_command_waits_and_so_does_a_later_copy(settings: Settings) -> None:
    """The delivery begins, and its undo is deferred, in one transaction. The command stays open, or a copy of the undo would find
    nothing to wait for."""
    made = on_tier(settings)
    async with made.running(services=["shipping-desk"]) as system:
        undo, do = CallBackParcel(parcel_id=PARCEL), DeliverParcel(parcel_id=PARCEL, address="12 Elm Road")
        await system.bus.append([sent(made, do, "o1", "do"), sent(made, undo, "o1", "undo")])
        assert sorted(await until(lambda: outcomes(made, 2))) == ["deferred", "pending"]
        await system.bus.append([sent(made, undo, "o1", "undo")])
        assert sorted(await until(lambda: outcomes(made, 3))) == ["deferred", "deferred", "pending"]
        async with made.store("shipping-desk").reading() as session:
            assert [row.status for row in await session.sagas.find()] == ["compensating"]
            assert (await session.pending.status()).waiting == 1


@virtually
async def test_on_each_tier_a_sub_saga_and_its_undo_end(settings: Settings) -> None:
    """Four purchases: one is delivered, one has no address; the carrier is away when a customer withdraws the third, and when
    a person cancels the delivery of the fourth."""
    made = on_tier(settings)
    addresses = {"1": "12 Elm Road", "2": "nowhere", "3": "held back", "4": "on strike"}

    async def statuses(service: str, saga: str, prefix: str) -> str:
        async with made.store(service).reading() as session:
            rows = await session.sagas.load(saga, [f"{prefix}{n}" for n in addresses])
        return " ".join(rows[f"{prefix}{n}"].status if f"{prefix}{n}" in rows else "-" for n in addresses)

    async with made.running(services=["order-desk", "payment-desk", "shipping-desk"]):
        for n, address in addresses.items():
            await made.send(PlaceOrder(order_id=OrderId(f"o{n}"), parcel_id=ParcelId(f"p{n}"), address=address))
        await until(lambda: statuses("shipping-desk", "Delivery", "p"), holds=lambda now: "-" not in now)
        await made.send(WithdrawOrder(order_id=OrderId("o3")))
        assert await made.cancel(Delivery, "p4", reason="a strike", by="eve") == "compensating"
        await until(
            lambda: statuses("shipping-desk", "Delivery", "p"),
            holds=lambda now: now == "running running compensating compensating",
        )
    async with made.running():
        await until(
            lambda: statuses("order-desk", "Purchase", "o"), holds=lambda now: now == "completed undone undone undone"
        )
        assert await statuses("shipping-desk", "Delivery", "p") == "completed undone undone undone"
        async with made.store("carrier-desk").reading() as session:
            assert [row["parcel_id"] for row in await session.fetch("SELECT parcel_id FROM pickup", {})] == ["p1"]
            assert [row["parcel_id"] for row in await session.fetch("SELECT parcel_id FROM label", {})] == ["p1"]
        async with made.store("shipping-desk").reading() as session:
            assert (await session.pending.status()).waiting == 0
            assert sorted(row.key or "" for row in await session.pending.find(state="answered")) == ["p1", "p2", "p4"]
            assert [row.key for row in await session.pending.find(state="undone")] == ["p3"]
            called_back = await session.fetch("SELECT parcel_id FROM called_back", {})
        assert [row["parcel_id"] for row in called_back] == ["p3"]
        async with made.store("order-desk").reading() as session:
            history = await session.sagas.history("Purchase", "o4")
        assert any("cancel by a person: a strike" in entry.note for entry in history)
