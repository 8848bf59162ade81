"""Schemas of Protobuf in the registry: equal content has one text, which says the same, also when it comes as a descriptor."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from tests.unit.registry_server.registry_desk import registry_at

from partita.registry_server.languages import known_rules
from partita.registry_server.protobuf_text import ProtobufText
from partita.schemas.protobuf.wire import written

MONEY = 'syntax = "proto3"; package common; message Money { int64 units = 1; } enum Side { SELL = 0; BUY = 1; }'
ORDER = r"""
// Not kept: it belongs to no declaration.

syntax = "proto3"; package shop.v1;
import "google/protobuf/timestamp.proto"; import public 'common/money.proto';
option java_multiple_files = true; option go_package = "shop/v1";
// An order.
message Order {
  string id = 1 [deprecated = true]; // Its id.
  optional int64 cents = 0x2;
  repeated Line lines = 3 [json_name = "rows"];
  map<string, common.Money> prices = 4;
  oneof pay { string card = 5; .shop.v1.Order.Cash cash = 7; }
  repeated sint32 deltas = 8 [packed = false];
  google.protobuf.Timestamp at = 9; common.Side side = 10;
  message Cash { State state = 1; int32 snake_case = 2 [json_name = "snakeCase"]; }
  reserved 'gone', "old"; reserved 20 to 29, 12, 1000 to max;
  enum State { option allow_alias = true; NEW = 0; LOST = -1; PAID = 1 [deprecated = true]; DONE = 1; reserved 7 to max; }
}
message Line { shop.v1.Order.State state = 1; }
service Orders { rpc Place (Order) returns (stream Line) { option deprecated = true; } }
"""
SHUFFLED = r"""
syntax = "proto3"; package shop.v1;
import public 'common/money.proto'; import "google/protobuf/timestamp.proto";
option go_package = "shop/" "v1"; option java_multiple_files = true;
/* An order. */
message Order {
  reserved 1000 to max, 12, 20 to 29; reserved "old"; reserved "gone";
  enum State { NEW = 0; DONE = 1; PAID = 1 [deprecated = true]; LOST = -1; reserved 7 to max; option allow_alias = true; }
  Side side = 10; google.protobuf.Timestamp at = 9;
  message Cash { int32 snake_case = 2; Order.State state = 1; }
  oneof pay { Order.Cash cash = 7; string card = 5; }
  map<string, .common.Money> prices = 4;
  repeated v1.Line lines = 3 [json_name = 'rows'];
  repeated sint32 deltas = 8 [packed = false];
  optional int64 cents = 2;
  // Its id.
  string id = 1 [deprecated = true];
}
message Line { Order.State state = 1; }
message Line { Order.State state = 1; }
service Orders { rpc Place (shop.v1.Order) returns (stream v1.Line) { option deprecated = true; } }
""".replace("  Side side", "  common.Side side")
OLD = r"""message Old { required int32 id = 1 [default = -5]; optional string s = 2 [default = "a\"\n\303\244"];
  optional bytes b = 3 [default = "\000\377'"]; optional float f = 4 [default = inf]; optional E e = 5 [default = B];
  enum E { A = 3; B = 1; } extensions 100 to 199; extend Old { optional string inner = 101; } }
