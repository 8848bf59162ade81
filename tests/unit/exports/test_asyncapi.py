"""The AsyncAPI document of an app has its channels, operations and messages, and our words where AsyncAPI has none."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from tests.unit.exports.apps import HOSTILE, Part, every_kind, generated, hostile

from partita import App
from partita.examples.shop.app import app as shop
from partita.exports.asyncapi.document import asyncapi_document
from partita.exports.asyncapi.payload import component_key, media_type, payload_of
from partita.schemas.fields.shape import Shape
from partita.schemas.languages import LANGUAGES, schema_of
from partita.topics import Sizing, TopicPlan


def document_of(app: App, **options: Any) -> dict[str, Any]:
    return asyncapi_document(app, title="an app", version="1.2.3", **options)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return document_of(every_kind())


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (held for name, held in value.items() if name == "$ref" and isinstance(held, str))
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from references(inner)


@pytest.mark.parametrize("make", [every_kind, hostile, lambda: generated(20, "json"), lambda: shop])
def test_each_reference_leads_to_a_part_of_the_document(make: Any) -> None:
    """A reference to `$defs` of a schema would lead out of it, since it is relative to the whole document."""
    document = document_of(make())
    for reference in references(document):
        part: Any = document
        for word in reference.removeprefix("#/").split("/"):
            part = part[word]
        assert isinstance(part, dict)


def test_topics_are_channels_with_their_sizes(document: dict[str, Any]) -> None:
    assert list(document["channels"]) == sorted(document["channels"])
    events = document["channels"]["hotel.desk.events"]
    assert events["address"] == "hotel.desk.events" and events["bindings"]["kafka"] == {
        "topic": "hotel.desk.events",
        "partitions": 3,
        "replicas": 3,
        "topicConfiguration": {"cleanup.policy": ["delete"], "retention.ms": -1},
        "bindingVersion": "0.5.0",
    }
    assert (
        document["channels"]["hotel.keys.events"]["bindings"]["kafka"]["topicConfiguration"]["retention.ms"]
        == 604_800_000
    )
    assert document["channels"]["travel.abroad.events"]["bindings"]["kafka"] == {
        "topic": "travel.abroad.events",
        "bindingVersion": "0.5.0",
    }


def test_the_headers_of_a_message_are_those_of_its_topic() -> None:
    """A reader that is generated from the document would wait for attributes that do not come."""
    app = every_kind()
    app.topics = TopicPlan(of={"hotel.keys": Sizing(headers="required"), "hotel.desk": Sizing(headers="ours")})
    document = document_of(app)
    messages, schemas = document["components"]["messages"], document["components"]["schemas"]

    made, booked, landed = (
        messages[name]
        for name in ("hotel.keys.v1.CardMade", "hotel.desk.v1.RoomBooked", "travel.abroad.v1.FlightLanded")
    )
    assert [each["headers"]["$ref"].rpartition("/")[2] for each in (made, booked, landed)] == [
        "CloudEventsRequiredOnKafka",
        "PartitaOnKafka",
        "CloudEventsOnKafka",
    ]
    assert "correlationId" in landed and "correlationId" not in made and "correlationId" not in booked
    assert list(schemas["CloudEventsRequiredOnKafka"]["properties"])[4:] == ["content-type"]
    assert list(schemas["PartitaOnKafka"]["properties"]) == ["partita"]
    assert document["channels"]["hotel.desk.events"]["x-partita"] == {"headers": "ours"}
    assert "x-partita" not in document["channels"]["travel.abroad.events"]


def test_a_command_is_received_with_its_replies_its_retries_and_its_dead_letters(document: dict[str, Any]) -> None:
    found = document["operations"]["keys.receive.hotel.keys.v1.MakeCard"]
    assert found["action"] == "receive" and found["channel"] == {"$ref": "#/channels/hotel.keys.commands"}
    assert found["bindings"]["kafka"]["groupId"] == {"type": "string", "enum": ["keys"]}
    assert [each["$ref"].rpartition("/")[2] for each in found["reply"]["messages"]] == [
        "hotel.keys.v1.CardMade",
        "hotel.keys.v1.NoCards",
        "hotel.keys.v1.Locked",
    ]
    assert found["x-partita"]["handlers"] == ["make"] and found["x-partita"]["retry"]["inPlace"] == 3
    assert found["x-partita"]["deadLetters"] == {"topic": "hotel.keys.commands.keys.dlq", "faults": "hotel.keys.faults"}
    landed = document["operations"]["keys.receive.travel.abroad.v1.FlightLanded"]["x-partita"]
    delay = {"seconds": 5.0, "topic": "travel.abroad.events.keys.retry-5s"}
    assert landed["retry"] == {"inPlace": 0, "delays": [delay]}
    book = document["operations"]["desk.receive.hotel.desk.v1.BookRoom"]["x-partita"]
    assert book["dedupeBy"] == ["room"] and [each["seconds"] for each in book["retry"]["delays"]] == [1.0, 60.0]


def test_messages_are_sent_by_the_services_that_declare_it(document: dict[str, Any]) -> None:
    """By return annotation, `sends=`, a saga; a refusal by the handler of its command."""
    sends = [name for name, held in document["operations"].items() if held["action"] == "send"]
    assert sends == [
        "desk.send.hotel.desk.v1.RoomBooked",
        "desk.send.hotel.desk.v2.RoomLeft",
        "desk.send.hotel.keys.v1.MakeCard",
        "desk.send.hotel.keys.v1.VoidCard",
        "keys.send.hotel.desk.v1.BookRoom",
        "keys.send.hotel.keys.v1.CardMade",
        "keys.send.hotel.keys.v1.CardVoid",
        "keys.send.hotel.keys.v1.Locked",
        "keys.send.hotel.keys.v1.NoCards",
    ]
    sent = document["operations"]["desk.send.hotel.keys.v1.MakeCard"]["x-partita"]
    assert sent == {"service": "desk", "handlers": [], "sagas": ["Arrival"]}


def test_an_avro_message_has_its_schema_as_it_is_registered(document: dict[str, Any]) -> None:
    contract = next(c for c in shop.catalog.contracts.values() if c.name == "OrderPlaced")
    found = document_of(shop)["components"]["messages"]["shop.order.v1.OrderPlaced"]
    assert found["payload"] == {
        "schemaFormat": "application/vnd.apache.avro;version=1.9.0",
        "schema": json.loads(schema_of(contract.shape)),
    }
    assert found["contentType"] == "application/avro" and found["summary"] == "A customer's order was accepted."
    assert found["bindings"]["kafka"]["key"] == {"type": "string", "description": "OrderId"}
    assert (
        found["x-partita"]["since"] == {"lines": 2, "country": 2, "channel": 3}
        and found["x-partita"]["key"] == "orderId"
    )


def test_a_json_message_has_components_for_its_records(document: dict[str, Any]) -> None:
    """A record within itself refers to itself."""
    message = document["components"]["messages"]["hotel.keys.v1.CardMade"]
    assert message["payload"] == {"$ref": "#/components/schemas/hotel.keys.v1.CardMade"}
    schemas = document["components"]["schemas"]
    part = {"$ref": "#/components/schemas/hotel.keys.v1.CardMade.Part"}
    assert schemas["hotel.keys.v1.CardMade"]["properties"]["plan"] == part
    assert schemas["hotel.keys.v1.CardMade"]["properties"]["byFloor"]["additionalProperties"] == part
    assert schemas["hotel.keys.v1.CardMade.Part"]["properties"]["parts"]["items"] == part
    assert message["examples"][0]["payload"]["plan"]["name"] == "name-1"


def test_an_old_shape_is_received_and_not_sent(document: dict[str, Any]) -> None:
    """Its operation is that of the message which it becomes."""
    old = document["components"]["messages"]["hotel.desk.v1.RoomLeft"]["x-partita"]
    assert old["becomes"] == "hotel.desk.v2.RoomLeft"
    received = document["operations"]["desk.receive.hotel.desk.v1.RoomLeft"]["x-partita"]
    assert received == document["operations"]["desk.receive.hotel.desk.v2.RoomLeft"]["x-partita"]
    assert received["handlers"] == ["lost"] and "desk.send.hotel.desk.v1.RoomLeft" not in document["operations"]


def test_a_protobuf_message_has_the_text_of_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """The text as the language derives it, not read as JSON."""
    monkeypatch.setitem(LANGUAGES, "protobuf", lambda shape, revision: 'syntax = "proto3";')
    shape = Shape("A", "a.v1", Part, "protobuf")
    assert payload_of(shape, {}) == {
        "schemaFormat": "application/vnd.google.protobuf;version=3",
        "schema": 'syntax = "proto3";',
    }
    assert media_type(shape) == "application/protobuf"


def test_a_fault_is_a_message_of_the_owner(document: dict[str, Any]) -> None:
    fault = document["components"]["messages"]["hotel.keys.v1.MakeCard.Fault"]
    assert fault["summary"] == "MakeCard became a dead letter." and fault["x-partita"]["kind"] == "fault"
    assert fault["payload"]["schema"]["name"] == "Fault"


def test_the_document_of_one_service_has_its_own_operations_alone() -> None:
    app = every_kind()
    found = document_of(app, only=app.catalog.service("keys"))
    assert {held["x-partita"]["service"] for held in found["operations"].values()} == {"keys"}
    assert "hotel.desk.v2.RoomLeft" not in found["components"]["messages"]


def test_the_text_is_the_same_in_each_process() -> None:
    """Hash seeds differ between processes: no order may come from a set."""
    command = [sys.executable, "-m", "partita.cli.main"]
    program = (
        "from partita.cli.main import main; main(['export', 'asyncapi', '--app', 'partita.examples.shop.app:app'])"
    )
    command = [sys.executable, "-c", program]
    texts = {
        subprocess.run(command, env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True).stdout
        for seed in ("1", "2")
    }
    assert len(texts) == 1 and len(texts.pop()) > 100_000


def test_keys_are_plain_whatever_a_name_is() -> None:
    assert component_key("shop.v1.OrderPlaced-2_x") == "shop.v1.OrderPlaced-2_x"
    assert component_key("Größe/../~1") == "Gr_f6__df_e_2f_.._2f__7e_1"
    found = json.dumps(document_of(hostile()))
    assert json.loads(found)["components"]["messages"]["hostile.svc.v1.Happened"]["summary"].startswith('"""')
    assert all(re.fullmatch(r"[\w.-]+", key, re.ASCII) for key in document_of(hostile())["operations"])
    assert HOSTILE in json.loads(found)["info"]["x-partita"]["owners"][1]["team"]
