"""Files of other writers, as programs in other languages have them: read by their names and numbers, or refused."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
from tests.unit.codec.proto_wire import ID, Line, Order, State, numbered, text, whole

from partita.codec.protobuf import ProtobufCodec
from partita.errors import Malformed, UnknownSchema
from partita.schemas import Alias
from partita.schemas.fields.shape import Shape
from partita.schemas.protobuf.bundle import bundled


@pytest.fixture
def order(tmp_path: Path) -> Shape:
    return numbered(Shape("Order", "test", Order, "protobuf"), tmp_path)


def file(body: str) -> str:
    return f'syntax = "proto3"; package test; message Order {{ {body} }}'


@pytest.mark.parametrize(
    ("text_", "why"),
    [
        (
            file("string a = 1; int64 b = 2; optional string order_id = 3;"),
            "number 1 is a at its writer, and order_id here",
        ),
        (file("optional int64 order_id = 1;"), "order_id is int64 at its writer, and string here"),
        (file("repeated string order_id = 1;"), "order_id is repeated string at its writer"),
        (file("map<string, string> order_id = 1;"), "order_id is map<string, string> at its writer"),
        (
            file("enum State { NONE = 0; STATE_GONE = 1; } optional State state = 2;"),
            "State: 1 is STATE_GONE at its writer",
        ),
        (file("message Line { string sku = 2; } repeated Line lines = 4;"), "Line: the number 2 is sku at its writer"),
        (file("string amount = 8;"), "amount is string at its writer, and AmountChoice here"),
    ],
)
def test_a_writer_whose_numbers_mean_other_fields_is_refused(text_: str, why: str, order: Shape) -> None:
    """Two projects that number one message each by itself: fields would be swapped in silence."""
    codec = ProtobufCodec()
    codec.teach("protobuf:1", text_)
    for data in (ID, text(1, "x") + text(3, "y")):
        with pytest.raises(Malformed, match=why):
            codec.decode(order, "protobuf:1", data)


def test_a_writer_with_other_fields_under_other_numbers_is_read(order: Shape) -> None:
    """A message of an older or a newer revision, of a program in another language."""
    codec = ProtobufCodec()
    codec.teach(
        "protobuf:1",
        file(
            "string order_id = 1; bytes more = 50; message Line { string sku = 1; int32 count = 2; } repeated Line lines = 4;"
        ),
    )
    read = codec.decode(order, "protobuf:1", ID + text(50, "x") + text(4, text(1, "a") + whole(2, -5)))
    assert read == Order("o", lines=[Line("a", -5)])


def test_a_field_that_its_writer_declares_without_presence_is_zero_when_it_is_absent(order: Shape) -> None:
    """Such a program does not write a 0: the reader's default of 1 would be another value."""
    codec = ProtobufCodec()
    line = "message Line { string sku = 1; int64 count = 2; } repeated Line lines = 4; double rate = 3;"
    codec.teach("protobuf:1", file(f"string order_id = 1; {line}"))
    assert codec.decode(order, "protobuf:1", text(4, b"")) == Order("", lines=[Line("", 0)])
    codec.teach("protobuf:2", file(f"optional string order_id = 1; {line.replace('int64', 'optional int64')}"))
    assert codec.decode(order, "protobuf:2", ID + text(4, b"")) == Order("o", lines=[Line("", 1)])
    with pytest.raises(Malformed, match="orderId"):
        codec.decode(order, "protobuf:2", text(4, b""))
    codec.teach("protobuf:3", file("string order_id = 1; enum State { NONE = 0; STATE_NEW = 1; } State state = 2;"))
    with pytest.raises(Malformed, match="Order"):
        codec.decode(order, "protobuf:3", ID)


FOREIGN = """
syntax = "proto3";
package elsewhere;
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
message Note {
  string a_text = 1; int32 count = 2; optional int32 other = 3; Kind kind = 4; repeated Kind kinds = 5;
  google.protobuf.Timestamp at = 6; google.protobuf.StringValue held = 7; map<int32, Part> parts = 8;
  oneof either { string one = 9; Part two = 10; } sfixed64 far = 11 [json_name = "FAR"];
}
message Part { bytes raw = 1; }
enum Kind { NONE = 0; FIRST = 1; }
"""


