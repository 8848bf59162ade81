"""Answers of programs that never heard of Partita, in the frames of a registry: read by their writer's schema, or clearly refused."""

from __future__ import annotations

import asyncio
import dataclasses
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import fastavro
import pytest
from click.testing import CliRunner
from servers.process import free_port
from tests.integration.registry_server.own_registry import served
from tests.waiting import until

from partita import App, Command, Event, Key, Saga, Service, Settings, minutes, retriable
from partita.bus.port import Outgoing
from partita.cli.main import cli
from partita.clock import SystemClock
from partita.cloudevents.binary_mode import BinaryMode
from partita.message import envelope_from_bytes
from partita.schemas.confluent.client import Reference, RegisteredSchema, RegistryClient
from partita.schemas.confluent.framing import VALUE_HEADER, SchemaId, frame_of
from partita.store.dead_letters import DeadLetter, LetterFilter

pytest.importorskip("confluent_kafka", reason="no Kafka client; to run these: pip install 'partita[kafka]'")
from partita.bus.kafka.frames import schema_from_elsewhere  # needs the client

KAFKA = BinaryMode("ce_", schema_from_elsewhere)
AVRO, JSON = ("content-type", b"application/avro"), ("content-type", b"application/json")

orders, payments = Service("orders", namespace="framed.order"), Service("payments", namespace="framed.payment")
heard: list[tuple[str, str, int]] = []


class Placed(Event, of=orders):
    order_id: Key[str]


class Place(Command[Placed], of=orders):
    order_id: Key[str]


class Charged(Event, of=payments):
    order_id: Key[str]
    provider_id: str = "none"
    cents: int = 0


class Charge(Command[Charged], of=payments):
    order_id: Key[str]


class Checkout(Saga, start=Placed, deadline=minutes(15), of=orders):
    """The payment is a program in another language."""

    charge = retriable(Charge)


@orders.handles(Place)
async def place(cmd: Place) -> Placed:
    return Placed(order_id=cmd.order_id)


@orders.on
async def hear(event: Charged) -> None:
    heard.append((event.order_id, event.provider_id, event.cents))


app = App(orders)
# The writer has a namespace of its own, an order of its own, a field more, a narrower number, and lacks one of ours.
THEIRS: Any = {
    "type": "record",
    "name": "Charged",
    "namespace": "psp",
    "fields": [
        {"name": "cents", "type": "int"},
        {"name": "terminal", "type": ["null", "string"]},
        {"name": "orderId", "type": "string"},
    ],
}
PROTOBUF = ("content-type", b"application/protobuf")
PROTOBUF_THEIRS = """syntax = "proto3"; package psp;
    message Refunded { string order_id = 1; }
    message Charged { int32 cents = 1; string order_id = 2; }"""
JSON_THEIRS = json.dumps({"type": "object", "properties": {"orderId": {"type": "string"}}})


def avro(order_id: str, cents: int = 7) -> bytes:
    out = io.BytesIO()
    value = {"cents": cents, "terminal": "t", "orderId": order_id}
    fastavro.schemaless_writer(out, fastavro.parse_schema(THEIRS), value)
    return out.getvalue()


def event(order_id: str, value: bytes, *headers: tuple[str, bytes], **attributes: str) -> Outgoing:
    """An event as it comes from Kafka."""
    given = {
        "specversion": "1.0",
        "id": order_id,
        "source": "urn:psp",
        "type": "framed.payment.v1.Charged",
    } | attributes
    envelope, data = KAFKA.read([*((f"ce_{n}", v.encode()) for n, v in given.items()), *headers], value, 1)
    return Outgoing(payments.events_topic, order_id, envelope, data, f"urn:psp {order_id}")


@pytest.fixture
def running(tmp_path: Path) -> App:
    heard.clear()
    return app.configured(Settings(data=tmp_path))


