"""A Protobuf payload becomes declarations: with the numbers of its owner, the nearest types for what other systems say, and no code."""

from __future__ import annotations

import copy
import enum
import uuid
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from tests.unit.codec.proto_wire import text, whole
from tests.unit.exports.apps import HOSTILE, generated
from tests.unit.exports.declaring.imported import check_harmless, exported, run

from partita import App, Event, Key, Service
from partita.codec.protobuf import ProtobufCodec
from partita.errors import DeclarationError, SettingsError
from partita.exports.declaring.asyncapi import Imported, declarations_of
from partita.schemas.languages import schema_of
from partita.schemas.protobuf.lock import read_lock
from partita.schemas.protobuf.numbering import give_numbers
from partita.schemas.protobuf.parsing import parse
from partita.testing.generators.values import struct_of

OWNERS = """
version = 1
["owner.stock.v1.Counted"."Counted"]
gone = 2
id = 7
count = 4
state = 300
lines = 20000
["owner.stock.v1.Counted"."Line"]
sku = 5
amount = 3
["owner.stock.v1.Counted"."State"]
"in-transit" = 9
old = 2
new = 4
"""


class State(enum.Enum):
    NEW = "new"
    GONE = "in-transit"


class Line(msgspec.Struct, rename="camel"):
    sku: str
    amount: int | str | None = 3


def owners_app(folder: Path) -> App:
    """An app that gives numbers of its own, some of them to names that are gone."""
    (folder / "schemas").mkdir(parents=True)
    (folder / "schemas/partita.lock").write_text(OWNERS, encoding="utf-8")
    stock = Service("stock", namespace="owner.stock", codec="protobuf", schemas=folder / "schemas")

    class Counted(Event, of=stock):
        """How many there are."""

        id: Key[uuid.UUID]
        count: int = 1
        state: State = State.GONE
        lines: list[Line] = msgspec.field(default_factory=lambda: [Line("a")])

    return App(stock)


def message(proto: str, name: str = "acme.v1.Order") -> dict[str, Any]:
    payload = {"schemaFormat": "application/vnd.google.protobuf;version=3", "schema": proto}
    return {"asyncapi": "3.1.0", "components": {"messages": {"order": {"name": name, "payload": payload}}}}


IMPORTS = 'import "google/protobuf/timestamp.proto"; import "google/protobuf/duration.proto";'


def imported(body: str) -> Imported:
    return declarations_of(message(f'syntax = "proto3"; package acme; {body}'), "them")


def test_the_numbers_are_those_of_the_owner_and_no_name_that_is_gone_has_one_again(tmp_path: Path) -> None:
    """With what the owner reserved; values go both ways between the two projects."""
    app = owners_app(tmp_path / "owner")
    owners = app.catalog.contracts["owner.stock.v1.Counted"].shape
    again = run(declarations_of(exported(app), "them"), tmp_path / "other")
    ours = again.app.catalog.contracts["owner.stock.v1.Counted"].shape
    assert schema_of(ours) == schema_of(owners)
    assert "reserved 2;" in schema_of(ours) and 'reserved "gone";' in schema_of(ours)
    one, other = ProtobufCodec(), ProtobufCodec()
    for seed in range(50):
        value = struct_of(owners.struct, Random(seed))
        fingerprint, data = one.encode(owners, value)
        assert other.learn(ours) == fingerprint  # one schema, in a registry, too
        read = other.decode(ours, fingerprint, data)
        assert other.encode(ours, read) == (fingerprint, data)


def test_a_project_that_takes_an_imported_message_over_keeps_its_numbers(tmp_path: Path) -> None:
    """The lock that `schema export` writes begins with the numbers of the owner's file, and passes over those that it reserves."""
    app = owners_app(tmp_path / "owner")
    owners = schema_of(app.catalog.contracts["owner.stock.v1.Counted"].shape)
    again = run(declarations_of(exported(app), "them"), tmp_path / "other")
    shape = again.app.catalog.contracts["owner.stock.v1.Counted"].shape
    folder = tmp_path / "other/schemas"
    give_numbers(folder, [shape])
    lock = read_lock(folder)["owner.stock.v1.Counted"]
    assert lock["Counted"] == {"gone": 2, "id": 7, "count": 4, "state": 300, "lines": 20000}
    assert lock["State"] == {"in-transit": 9, "new": 4, "old": 2}
    assert schema_of(shape) == owners


def test_numbers_that_an_owner_reserves_without_a_name_are_given_to_none(tmp_path: Path) -> None:
    proto = """syntax = "proto3"; message Order { reserved 2, 4 to 6, 2000 to max; reserved "a", "b"; string id = 1; float f = 3; }"""
    shape = replace(
        run(declarations_of(message(proto), "them"), tmp_path).app.catalog.contracts["acme.v1.Order"].shape,
        home=tmp_path / "schemas",
    )
    assert [each.number for each in parse(schema_of(shape)).messages[0].fields] == [1]
    more = replace(shape, struct=msgspec.defstruct("Order", [("id", str), ("more", str)]))
    give_numbers(tmp_path / "schemas", [more])
    found = parse(schema_of(more)).messages[0]
    assert [each.number for each in found.fields] == [1, 7] and found.reserved == ((2, 6),)


