"""The embedded registry as Confluent's own client and serializers see it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.registry_process import ask, served

from partita.clock import SystemClock
from partita.schemas.confluent.client import RegisteredSchema, RegistryClient
from partita.schemas.confluent.framing import (
    SchemaId,
    frame_of,
    framed,
    message_of_header,
    schema_of_header,
    unframed,
)

pytestmark = [pytest.mark.oracles]
confluent = pytest.importorskip("confluent_kafka.schema_registry", reason="make .venv/oracles.ok")

ORDER = {
    "type": "record", "name": "Order", "namespace": "shop",
    "fields": [{"name": "id", "type": "string"}, {"name": "cents", "type": "long"}],
}  # fmt: skip
GROWN = {**ORDER, "fields": [*ORDER["fields"], {"name": "note", "type": "string", "default": ""}]}  # type: ignore[misc]  # a list
BROKEN = {**ORDER, "fields": [*ORDER["fields"], {"name": "note", "type": "string"}]}  # type: ignore[misc]  # a list
JSON = json.dumps(
    {"title": "Order", "type": "object", "properties": {"id": {"type": "string"}, "cents": {"type": "integer"}}}
)
VALUE = {"id": "o-1", "cents": 250}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("registry")
    with served("--data", str(folder), errors=folder / "errors") as (_, found):
        yield found


OPEN: list[Any] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while OPEN:
        OPEN.pop().__exit__()


def client_of(url: str) -> Any:
    """A new client each time: it keeps answers."""
    OPEN.append(confluent.SchemaRegistryClient({"url": url}))
    return OPEN[-1]


def schema(content: Any, **more: Any) -> Any:
    return confluent.Schema(json.dumps(content), "AVRO", **more)


def test_the_client_registers_finds_and_deletes(url: str) -> None:
    client = client_of(url)
    first = client.register_schema("life", schema(ORDER))
    assert client_of(url).register_schema("life", schema(ORDER)) == first
    assert json.loads(client.get_schema(first).schema_str) == ORDER
    second = client.register_schema("life", schema(GROWN))
    latest = client_of(url).get_latest_version("life")
    assert (latest.schema_id, latest.version, latest.subject) == (second, 2, "life")
    assert client_of(url).get_version("life", 1).schema_id == first
    assert client_of(url).lookup_schema("life", schema(ORDER)).version == 1
    assert client_of(url).get_schema_by_guid(latest.guid).schema_str == latest.schema.schema_str
    assert client.get_versions("life") == [1, 2]
    assert "life" in client.get_subjects()
    assert {(found.subject, found.version) for found in client.get_schema_versions(second)} == {("life", 2)}
    assert client.delete_version("life", 1) == 1
    assert client.delete_subject("life") == [2]
    assert client.delete_subject("life", permanent=True) == [1, 2]


def test_the_client_sees_levels_and_refusals(url: str) -> None:
    client = client_of(url)
    client.register_schema("levels", schema(ORDER))
    assert client.test_compatibility("levels", schema(GROWN))
    assert not client_of(url).test_compatibility("levels", schema(BROKEN))
    assert client.test_compatibility_all_versions("levels", schema(GROWN))
    with pytest.raises(confluent.SchemaRegistryError) as caught:
        client.register_schema("levels", schema(BROKEN))
    assert (caught.value.http_status_code, caught.value.error_code) == (409, 40901)
    assert "note" in caught.value.error_message
    for subject, code in (("none", 40401),):
        with pytest.raises(confluent.SchemaRegistryError) as caught:
            client.get_latest_version(subject)
        assert caught.value.error_code == code
    client.set_config("levels", confluent.ServerConfig(compatibility=confluent.ConfigCompatibilityLevel.NONE))
    assert client.get_config("levels").compatibility_level == "NONE"
    assert client.register_schema("levels", schema(BROKEN))
    ask("PUT", f"{url}/mode/levels", {"mode": "READONLY"})
    with pytest.raises(confluent.SchemaRegistryError) as caught:
        client_of(url).register_schema("levels", schema(GROWN))
    assert caught.value.error_code == 42205


def test_the_client_resolves_references(url: str) -> None:
    client = client_of(url)
    client.register_schema("part", schema(ORDER))
    whole = {"type": "record", "name": "Cart", "fields": [{"name": "order", "type": "shop.Order"}]}
    reference = confluent.SchemaReference("shop.Order", "part", 1)
    number = client.register_schema("cart", schema(whole, references=[reference]))
    found = client_of(url).get_schema(number)
    assert [(r.name, r.subject, r.version) for r in found.references] == [("shop.Order", "part", 1)]


def context(topic: str, headers: list[Any] | None = None) -> Any:
    from confluent_kafka.serialization import MessageField, SerializationContext

    return SerializationContext(topic, MessageField.VALUE, headers)


@pytest.mark.parametrize("language", ["avro", "json"])
def test_the_serializers_work_against_it_and_their_bytes_are_our_frames(language: str, url: str) -> None:
    """We read the frames of another program, and it reads ours."""
    if language == "avro":
        from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer

        serialize = AvroSerializer(client_of(url), json.dumps(ORDER))
        deserialize = AvroDeserializer(client_of(url))
    else:
        from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer

        serialize = JSONSerializer(JSON, client_of(url))
        deserialize = JSONDeserializer(JSON, schema_registry_client=client_of(url))
    topic = f"{language}-orders"

    data = serialize(VALUE, context(topic))

    found = unframed(data)
    assert found.schema.id is not None
    assert client_of(url).get_latest_version(f"{topic}-value").schema_id == found.schema.id
    assert framed(found.schema.id, found.payload) == data
    assert deserialize(framed(found.schema.id, found.payload), context(topic)) == VALUE


def test_the_serializers_header_mode_is_ours(url: str) -> None:
    """The id is in a header, the value bare."""
    from confluent_kafka.schema_registry import header_schema_id_serializer
    from confluent_kafka.schema_registry.avro import AvroSerializer

    serialize = AvroSerializer(
        client_of(url), json.dumps(ORDER), conf={"schema.id.serializer": header_schema_id_serializer}
    )
    headers: list[Any] = []
    data = serialize(VALUE, context("headers", headers))

    named = dict(headers)["__value_schema_id"]
    guid = schema_of_header(named).guid
    latest = client_of(url).get_latest_version("headers-value")
    assert guid == latest.guid
    assert schema_of_header(named) == SchemaId(guid=guid)
    assert data == b"\x06o-1\xf4\x03"


@pytest.mark.parametrize("place", ["header", "frame"])
def test_confluents_deserializer_reads_our_guids(url: str, place: str) -> None:
    """Header mode, and the frame of v1 before the value: a client that knows no id finds the schema by the guid alone."""
    from confluent_kafka.schema_registry.avro import AvroDeserializer

    client_of(url).register_schema("by-guid-value", schema(ORDER))
    guid = client_of(url).get_latest_version("by-guid-value").guid
    assert guid is not None
    frame, value = frame_of(SchemaId(guid=guid)), b"\x06o-1\xf4\x03"

    headers = [("__value_schema_id", frame)] if place == "header" else []
    read = AvroDeserializer(client_of(url))(value if headers else frame + value, context("by-guid", headers))

    assert read == VALUE


def test_the_header_of_a_value_in_protobuf_has_the_guid_and_the_index_path(url: str) -> None:
    from confluent_kafka.schema_registry import header_schema_id_serializer
    from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
    from google.protobuf.timestamp_pb2 import Timestamp

    options = {"schema.id.serializer": header_schema_id_serializer, "use.deprecated.format": False}
    serialize = ProtobufSerializer(Timestamp, client_of(url), conf=options)
    headers: list[Any] = []

    data = serialize(Timestamp(seconds=5), context("proto-headers", headers))

    guid = client_of(url).get_latest_version("proto-headers-value").guid
    assert message_of_header(dict(headers)["__value_schema_id"]) == (SchemaId(guid=guid), (0,))
    assert data == b"\x08\x05"


@pytest.mark.parametrize(("place", "expected"), [("Order", (0,)), ("Line", (1,)), ("Line.Part", (1, 0))])
def test_the_serializers_index_paths_are_ours(place: str, expected: tuple[int, ...]) -> None:
    """Outer message first."""
    from confluent_kafka.schema_registry.protobuf import _create_index_array, ProtobufSerializer  # noqa: I001
    from google.protobuf import descriptor_pb2, descriptor_pool

    from partita.schemas.confluent.framing import indexed, unindexed

    file = descriptor_pb2.FileDescriptorProto(
        name=f"{place}.proto", package=place.lower().replace(".", "_"), syntax="proto3"
    )
    file.message_type.add(name="Order")
    file.message_type.add(name="Line").nested_type.add(name="Part")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    path = _create_index_array(pool.FindMessageTypeByName(f"{file.package}.{place}"))
    assert tuple(path) == expected
    import io

    written = io.BytesIO()
    ProtobufSerializer._encode_varints(written, list(path), zigzag=True)
    assert indexed(path, b"") == written.getvalue()
    assert unindexed(written.getvalue()).path == expected


def messages_of(file: Any) -> Any:
    """The message classes of a file by their names."""
    from google.protobuf import descriptor_pool, message_factory, timestamp_pb2

    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
    for each in file if isinstance(file, list) else [file]:
        pool.Add(each)
    last = each
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{last.package}.{name}"))
        for name in ("Order", "Order.Line")
    }


def shop_file(**more: Any) -> Any:
    """A file as a compiler makes it: nested messages, a map, a oneof, presence, an enum, a well-known import."""
    from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Kind
    from google.protobuf.descriptor_pb2 import FileDescriptorProto

    file = FileDescriptorProto(name="shop.proto", package="shop", syntax="proto3", **more)
    file.dependency.append("google/protobuf/timestamp.proto")
    file.message_type.add(name="Before")
    order = file.message_type.add(name="Order")
    order.field.add(name="id", number=1, type=Kind.TYPE_STRING, label=Kind.LABEL_OPTIONAL)
    order.field.add(name="cents", number=2, type=Kind.TYPE_INT64, label=1, proto3_optional=True, oneof_index=1)
    order.field.add(name="lines", number=3, type=Kind.TYPE_MESSAGE, label=3, type_name=".shop.Order.Line")
    order.field.add(name="notes", number=4, type=Kind.TYPE_MESSAGE, label=3, type_name=".shop.Order.NotesEntry")
    order.field.add(name="card", number=5, type=Kind.TYPE_STRING, label=1, oneof_index=0)
    order.field.add(name="state", number=6, type=Kind.TYPE_ENUM, label=1, type_name=".shop.State", oneof_index=0)
    order.field.add(name="at", number=7, type=Kind.TYPE_MESSAGE, label=1, type_name=".google.protobuf.Timestamp")
    order.oneof_decl.add(name="pay")
    order.oneof_decl.add(name="_cents")
    order.nested_type.add(name="Line").field.add(name="sku", number=1, type=Kind.TYPE_STRING, label=1)
    entry = order.nested_type.add(name="NotesEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=Kind.TYPE_STRING, label=1)
    entry.field.add(name="value", number=2, type=Kind.TYPE_INT32, label=1)
    state = file.enum_type.add(name="State")
    state.value.add(name="NEW", number=0)
    state.value.add(name="PAID", number=1)
    return file


@pytest.mark.parametrize(("place", "path"), [("Order", (1,)), ("Order.Line", (1, 0))])
def test_the_protobuf_serializers_work_against_it(place: str, path: tuple[int, ...], url: str) -> None:
    """The serializer registers a descriptor, the deserializer asks for one, and others read the text."""
    from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer

    from partita.schemas.confluent.framing import unindexed
    from partita.schemas.protobuf.parsing import parse

    cls = messages_of(shop_file())[place]
    value = (
        cls(sku="s-1") if place != "Order" else cls(id="o-1", cents=0, notes={"a": 1}, state=1, lines=[{"sku": "s"}])
    )
    topic = f"protobuf-{place}"
    serialize = ProtobufSerializer(cls, client_of(url), {"use.deprecated.format": False})
    deserialize = ProtobufDeserializer(cls, {"use.deprecated.format": False}, client_of(url))

    data = serialize(value, context(topic))

    assert deserialize(data, context(topic)) == value
    found = unframed(data)
    assert unindexed(found.payload).path == path
    assert unindexed(found.payload).payload == value.SerializeToString()
    latest = client_of(url).get_latest_version(f"{topic}-value")
    assert latest.schema_id == found.schema.id
    file = parse(latest.schema.schema_str)
    assert [each.name for each in file.messages] == ["Before", "Order"]
    assert client_of(url).lookup_schema(f"{topic}-value", latest.schema).version == 1
    # The descriptor is found by the text's id, whichever of them was registered first.
    coded = client_of(url).get_latest_version(f"{topic}-value", fmt="serialized").schema
    assert client_of(url).register_schema(f"{topic}-other", coded) == latest.schema_id


def test_the_protobuf_serializers_resolve_references(url: str) -> None:
    """A file that imports another one: the serializer registers both, the deserializer asks for both."""
    from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
    from google.protobuf.descriptor_pb2 import FileDescriptorProto

    cart = FileDescriptorProto(name="cart.proto", package="cart", syntax="proto3", dependency=["shop.proto"])
    order = cart.message_type.add(name="Order")
    order.field.add(name="order", number=1, type=11, label=1, type_name=".shop.Order")
    order.nested_type.add(name="Line")
    cls = messages_of([shop_file(), cart])["Order"]
    value = cls(order={"id": "o-1", "notes": {"b": 2}})
    conf = {"use.deprecated.format": False}
    data = ProtobufSerializer(cls, client_of(url), conf)(value, context("carts"))
    assert ProtobufDeserializer(cls, conf, client_of(url))(data, context("carts")) == value
    references = client_of(url).get_latest_version("carts-value").schema.references
    assert [(each.name, each.version) for each in references] == [("shop.proto", 1)]


def test_the_client_sees_how_a_message_may_evolve(url: str) -> None:
    head = 'syntax = "proto3"; package shop; message A { int64 cents = 1; '
    client = client_of(url)
    client.register_schema("grows", confluent.Schema(head + "}", "PROTOBUF"))
    assert client.test_compatibility("grows", confluent.Schema(head + "string note = 2; }", "PROTOBUF"))
    broken = confluent.Schema(head.replace("int64", "string") + "}", "PROTOBUF")
    assert not client_of(url).test_compatibility("grows", broken)
    with pytest.raises(confluent.SchemaRegistryError) as caught:
        client.register_schema("grows", broken)
    assert (caught.value.http_status_code, caught.value.error_code) == (409, 40901)
    assert "type-changed at A.cents" in caught.value.error_message


async def test_our_client_finds_what_the_other_registered(url: str) -> None:
    number = client_of(url).register_schema("both", schema(ORDER))
    found = await RegistryClient(url, SystemClock()).by_id(number)
    assert found is not None and json.loads(found.text) == ORDER
    ours = RegisteredSchema(json.dumps(GROWN))
    assert client_of(url).get_schema(await RegistryClient(url, SystemClock()).register("both", ours)).schema_str