extend Old { repeated Old more = 100; }"""
REFERENCES = {"common/money.proto": MONEY}


def canonical(text: str, *, normalize: bool = False, **references: str) -> str:
    return ProtobufText().parse(text, references or REFERENCES, normalize=normalize).canonical


def serialized(text: str) -> FileDescriptorProto:
    return FileDescriptorProto.FromString(base64.b64decode(ProtobufText().formatted(text, REFERENCES, "serialized")))


def test_equal_content_has_one_text() -> None:
    """The order of fields and options, short or full names, a type or an import that is written twice: none is content."""
    assert canonical(SHUFFLED) == canonical(ORDER)
    assert canonical(canonical(ORDER)) == canonical(ORDER)
    assert "// An order." in canonical(ORDER) and "// Its id." in canonical(ORDER)
    assert "//" not in canonical(ORDER, normalize=True)
    assert canonical(canonical(ORDER), normalize=True) == canonical(ORDER, normalize=True)


def test_the_order_of_messages_is_kept() -> None:
    """A value in a frame names its message by its place in the schema."""
    text = canonical('syntax = "proto3"; message B { message D {} message C {} } message A {}')
    places = [text.index(f"message {name} ") for name in "BDCA"]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("int64 cents", "int32 cents"), ("optional int64", "int64"), ("cents = 0x2", "cents = 11"), ("cents", "sum"),
        ("package shop.v1", "package shop"), ("[packed = false]", ""), ("20 to 29", "20 to 28"), ("NEW = 0", "FRESH = 0"),
        ("string card = 5;", ""), ("go_package", "swift_prefix"), ("// An order.", "// Another."), ('"rows"', '"rowz"'),
    ],
)  # fmt: skip
def test_other_content_has_another_text(old: str, new: str) -> None:
    changed = ORDER.replace("shop.v1", "shop.v2") if old.startswith("package") else ORDER.replace(old, new)
    assert canonical(changed) != canonical(ORDER)


@pytest.mark.parametrize("text", [ORDER, SHUFFLED, OLD])
def test_a_descriptor_and_a_text_are_one_content(text: str) -> None:
    """Confluent's client for Python registers descriptors, those of other languages texts."""
    kept = canonical(text, normalize=True)
    descriptor = base64.b64encode(serialized(kept).SerializeToString()).decode()
    assert canonical(descriptor) == kept
    assert canonical(descriptor + "\n") == kept


@pytest.mark.parametrize("text", [ORDER, OLD])
def test_a_descriptor_is_one_that_the_compiler_takes(text: str) -> None:
    """With each thing that a text says, under Google's own names."""
    pool = DescriptorPool()
    if text == ORDER:
        from google.protobuf import timestamp_pb2

        pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
        common = serialized(canonical(MONEY))
        common.name = "common/money.proto"
        pool.Add(common)
    found = serialized(canonical(text))
    pool.Add(found)
    file = pool.FindFileByName("default")
    if text == OLD:
        old = file.message_types_by_name["Old"]
        assert [f.default_value for f in old.fields][:5] == [-5, 'a"\nä', b"\0\xff'", float("inf"), 1]
        assert sorted(e.full_name for e in pool.FindAllExtensions(old)) == ["Old.inner", "more"]
        return
    order = file.message_types_by_name["Order"]
    assert [f.number for f in order.oneofs_by_name["pay"].fields] == [5, 7]
    assert order.fields_by_name["cents"].has_presence and not order.fields_by_name["id"].has_presence
    assert order.fields_by_name["lines"].json_name == "rows"
    assert order.fields_by_name["prices"].message_type.GetOptions().map_entry
    assert order.fields_by_name["side"].enum_type.full_name == "common.Side"
    assert order.fields_by_name["id"].GetOptions().deprecated and not order.fields_by_name["deltas"].is_packed
    assert file.GetOptions().go_package == "shop/v1"
    assert file.services_by_name["Orders"].methods_by_name["Place"].output_type.name == "Line"


def test_a_number_with_a_point_and_one_without_are_one_default() -> None:
    old = "message Old { optional double d = 1 [default = %s]; optional float f = 2 [default = %s]; }"
    assert canonical(old % ("5", "-1e3")) == canonical(old % ("5.0", "-1000"))
    assert canonical(old % ("inf", "-nan")) != canonical(old % ("-inf", "nan"))


def test_the_text_of_another_form_is_kept() -> None:
    assert ProtobufText().formatted("x", {}, "resolved") == "x"


