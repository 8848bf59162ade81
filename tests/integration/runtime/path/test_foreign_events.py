"""Events of programs that never heard of Partita: read by content type, known by source and id, answers of a saga."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from partita import App, Command, Event, Key, Meta, Saga, Service, Settings, minutes, retriable
from partita.bus.port import Outgoing
from partita.cloudevents.binary_mode import BinaryMode
from partita.message import envelope_from_bytes
from partita.store.dead_letters import LetterFilter

KAFKA = BinaryMode("ce_")
JSON = ("content-type", b"application/json")

orders, payments = Service("orders", namespace="foreign.order"), Service("payments", namespace="foreign.payment")
heard: list[tuple[str, str, dict[str, str]]] = []


class Placed(Event, of=orders):
    order_id: Key[str]


class Place(Command[Placed], of=orders):
    order_id: Key[str]


class Charged(Event, of=payments):
    order_id: Key[str]
    provider_id: str = ""


class Charge(Command[Charged], of=payments):
    order_id: Key[str]


class Checkout(Saga, start=Placed, deadline=minutes(15), of=orders):
    """The payment is a program in another language."""

    charge = retriable(Charge)


@orders.handles(Place)
async def place(cmd: Place) -> Placed:
    return Placed(order_id=cmd.order_id)


@orders.on
async def hear(event: Charged, meta: Meta) -> None:
    heard.append((event.provider_id, meta.source, dict(meta.attributes)))


app = App(orders)


def event(
    order_id: str,
    provider_id: str,
    *more: tuple[str, str],
    source: str = "urn:psp",
    event_id: str = "1",
    value: bytes = b"",
) -> Outgoing:
    """An event as it comes from Kafka."""
    attributes = {"specversion": "1.0", "id": event_id, "source": source, "type": "foreign.payment.v1.Charged"} | dict(
        more
    )
    value = value or json.dumps({"orderId": order_id, "providerId": provider_id, "unknown": 1}).encode()
    headers, value = KAFKA.read([*((f"ce_{n}", v.encode()) for n, v in attributes.items()), JSON], value, 1)
    return Outgoing(payments.events_topic, order_id, headers, value, f"{source} {event_id}")


@pytest.fixture
def running(tmp_path: Path) -> App:
    """The app without the payment service."""
    heard.clear()
    return app.configured(Settings(data=tmp_path))


async def test_a_saga_goes_on_with_the_answer_of_a_foreign_program_and_drops_its_copies(running: App) -> None:
    """Its answer names the command by `causationid`; source and id together say that it came before."""
    async with running.running():
        await running.send(Place(order_id="o1"))
        async with running.store("orders").reading() as session:
            (row,) = await session.fetch("SELECT id, headers FROM outbox WHERE type LIKE '%Charge'", {})
        command = envelope_from_bytes(row["headers"])
        answer = event(
            "o1", "p-1", ("correlationid", command.correlation_id), ("causationid", row["id"]), ("tracestate", "a=1")
        )
        await running.bus.append([answer, answer])
        await running.settled()
        async with running.store("orders").reading() as session:
            (saga,) = await session.fetch("SELECT status FROM saga", {})
            assert await session.dead_letters.find("orders", 10, LetterFilter()) == []
    assert saga["status"] == "completed"
    assert heard == [("p-1", "urn:psp", {"tracestate": "a=1", "datacontenttype": "application/json"})]


async def test_events_of_two_sources_with_one_id_are_two(running: App) -> None:
    """Each counts from 1; a repeated one of the same source is a copy."""
    async with running.running():
        of_two = [
            event("o1", "a"),
            event("o2", "b", source="urn:other"),
            event("o1", "a"),
            event("o3", "c", event_id="2"),
        ]
        await running.bus.append(of_two)
        await running.settled()
    assert sorted(provider_id for provider_id, _, _ in heard) == ["a", "b", "c"]


async def test_bytes_that_are_no_event_show_clearly(running: App) -> None:
    """A dead letter with its bytes and its reason; the next event is handled."""
    async with running.running():
        await running.bus.append([event("o1", "", value=b"{no json"), event("o2", "b", event_id="2")])
        await running.settled(dead_letters=True)
        async with running.store("orders").reading() as session:
            (letter,) = await session.dead_letters.find("orders", 10, LetterFilter())
    assert (letter.cause_type, letter.value, letter.key) == ("Malformed", b"{no json", "o1")
    assert [provider_id for provider_id, _, _ in heard] == ["b"]
