"""A participant of a saga that has HTTP alone: its commands leave by a webhook, its answers come to an ingress."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from tests.integration.egress.receiver import Received, Receiver
from tests.waiting import until

from partita import (
    App,
    Command,
    DeclarationError,
    Event,
    Key,
    Rejection,
    Saga,
    Service,
    Settings,
    minutes,
    retriable,
    step,
)
from partita.egress import Webhook
from partita.ingress.ingress import Ingress


class Checkout:
    """An order is charged by a program over HTTP. A refused charge cancels the order; an undo gives the money back."""

    def __init__(self, settings: Settings, url: str) -> None:
        orders = Service("orders", namespace="far.order")
        payments = Service("payments", namespace="far.payment")

        class Placed(Event, of=orders):
            order_id: Key[str]
            cents: int

        class Confirmed(Event, of=orders):
            order_id: Key[str]

        class Cancelled(Event, of=orders):
            order_id: Key[str]

        class Place(Command[Placed], of=orders):
            order_id: Key[str]
            cents: int

        class Charged(Event, of=payments):
            order_id: Key[str]

        class Declined(Rejection):
            reason: str

        class Charge(Command[Charged, Declined], of=payments):
            order_id: Key[str]
            cents: int

        class Refunded(Event, of=payments):
            order_id: Key[str]

        class Refund(Command[Refunded], of=payments):
            order_id: Key[str]

        class Confirm(Command[Confirmed], of=orders):
            order_id: Key[str]

        class Purchase(Saga, start=Placed, deadline=minutes(15), undone=Cancelled, of=orders):
            charge = step(Charge, undo=Refund, timeout=minutes(5))
            confirm = retriable(Confirm)

        @orders.handles(Place)
        async def place(cmd: Place) -> Placed:
            return Placed(order_id=cmd.order_id, cents=cmd.cents)

        @orders.handles(Confirm)
        async def confirm(cmd: Confirm) -> Confirmed:
            return Confirmed(order_id=cmd.order_id)

        self.hook = Webhook("psp", to=url, networks=["127.0.0.0/8"])
        self.hook.handles(payments, Charge, Refund)
        self.payments, self.orders = payments, orders
        self.Place, self.Charge, self.Refund, self.Charged, self.Declined = Place, Charge, Refund, Charged, Declined
        self.app = App(orders, payments, settings=settings)
        self.ingress: Ingress = self.app.ingress(payments, takes=[Charged, Declined, Refunded])
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app=self.ingress), base_url="http://far")

    async def answer(self, command: Received, name: str, data: object, **more: str | None) -> httpx.Response:
        """The ingress's answer to an answer of the participant."""
        headers = {
            "ce-specversion": "1.0",
            "ce-id": command.headers["ce-id"] + "-answer",
            "ce-source": "/far",
            "ce-type": f"far.payment.v1.{name}",
            "ce-causationid": command.headers["ce-id"],
            "ce-correlationid": command.headers["ce-correlationid"],
            "ce-partitionkey": command.headers["ce-partitionkey"],
            "content-type": "application/json",
        } | {f"ce-{name}": text for name, text in more.items()}
        sent = {name: text for name, text in headers.items() if text is not None}
        return await self.client.post("/events", content=json.dumps(data).encode(), headers=sent)

    async def status(self, order_id: str) -> str:
        """The state of an order's saga."""
        async with self.app.store("orders").reading() as session:
            row = (await session.sagas.load("Purchase", [order_id])).get(order_id)
        return "" if row is None else row.status


async def test_a_saga_goes_on_by_answers_over_http(tmp_path: Path) -> None:
    """The command has the attributes that its answer needs. A copy of an answer is kept once."""
    async with Receiver() as far:
        shop = Checkout(Settings(data=tmp_path), far.url)
        async with shop.app.running():
            await shop.app.send(shop.Place(order_id="o1", cents=5))
            command = (await until(lambda: far.received))[0]

            said = [await shop.answer(command, "Charged", {"orderId": "o1"}) for _ in range(2)]

            assert [each.json() for each in said] == [{"accepted": 1, "repeated": 0}, {"accepted": 0, "repeated": 1}]
            await until(lambda: shop.status("o1"), holds=lambda status: status == "completed")
            assert command.headers["ce-type"] == "far.payment.v1.Charge"
            assert json.loads(command.body) == {"orderId": "o1", "cents": 5}
            assert command.headers["ce-partitionkey"] == "o1"


async def test_a_refusal_over_http_undoes_the_saga(tmp_path: Path) -> None:
    async with Receiver() as far:
        shop = Checkout(Settings(data=tmp_path), far.url)
        async with shop.app.running():
            await shop.app.send(shop.Place(order_id="o1", cents=5))
            command = (await until(lambda: far.received))[0]
            assert (await shop.answer(command, "Declined", {"reason": "no money"})).status_code == 202
            await until(lambda: shop.status("o1"), holds=lambda status: status == "undone")
            assert len(far.received) == 1, "a step that was refused has nothing to undo"


async def test_a_refusal_without_the_key_of_its_command_is_not_taken(tmp_path: Path) -> None:
    """No saga would find it, and the step would wait until its time is over."""
    async with Receiver() as far:
        shop = Checkout(Settings(data=tmp_path), far.url)
        async with shop.app.running():
            await shop.app.send(shop.Place(order_id="o1", cents=5))
            command = (await until(lambda: far.received))[0]
            said = await shop.answer(command, "Declined", {"reason": "no money"}, partitionkey=None)
            assert said.status_code == 400 and "has no partitionkey" in said.json()["detail"]


async def test_a_command_that_is_sent_by_hand_has_no_answer_yet(tmp_path: Path) -> None:
    """`app.send` returns None when the participant has the command."""
    async with Receiver() as far:
        shop = Checkout(Settings(data=tmp_path), far.url)
        async with shop.app.running():
            assert await shop.app.send(shop.Charge(order_id="o9", cents=1)) is None
            assert far.received[0].headers["ce-type"] == "far.payment.v1.Charge"


def test_commands_of_another_service_or_with_a_handler_are_refused(tmp_path: Path) -> None:
    shop = Checkout(Settings(data=tmp_path), "https://far.example/")
    hook = Webhook("other", to="https://far.example/")
    with pytest.raises(DeclarationError, match="is handled already"):
        hook.handles(shop.payments, shop.Charge)
    with pytest.raises(DeclarationError, match="belongs to payments"):
        hook.handles(shop.orders, shop.Charge)
    with pytest.raises(DeclarationError, match="sends no command"):
        hook.handles(shop.payments)
    with pytest.raises(DeclarationError, match="is not a command"):
        hook.handles(shop.payments, shop.Charged)  # type: ignore[arg-type]  # the mistake