@pytest.mark.parametrize(
    "hostile",
    [
        b"", b"\0", b"\xff" * 40, b"\x0a\xff\xff\xff\xff\x0f",
        written([(4, written([(1, "A { string a = 1; } message B")])), (12, "proto3")]),
        written([(2, "a; message B {} //"), (12, "proto3")]),
        written([(4, written([(1, "A"), (2, written([(1, "a"), (3, 1), (5, 10), (6, ".A")]))])), (12, "proto3")]),
        written([(4, written([(1, "A"), (2, written([(1, "a"), (3, 1), (5, 9), (9, 7)]))])), (12, "proto3")]),
        written([(4, written([(1, "A"), (2, written([(1, "a"), (3, 2**31 - 1), (5, 9)]))])), (12, "proto3")]),
        written([(4, written([(1, "A"), (2, written([(1, "a"), (3, 1), (5, 11)]))])), (12, "proto3")]),
        written([(12, "editions")]), written([(5, written([(1, "E")])), (12, "proto3")]),
        written([(1, b"\xff"), (2, b"\xff"), (12, "proto3")]),
    ],
)  # fmt: skip
def test_a_hostile_descriptor_is_refused(hostile: bytes) -> None:
    """Names that are no names, numbers that are none, groups, editions, bytes of any kind."""
    if hostile in (b"", b"\0"):
        hostile = b"\0" + hostile
    with pytest.raises(ValueError, match=r"."):
        canonical(base64.b64encode(hostile).decode())


def test_a_deep_descriptor_is_refused() -> None:
    inner = written([(1, "A")])
    for _ in range(2_000):
        inner = written([(1, "A"), (3, inner)])
    with pytest.raises(ValueError, match="nested"):
        canonical(base64.b64encode(written([(4, inner), (12, "proto3")])).decode())


@pytest.mark.parametrize("text", ["message", "YWJj", "a b c", " " * 900_000 + "{", "A" * 900_000, "=" * 1_000])
def test_a_text_that_is_neither_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        canonical(text)


@pytest.mark.parametrize(
    "comment", ["a\u2028b", "a\x0bb\x0c", "  deep", "*/", "// twice", "\u00e4 \U0001f600", "a  \t"]
)
def test_any_comment_is_kept(comment: str) -> None:
    """Comments come from anywhere, too."""
    for text in (
        f"// {comment}\nmessage A {{}}",
        f"message A {{ // {comment}\n}}",
        f"/* {comment.replace('*/', '')} */ message A {{}}",
    ):
        kept = canonical(f'syntax = "proto3";\n\n{text}')
        assert canonical(kept) == kept


@pytest.mark.parametrize(
    "text",
    [
        "message A {" + "".join(f"oneof o{n} {{ option (x) = 1; A f{n} = {n + 1}; }}" for n in range(10_000)) + "}",
        "// a\n" * 150_000 + "message A {}",
        "".join(f"message M{n} {{ M{n} a = 1; }}" for n in range(6_000)),
        "message A { extensions 1 to max; }" + "".join(f"extend A {{ A f{n} = {n + 1}; }}" for n in range(6_000)),
    ],
    ids=["oneofs", "comments", "messages", "extensions"],
)
def test_the_largest_texts_take_seconds(text: str) -> None:
    """Each part of a text is looked at once: a registry serves others meanwhile."""
    begun = time.process_time()
    canonical('syntax = "proto3";\n' + text)
    assert time.process_time() - begun < 12


def test_a_descriptor_with_maps_of_others_takes_seconds() -> None:
    """A map is found by its name, not by a search among all of them."""
    parts = [(2, written([(1, name), (3, number), (5, 9)])) for number, name in ((1, "key"), (2, "value"))]
    maps = [(3, written([(1, f"X{n}Entry"), *parts, (7, written([(7, True)]))])) for n in range(9_000)]
    fields = [(2, written([(1, f"f{n}"), (3, n + 1), (5, 11), (6, f"X{n}Entrx")])) for n in range(9_000)]
    begun = time.process_time()
    with pytest.raises(ValueError, match="not declared"):
        canonical(base64.b64encode(written([(4, written([(1, "A"), *fields, *maps])), (12, "proto3")])).decode())
    assert time.process_time() - begun < 12