@pytest.mark.parametrize(
    ("field", "line"),
    [
        ("string note = 1;", 'note: str = ""'),
        ("optional string note = 1;", "note: str | None = None"),
        ("int32 note = 1;", "note: Annotated[int, msgspec.Meta(ge=-2147483648, le=2147483647)] = 0"),
        ("optional uint32 note = 1;", "note: Annotated[int, msgspec.Meta(ge=0, le=4294967295)] | None = None"),
        ("repeated bool note = 1;", "note: list[bool] = []"),
        ("map<string, bytes> note = 1;", "note: dict[str, bytes] = {}"),
        ("message Part { string a = 1; } Part note = 1;", "note: Part | None = None"),
        ("enum Kind { UNKNOWN = 0; HOME = 3; } Kind note = 1;", "note: Kind | None = None"),
        ("google.protobuf.Timestamp note = 1;", "note: datetime.datetime | None = None"),
        ("google.protobuf.Duration note = 1;", "note: Duration | None = None"),
        ("oneof both { string note = 1; int64 other = 2; }", "note: Annotated[str | None, "),
        ("string class = 1;", 'class_: str = ""'),
        ("string orderID = 1;", 'order_id: str = msgspec.field(name="orderID", default="")'),
        ('string a = 1 [json_name = "@type"];', 'a: str = ""'),
        ("// Words.\n// A UUID.\n// Required.\n string note = 1;", "note: Annotated[uuid.UUID, msgspec.Meta(description="),
        ("// Default: [1\nstring note = 1;", 'note: Annotated[str, msgspec.Meta(description="Default: [1")] = ""'),
    ],
)  # fmt: skip
def test_a_file_of_another_system_gives_the_nearest_types(field: str, line: str, tmp_path: Path) -> None:
    """The owner's numbers, and bytes that both sides read."""
    found = imported(f"{IMPORTS} message Order {{\n{field} }}")
    assert found.left_out == () and f"    {line}" in found.text
    ours = run(found, tmp_path).app.catalog.contracts["acme.v1.Order"].shape
    assert ProtobufCodec().learn(ours).startswith("protobuf:")


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        ("sint32 a = 1;", "a is left out: its type sint32 has other bytes than a number of Partita"),
        ("float a = 1;", "its type float has other bytes"),
        ("map<int32, string> a = 1;", "its map has keys of the type int32"),
        ("enum E { RED = 0; BLUE = 1; } E a = 1;", "its value 0, RED, is one, and 0 is no value here"),
        ("enum E { NONE = 0; BELOW = -1; } E a = 1;", "its value BELOW has the number -1"),
        ("enum E { NONE = 0; InTransit = 1; } E a = 1;", "its value InTransit is no name in capitals"),
        ("enum E { NONE = 0; } E a = 1;", "the values of E have no names of their own"),
        ("message None { string b = 1; } None a = 1;", "its type None is no name of a class"),
        ("string order_id = 2; string orderId = 1;", "orderId is left out: its name is that of another field"),
        ("message AChoice { oneof choice { string value = 8; } } AChoice a = 1;", "its union has str in another place"),
        ("// Default: 7\nstring a = 1;", "a is left out: its default is none of its type (TypeError)"),
        ("// Default: " + "[" * 60 + "]" * 60 + "\nstring a = 1;", "its default is more than 50 values deep"),
    ],
)  # fmt: skip
def test_a_field_that_no_message_can_have_is_left_out_with_the_reason(field: str, reason: str, tmp_path: Path) -> None:
    found = imported(f"{IMPORTS} message Order {{\n{field} string other = 9; }}")
    assert len(found.left_out) == 1 and reason in found.left_out[0]
    ours = run(found, tmp_path).app.catalog.contracts["acme.v1.Order"].shape
    assert "other = 9;" in schema_of(ours)
    ProtobufCodec().learn(ours)


@pytest.mark.parametrize(
    ("proto", "reason"),
    [
        ("", "it has no message"),
        ('edition = "2023"; message Order { string a = 1; }', "editions are not read"),
        ("message Order { optional group G = 1 { } }", "groups are not read"),
        ('import "other.proto"; message Order { required other.A a = 1; }', "the import 'other.proto' is not given, and nothing is fetched"),
        ("message Order { string a = 1; int64 b = 1; }", "a field of proto2 is optional"),
        ("{}", "begins no declaration"),
        ("\ud800", "half of a surrogate pair"),
        (5, "it is no text"),
    ],
)  # fmt: skip
def test_a_schema_that_is_not_read_leaves_a_class_without_fields_and_the_reason(proto: Any, reason: str) -> None:
    found = declarations_of(message(proto), "them")
    assert len(found.left_out) == 1 and found.left_out[0].startswith("its schema is left out: ")
    assert reason in found.left_out[0] and found.revisions == ()