def test_people_see_a_value_of_a_foreign_writer_by_its_file() -> None:
    """By the names of Protobuf's JSON; a field without presence has its zero."""
    codec = ProtobufCodec()
    codec.teach("protobuf:1", FOREIGN)
    data = text(1, "x") + whole(4, 1) + text(5, b"\x00\x01\x09") + text(6, whole(1, 1)) + text(7, text(1, "h"))
    data += text(8, whole(1, 5) + text(2, text(1, b"\xff"))) + text(10, b"")
    assert codec.as_written("protobuf:1", data) == {
        "aText": "x",
        "count": 0,
        "other": None,
        "kind": "FIRST",
        "kinds": ["NONE", "FIRST", 9],
        "at": dt.datetime(1970, 1, 1, 0, 0, 1, tzinfo=dt.UTC),
        "held": {"value": "h"},
        "parts": {5: {"raw": b"\xff"}},
        "one": None,
        "two": {"raw": b""},
        "FAR": 0,
    }


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("protobuf:id:7", "A"),
        ("protobuf:id:7:1", "B"),
        ("protobuf:guid:" + "0" * 8 + "-0000" * 3 + "-" + "0" * 12 + ":1.0", "C"),
    ],
)
def test_a_frame_chooses_the_message_of_its_file(name: str, message: str, tmp_path: Path) -> None:
    """Of several in a file, by its index path: the outer one first."""
    text_ = 'syntax = "proto3"; message A { string a = 1; } message B { message C { string c = 1; } string b = 1; }'
    codec = ProtobufCodec()
    codec.teach(name, text_)
    assert codec.as_written(name, text(1, "x")) == {message.lower(): "x"}
    struct: Any = msgspec.defstruct(message, [(message.lower(), str)])
    read = codec.decode(numbered(Shape(message, "test", struct, "protobuf"), tmp_path), name, text(1, "x"))
    assert read == struct("x")
    with pytest.raises(UnknownSchema, match=r"no message at \[1, 0, 0\]"):
        codec.teach("protobuf:id:7:1.0.0", text_)


def test_the_files_that_a_writers_file_imports_come_with_it() -> None:
    """As one text, which the registry's references make."""
    main = 'syntax = "proto3"; import "b.proto"; message A { b.B b = 1; }'
    inner = 'syntax = "proto3"; package b; import "google/protobuf/timestamp.proto"; message B { google.protobuf.Timestamp at = 1; }'
    codec = ProtobufCodec()
    codec.teach("protobuf:id:7", bundled(main, {"b.proto": inner}))
    assert codec.as_written("protobuf:id:7", text(1, text(1, b""))) == {
        "b": {"at": dt.datetime(1970, 1, 1, tzinfo=dt.UTC)}
    }
    with pytest.raises(UnknownSchema, match=r"b\.proto"):
        codec.teach("protobuf:id:8", main)


def test_options_of_another_team_and_services_do_not_hinder_a_reader() -> None:
    """Their meaning is in files that are not fetched."""
    codec = ProtobufCodec()
    codec.teach(
        "protobuf:1",
        'syntax = "proto3"; import "google/protobuf/descriptor.proto"; extend google.protobuf.FieldOptions { string pii = 50000; } '
        'message A { option deprecated = true; string a = 1 [(pii) = "x"]; } service S { rpc Ask(A) returns (stream A); }',
    )
    assert codec.as_written("protobuf:1", text(1, "x")) == {"a": "x"}


@pytest.mark.parametrize(
    "schema",
    [
        "",
        'syntax = "proto3";',
        'syntax = "proto3"; import "/etc/passwd"; message A {}',
        'syntax = "proto3"; import "https://schemas.example/a.proto"; message A {}',
        'syntax = "proto3"; message A { B b = 1; }',
        'syntax = "proto3"; message A { string a = 1; int64 b = 1; }',
        "message A { optional group G = 1 { } }",
        'syntax = "proto3"; ' + "message A { " * 1_000 + "}" * 1_000,
        'syntax = "proto3"; message A { ' + "".join(f"string a{n} = {n + 1};" for n in range(20_000)) + "}",
        '{"type":"record"}',
        "\ud800",
        "x" * 300_000,
    ],
    ids=lambda each: ascii(each[:60]),
)
def test_a_schema_that_leads_outside_or_has_no_end_is_refused(schema: str, order: Shape) -> None:
    """Nothing is fetched, and its values are dead letters with the reason."""
    codec = ProtobufCodec()
    with pytest.raises(UnknownSchema):
        codec.teach("protobuf:1", schema)
    with pytest.raises(Malformed) as refused:
        codec.decode(order, "protobuf:1", ID)
    assert not isinstance(refused.value, UnknownSchema)