def at(running: App, url: str) -> App:
    """The app with this registry."""
    return running.configured(dataclasses.replace(running.settings, registry=url))


async def letters(running: App) -> Sequence[DeadLetter]:
    async with running.store("orders").reading() as session:
        return await session.dead_letters.find("orders", 100, LetterFilter())


async def registered(
    url: str, text: str = json.dumps(THEIRS), language: str = "AVRO", of: str = "theirs"
) -> tuple[bytes, bytes]:
    """The frames v0 and v1 of a schema that the other program registered."""
    client = RegistryClient(url, SystemClock())
    subject = f"{of}-{language}"
    number = await client.register(subject, RegisteredSchema(text, language))
    guid = await asyncio.to_thread(_guid_of, url, subject)
    return frame_of(SchemaId(id=number)), frame_of(SchemaId(guid=guid))


def _guid_of(url: str, subject: str) -> str:
    from tests.registry_process import ask

    return str(ask("GET", f"{url}/subjects/{subject}/versions/1")["guid"])


async def test_a_saga_goes_on_with_a_framed_answer_and_drops_its_copies(running: App, tmp_path: Path) -> None:
    """Read by the schema of its writer, and known by source and id."""
    async with served(tmp_path / "registry") as url, (mine := at(running, url)).running():
        v0, v1 = await registered(url)
        await mine.send(Place(order_id="o1"))
        async with mine.store("orders").reading() as session:
            (row,) = await session.fetch("SELECT id, headers FROM outbox WHERE type LIKE '%Charge'", {})
        command = envelope_from_bytes(row["headers"])
        named = {"correlationid": command.correlation_id, "causationid": row["id"]}
        # The program sends it again after a crash, in another frame of the same schema.
        again = [event("o1", frame + avro("o1"), AVRO, **named) for frame in (v0, v1, v0)]
        await mine.bus.append(again)
        await mine.settled()
        assert await letters(mine) == []
        async with mine.store("orders").reading() as session:
            (saga,) = await session.fetch("SELECT status FROM saga", {})
    assert saga["status"] == "completed"
    assert heard == [("o1", "none", 7)]


async def test_each_frame_of_each_language_is_read(running: App, tmp_path: Path) -> None:
    """The frame is before the value, by id or by guid, or in a header. In Protobuf it chooses a message of the file."""
    async with served(tmp_path / "registry") as url, (mine := at(running, url)).running():
        v0, v1 = await registered(url)
        j0, j1 = await registered(url, JSON_THEIRS, "JSON")
        p0, p1 = await registered(url, PROTOBUF_THEIRS, "PROTOBUF")
        told = b'{"orderId": "j", "cents": 7, "extra": 1}'
        proto = b"\x08\x07\x12\x01p"  # cents = 7, order_id = "p"
        await mine.bus.append(
            [
                event("a0", v0 + avro("a0"), AVRO),
                event("a1", v1 + avro("a1"), AVRO),
                event("a2", avro("a2"), AVRO, (VALUE_HEADER, v0)),
                event("a3", avro("a3"), AVRO, (VALUE_HEADER, v1)),
                event("a4", v0 + avro("a4")),
                event("j0", j0 + told, JSON),
                event("j1", j1 + told, JSON),
                event("j2", told, JSON, (VALUE_HEADER, j1)),
                event("j3", told, JSON),
                event("p0", p0 + b"\x02\x02" + proto, PROTOBUF),
                event("p1", p1 + b"\x02\x02" + proto, PROTOBUF),
                event("p2", proto, PROTOBUF, (VALUE_HEADER, p1 + b"\x02\x02")),
            ]
        )
        await until(lambda: heard, holds=lambda found: len(found) == 12, why=lambda: letters(mine))
        assert await letters(mine) == []
    assert sorted(heard) == [(f"a{n}", "none", 7) for n in range(5)] + [("j", "none", 7)] * 4 + [("p", "none", 7)] * 3