def test_the_message_of_a_file_is_found_by_its_name(tmp_path: Path) -> None:
    """Other programs declare records before it and beside it, and an enum without the name of the enum in its values."""
    body = """message Address { string city = 2; } enum Kind { KIND_UNSPECIFIED = 0; HOME = 5; KIND_WORK = 6; }
        message Order { string order_ID = 3; Address address = 4; Kind kind = 7; repeated Kind kinds = 8; int32 n = 9; }"""
    shape = run(imported(body), tmp_path).app.catalog.contracts["acme.v1.Order"].shape
    codec = ProtobufCodec()
    codec.teach("protobuf:id:7:1", f'syntax = "proto3"; package acme; {body}')
    data = text(3, "o") + text(4, text(2, "c")) + text(8, b"\x05\x06")
    read: Any = codec.decode(shape, "protobuf:id:7:1", data)
    assert (read.order_id, read.address.city, read.kind, read.n) == ("o", "c", None, 0)
    assert [each.value for each in read.kinds] == ["home", "work"]
    read = codec.decode(shape, "protobuf:id:7:1", data + whole(7, 6) + whole(9, -5))
    assert (read.kind.value, read.n) == ("work", -5)
    assert codec.encode(shape, read)[1] == text(3, "o") + text(4, text(2, "c")) + whole(7, 6) + text(
        8, b"\x05\x06"
    ) + whole(9, -5)


def test_defaults_of_proto2_are_those_of_the_class(tmp_path: Path) -> None:
    proto = """message Order { required string id = 1; optional int64 n = 2 [default = -3]; optional double d = 3 [default = inf];
        optional bool b = 4 [default = true]; optional string s = 5 [default = "x\\ty"]; optional bytes y = 6 [default = "\\377"];
        enum Kind { HOME = 1; WORK = 2; } optional Kind k = 7 [default = WORK]; optional int64 m = 8 [default = nan]; }"""
    found = declarations_of(message(proto), "them")
    assert found.left_out == ("m is left out: its default nan is none of its type",)
    check_harmless(found.text)
    made = run(found, tmp_path).app.catalog.contracts["acme.v1.Order"].shape.struct(id="o")
    assert (made.n, made.d, made.b, made.s, made.y, made.k.value) == (-3, float("inf"), True, "x\ty", b"\xff", "work")


def test_types_that_lead_on_for_ever_are_left_out() -> None:
    """A chain of messages, and lists in lists, as deep as no stack."""
    chain = "".join(f"message M{n} {{ M{n + 1} a = 1; }}" for n in range(5_000))
    found = imported(f"{chain} message M5000 {{ string a = 1; }} message Order {{ M0 a = 1; }}")
    assert len(found.left_out) == 1 and "a is left out: its type is more than 50 types deep" in found.left_out[0]
    names = ["A" + "Item" * n + "Items" for n in range(1, 200)]
    boxes = "".join(
        f"message {name} {{ repeated {inner} items = 1; }}"
        for name, inner in zip(names, [*names[1:], "string"], strict=True)
    )
    found = imported(f"message Order {{ {boxes} repeated AItemItems a = 1; }}")
    assert len(found.left_out) == 1 and "more than 50 types deep" in found.left_out[0]


WORDS = (HOSTILE, '"', "'", '"""', "\\", "\n", "__import__('os').system('touch forged')", "\u2028", "${x}", "lambda: 0", "class", "*/", "//", "\x00", "None", "\ud800")  # fmt: skip


def test_no_word_of_a_proto_text_becomes_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts of our own derivation with other words in any place: comments, names, options, defaults."""
    monkeypatch.chdir(tmp_path)
    document = exported(generated(60, "protobuf"))
    held = list(document["components"]["messages"].values())
    ran = refused = 0
    for seed in range(250):
        dice = Random(seed)
        one = copy.deepcopy(dice.choice(held))
        words = one["payload"]["schema"].split(" ")
        for _ in range(dice.randint(1, 3)):
            place = dice.randrange(len(words))
            words[place] = dice.choice(
                (dice.choice(WORDS), f"// {dice.choice(WORDS)}\n{words[place]}", dice.choice(words))
            )
        one["payload"]["schema"] = " ".join(words)
        try:
            found = declarations_of({"asyncapi": "3.1.0", "components": {"messages": {"one": one}}}, "them")
        except SettingsError:
            continue
        check_harmless(found.text)
        refused += any("its schema is left out" in each for each in found.left_out)
        try:
            module = run(found, tmp_path / f"{seed}")
            for contract in module.app.catalog.contracts.values():
                ProtobufCodec().learn(contract.shape)
            ran += 1
        except (DeclarationError, TypeError, NameError, ValueError):
            pass  # a start to write on: the declaration says what is wrong with it
        assert not (tmp_path / "forged").exists()
    assert ran > 150 and refused > 20, (ran, refused)