def test_a_message_that_is_numbered_nowhere_is_read_by_the_names_in_the_file_of_its_writer() -> None:
    """As one of a program in another language, whose file is in the registry: the class need not be written in Protobuf."""
    text_ = """syntax = "proto3"; package psp;
        message Other { string a = 1; }
        message Sale { string order_id = 4; State state = 3; repeated Line lines = 1; int64 rate = 536870911; Choice amount = 9; }
        message Line { int32 count = 1; string sku = 2; }
        message Choice { string a = 1; }
        enum State { STATE_UNSPECIFIED = 0; STATE_IN_TRANSIT = 5; }"""
    codec, shape = ProtobufCodec(), Shape("Order", "test", Order)
    codec.teach("protobuf:id:7:1", text_.replace("int64 rate = 536870911;", "").replace("Choice amount = 9;", ""))
    data = text(4, "o") + whole(3, 5) + text(1, text(2, "a"))
    assert codec.decode(shape, "protobuf:id:7:1", data) == Order("o", state=State.GONE, lines=[Line("a", 0)])
    codec.teach("protobuf:id:8:1", text_.replace("Choice amount = 9;", ""))
    with pytest.raises(Malformed, match="rate is int64 at its writer, and double here"):
        codec.decode(shape, "protobuf:id:8:1", data)
    codec.teach("protobuf:id:9", text_)
    with pytest.raises(Malformed, match="orderId"):
        codec.decode(shape, "protobuf:id:9", data)


def test_the_types_of_imported_files_are_compared_and_read_too(order: Shape) -> None:
    """They were passed over: a record whose fields have other numbers in an imported file was read with its fields swapped."""
    main = 'syntax = "proto3"; package test; import "parts.proto"; message Order { string order_id = 1; repeated parts.Line lines = 4; }'
    parts = 'syntax = "proto3"; package parts; message Line { string sku = NUMBER; }'
    codec = ProtobufCodec()
    codec.teach("protobuf:1", bundled(main, {"parts.proto": parts.replace("NUMBER", "2")}))
    with pytest.raises(Malformed, match="Line: the number 2 is sku at its writer"):
        codec.decode(order, "protobuf:1", ID + text(4, text(2, "a")))
    codec.teach("protobuf:2", bundled(main, {"parts.proto": parts.replace("NUMBER", "1")}))
    assert codec.decode(order, "protobuf:2", ID + text(4, text(1, "a"))) == Order("o", lines=[Line("a", 1)])
    codec, unnumbered = ProtobufCodec(), Shape("Order", "test", Order)
    codec.teach("protobuf:3", bundled(main, {"parts.proto": parts.replace("NUMBER", "9")}))
    assert codec.decode(unnumbered, "protobuf:3", ID + text(4, text(9, "a"))) == Order("o", lines=[Line("a", 1)])


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (int | str | list[int] | None, [1]),
        (list[list[int]], [[1], []]),
        (dict[str, list[int] | None], {"a": None, "b": [1]}),
        (list[int] | None, None),
    ],
)
def test_a_renamed_field_is_read_whatever_its_values_lie_in(kind: Any, value: Any, tmp_path: Path) -> None:
    """A union, or a list in a list, lies in a message that has the name of the field: values under the earlier name were refused."""
    old = msgspec.defstruct("Made", [("id", str), ("before", kind)])
    new = msgspec.defstruct("Made", [("id", str), ("after", Annotated[kind, Alias("before")])])
    writer, reader = (numbered(Shape("Made", "test", each, "protobuf"), tmp_path) for each in (old, new))
    one, other = ProtobufCodec(), ProtobufCodec()
    for writes, reads, made, expected in (
        (writer, reader, old("a", value), new("a", value)),
        (reader, writer, new("a", value), old("a", value)),
    ):
        fingerprint, data = one.encode(writes, made) if writes is writer else other.encode(writes, made)
        codec = ProtobufCodec()
        codec.teach(fingerprint, (one if writes is writer else other).schema_text(fingerprint) or "")
        assert codec.decode(reads, fingerprint, data) == expected


def test_a_renamed_union_whose_members_are_others_is_refused(tmp_path: Path) -> None:
    """The message of its values is compared, although it has another name at its writer."""
    old = msgspec.defstruct("Order", [("sum", int | str | None)])
    new = msgspec.defstruct("Order", [("amount", Annotated[int | str | None, Alias("sum")])])
    _, shape = (numbered(Shape("Order", "test", each, "protobuf"), tmp_path) for each in (old, new))
    codec = ProtobufCodec()
    codec.teach(
        "protobuf:1", file("message SumChoice { oneof choice { bool whole = 2; string text = 4; } } SumChoice sum = 1;")
    )
    with pytest.raises(Malformed, match="AmountChoice: whole is bool at its writer, and int64 here"):
        codec.decode(shape, "protobuf:1", b"")