async def test_a_value_that_cannot_be_read_is_a_dead_letter_with_its_reason(
    running: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unknown ids, broken frames, and bytes that are no value of the schema; later messages are handled."""
    unknown, guid = frame_of(SchemaId(id=999)), frame_of(SchemaId(guid="89791762-2336-4186-9674-299b90a802e2"))
    async with served(tmp_path / "registry") as url, (mine := at(running, url)).running():
        v0, _ = await registered(url)
        j0, _ = await registered(url, JSON_THEIRS, "JSON")
        n0, _ = await registered(url, json.dumps(THEIRS | {"name": "Other"}), "AVRO", "other")
        broken = {
            "id": (event("id", unknown + avro("id"), AVRO), "UnknownSchema", "has no id 999"),
            "guid": (event("guid", guid + avro("guid"), AVRO), "UnknownSchema", "has no guid 89791762"),
            "header": (event("header", avro("header"), AVRO, (VALUE_HEADER, b"7")), "Malformed", "first byte 0x37"),
            "bare": (event("bare", avro("bare"), AVRO), "Malformed", "begins no frame"),
            "short": (event("short", b"\x00\x00", AVRO), "Malformed", "ends after 2 of 5 bytes"),
            "text": (event("text", b'{"orderId": "text"}'), "Malformed", "JSON a content type"),
            "value": (event("value", v0 + b"\xff\xff", AVRO), "Malformed", "not a value of schema avro:id:"),
            "name": (event("name", n0 + avro("name"), AVRO), "Malformed", "its writer calls the record psp.Other"),
            "language": (event("language", j0 + b"{}", AVRO), "Malformed", "is no Avro schema"),
            "protobuf": (event("protobuf", v0 + b"\x00", ("content-type", b"application/protobuf")), "", "protobuf"),
            "bom": (event("bom", b"\xef\xbb\xbf{", JSON), "Malformed", "not a value of schema json:"),
        }
        await mine.bus.append([one for one, _, _ in broken.values()])
        await mine.bus.append([event("good", v0 + avro("good"), AVRO)])
        dead = await until(lambda: letters(mine), holds=lambda found: len(found) == len(broken) and heard)
        found = {letter.key: letter for letter in dead}
    assert found.keys() == broken.keys()
    for name, (_, kind, said) in broken.items():
        assert kind in found[name].cause_type and said in found[name].cause, found[name]
    assert [order_id for order_id, _, _ in heard] == ["good"]

    monkeypatch.setenv("PARTITA_APP", f"{__name__}:app")
    for name in ("PARTITA_STORE", "PARTITA_BUS", "PARTITA_REGISTRY"):
        monkeypatch.delenv(name, raising=False)
    listed = (await asyncio.to_thread(_say, tmp_path, "dlq", "list")).replace("\n", " ")
    assert "has no id 999" in listed and "Charged" in listed, listed
    why = await asyncio.to_thread(_say, tmp_path, "why", "short")
    assert "ends after 2 of 5 bytes" in why, why


def _say(data: Path, *words: str) -> str:
    done = CliRunner().invoke(cli, [*words, "--data", str(data)])
    assert done.exit_code in (0, 3), done.output
    return done.output


async def test_an_answer_waits_while_the_registry_is_away(running: App, tmp_path: Path) -> None:
    """No message is at fault; it is handled when the registry is back."""
    port = free_port()
    async with served(tmp_path / "registry", port) as url:
        v0, _ = await registered(url)
    mine = at(running, f"http://127.0.0.1:{port}")
    async with mine.running() as system:
        registry: Any = system.registry
        before = registry.client.traffic.failed
        await mine.bus.append([event("o1", v0 + avro("o1"), AVRO), event("o2", b'{"orderId": "o2"}', JSON)])
        await until(lambda: registry.client.traffic.failed >= before + 3 and heard)
        assert heard == [("o2", "none", 0)], "the other order does not wait"
        assert await letters(mine) == []
        async with served(tmp_path / "registry", port):
            await until(lambda: len(heard) == 2)
        assert await letters(mine) == []
    assert heard[1] == ("o1", "none", 7)


async def test_a_frame_without_a_registry_says_so(running: App) -> None:
    async with running.running():
        await running.bus.append([event("o1", frame_of(SchemaId(id=1)) + avro("o1"), AVRO)])
        (letter,) = await until(lambda: letters(running))
    assert letter.cause_type == "UnknownSchema" and "has no id 1" in letter.cause


async def test_the_schema_of_a_command_to_a_service_elsewhere_is_registered(running: App, tmp_path: Path) -> None:
    """The saga writes the command; its receiver never runs in this app, and reads it by the schema in the registry."""
    async with served(tmp_path / "registry") as url, (mine := at(running, url)).running():
        client = RegistryClient(url, SystemClock())
        await until(lambda: mine.system.introduced)
        found = await client.latest("framed.payment.commands-framed.payment.v1.Charge")
        assert found is not None and json.loads(found.schema.text)["name"] == "Charge"
        assert await client.latest("framed.payment.events-framed.payment.v1.Charged") is None, "its writer registers it"


async def test_a_writers_schema_may_refer_to_others(running: App, tmp_path: Path) -> None:
    """Types that several schemas share are registered once, and named by reference."""
    money = {"type": "record", "name": "Money", "namespace": "bank", "fields": [{"name": "in", "type": "Currency"}]}
    currency = {"type": "enum", "name": "Currency", "namespace": "bank", "symbols": ["EUR", "USD"]}
    tag = {"type": "fixed", "name": "Tag", "size": 2}
    fields = [
        {"name": "paid", "type": ["null", "bank.Money"]},
        {"name": "again", "type": {"type": "map", "values": "bank.Money"}},
        {"name": "tags", "type": {"type": "array", "items": "Tag"}},
        *THEIRS["fields"],
    ]
    theirs = {**THEIRS, "fields": fields, "namespace": ""}
    parsed = fastavro.parse_schema([currency, money, tag, theirs])
    value = {"paid": {"in": "USD"}, "again": {"a": {"in": "EUR"}}, "tags": [b"ab"], "cents": 7, "terminal": None}
    out = io.BytesIO()
    fastavro.schemaless_writer(out, parsed, ("Charged", value | {"orderId": "o1"}))
    body = out.getvalue()[1:]  # without the index of the union by which the four were parsed together
    async with served(tmp_path / "registry") as url, (mine := at(running, url)).running():
        client = RegistryClient(url, SystemClock())
        of_currency, of_money = Reference("bank.Currency", "currency", 1), Reference("bank.Money", "money", 1)
        await client.register("currency", RegisteredSchema(json.dumps(currency)))
        await client.register("money", RegisteredSchema(json.dumps(money), references=(of_currency,)))
        await client.register("tag", RegisteredSchema(json.dumps(tag)))
        whole = RegisteredSchema(json.dumps(theirs), references=(of_money, Reference("Tag", "tag", 1)))
        number = await client.register("theirs", whole)
        await client.register("part", RegisteredSchema(JSON_THEIRS, "JSON"))
        refers = json.dumps({"type": "object", "properties": {"part": {"$ref": "part.json"}}})
        as_json = RegisteredSchema(refers, "JSON", references=(Reference("part.json", "part", 1),))
        other = await client.register("theirs-json", as_json)
        await mine.bus.append(
            [
                event("o1", frame_of(SchemaId(id=number)) + body, AVRO),
                event("o2", frame_of(SchemaId(id=other)) + b'{"orderId": "o2", "part": {}}', JSON),
            ]
        )
        await until(lambda: heard, holds=lambda found: len(found) == 2, why=lambda: letters(mine))
    assert sorted(heard) == [("o1", "none", 7), ("o2", "none", 0)]