async def test_a_registry_keeps_them(tmp_path: Path) -> None:
    """Ids, references by the name of the import, `normalize`, `format`, levels."""
    async with registry_at(tmp_path / "r.db", known_rules) as desk:
        status, money = await desk.ask("POST", "/subjects/money/versions", {"schema": MONEY, "schemaType": "PROTOBUF"})
        assert (status, money["version"]) == (200, 1)
        uses = [{"name": "common/money.proto", "subject": "money", "version": 1}]
        body = {"schema": ORDER, "schemaType": "PROTOBUF", "references": uses}
        first = await desk.post("orders", **body)
        assert (await desk.post("other", **body | {"schema": SHUFFLED}))["id"] == first["id"]
        assert (await desk.post("orders", **body | {"schema": SHUFFLED})) == first
        assert first["schemaType"] == "PROTOBUF" and first["references"] == uses
        assert (await desk.ask("POST", "/subjects/orders", body | {"schema": SHUFFLED}))[1]["version"] == 1
        for path in (
            f"/schemas/ids/{first['id']}",
            "/subjects/orders/versions/latest",
            f"/schemas/guids/{first['guid']}",
        ):
            plain, coded = (await desk.ask("GET", path))[1], (await desk.ask("GET", f"{path}?format=serialized"))[1]
            assert plain["schema"] == canonical(ORDER)
            assert FileDescriptorProto.FromString(base64.b64decode(coded["schema"])).package == "shop.v1"
            assert coded["references"] == uses
            assert (await desk.post("other", **body | {"schema": coded["schema"]}))["schemaType"] == "PROTOBUF"
        assert (await desk.ask("GET", "/schemas/types"))[1] == ["AVRO", "JSON", "PROTOBUF"]
        for form in ("", "?format=serialized"):
            answer = await desk.client.get(f"/schemas/ids/{first['id']}/schema{form}")
            assert answer.text == canonical(ORDER) if not form else base64.b64decode(answer.text)


async def test_a_registry_refuses_what_clashes_or_is_none(tmp_path: Path) -> None:
    async with registry_at(tmp_path / "r.db", known_rules) as desk:
        head = 'syntax = "proto3"; message A { '
        await desk.post("a", schema=head + "int64 cents = 1; }", schemaType="PROTOBUF")
        body = {"schema": head + "string cents = 1; }", "schemaType": "PROTOBUF"}
        status, answer = await desk.ask("POST", "/subjects/a/versions", body)
        assert (status, answer["error_code"]) == (409, 40901)
        assert "type-changed at A.cents: version 1 has int64 cents = 1" in answer["message"]
        assert "reserved 1;" in answer["message"]
        checked = await desk.ask("POST", "/compatibility/subjects/a/versions/latest?verbose=true", body)
        assert checked[1]["is_compatible"] is False and checked[1]["messages"]
        for wrong, said in (
            ("message A { Missing a = 1; }", "line 1"),
            ('syntax = "proto3"; import "x.proto";', "not given"),
            ('edition = "2023"; message A {}', "editions"),
            (json.dumps({"type": "string"}), "begins no declaration"),
        ):
            status, answer = await desk.ask("POST", "/subjects/b/versions", {"schema": wrong, "schemaType": "PROTOBUF"})
            assert (status, answer["error_code"]) == (422, 42201), wrong
            assert said in answer["message"]
        deep = (
            head
            + "B0 b = 1; } "
            + "".join(f"message B{n} {{ B{n + 1} b = 1; }} " for n in range(98))
            + "message B98 { %s x = 1; }"
        )
        await desk.post("deep", schema=deep % "int32", schemaType="PROTOBUF")
        answer = await desk.post("deep", schema=deep % "string", schemaType="PROTOBUF")
        assert answer["error_code"] in (40901, 42201)
