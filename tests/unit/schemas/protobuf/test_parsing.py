"""A .proto text as data: what a file says is found, and a text that says nothing sound is refused with its place."""

from __future__ import annotations

import time

import pytest

from partita.errors import UnknownSchema
from partita.schemas.protobuf.parsing import parse, parse_with_imports
from partita.schemas.protobuf.proto_file import ProtoEnum, ProtoField, ProtoMessage
from partita.schemas.protobuf.well_known import WELL_KNOWN

ORDER = r"""
// The file.

syntax = "proto3";
package shop.order.v1;
import public "google/protobuf/timestamp.proto";
import 'common/money.proto';
option java_package = "com." 'shop';
option (my.thing) = { name: "a" list: [1, 2.50] inner < x: -inf > };

/* An order
 * of a customer. */
message Order {
  option deprecated = true;
  reserved 9, 12 to 14, 1000 to max;
  reserved "gone", 'older';
  // Its id.
  string id = 1 [json_name = "key", deprecated = true];
  optional int64 cents = 0x2;  // In cents.
  repeated Line lines = 03;
  map<string, common.Money> prices = 4;
  oneof pay {
    string card = 5;
    .shop.order.v1.Order.Cash cash = 6;
  }
  message Cash { State state = 1; }
  enum State { NEW = 0; PAID = 1 [(label) = "p"]; LOST = -1; reserved 7 to max; }
  State state = 7;
  google.protobuf.Timestamp at = 8;
}
message Line { Order.State state = 1; message.Inner odd = 2; }
message message { message Inner {} }
service Orders {
  rpc Place (Order) returns (stream Line) { option deprecated = true; }
  rpc Follow (stream Order) returns (Line);
}
"""
MONEY = 'syntax = "proto3"; package common; message Money { int64 units = 1; }'


def test_a_file_is_found_whole() -> None:
    file = parse(ORDER, {"common/money.proto": MONEY})

    order, line, _ = file.messages
    assert (file.package, file.syntax) == ("shop.order.v1", "proto3")
    assert file.imports == ("google/protobuf/timestamp.proto", "common/money.proto")
    assert file.public_imports == ("google/protobuf/timestamp.proto",)
    assert file.options == (
        ("(my.thing)", '{ name: "a", list: [1, 2.5], inner: { x: -inf } }'),
        ("java_package", '"com.shop"'),
    )
    assert (order.name, order.doc) == ("Order", "An order\nof a customer.")
    assert order.fields == (
        ProtoField(
            name="id",
            number=1,
            type="string",
            options=(("deprecated", "true"), ("json_name", '"key"')),
            doc="Its id.",
        ),
        ProtoField(name="cents", number=2, type="int64", label="optional", doc="In cents."),
        ProtoField(name="lines", number=3, type="shop.order.v1.Line", label="repeated"),
        ProtoField(name="prices", number=4, type="common.Money", map_key="string"),
        ProtoField(name="card", number=5, type="string", oneof="pay"),
        ProtoField(name="cash", number=6, type="shop.order.v1.Order.Cash", oneof="pay"),
        ProtoField(name="state", number=7, type="shop.order.v1.Order.State"),
        ProtoField(name="at", number=8, type="google.protobuf.Timestamp"),
    )
    assert order.reserved == ((9, 9), (12, 14), (1000, 2**29 - 1))
    assert order.reserved_names == ("gone", "older")
    assert order.options == (("deprecated", "true"),)
    assert order.enums == (
        ProtoEnum(
            name="State",
            values=(("NEW", 0), ("PAID", 1), ("LOST", -1)),
            reserved=((7, 2**31 - 1),),
            value_options=(("PAID", (("(label)", '"p"'),)),),
        ),
    )
    assert [each.type for each in line.fields] == ["shop.order.v1.Order.State", "shop.order.v1.message.Inner"]
    (service,) = file.services
    assert [(m.name, m.request, m.answer, m.streams_request, m.streams_answer) for m in service.methods] == [
        ("Place", "shop.order.v1.Order", "shop.order.v1.Line", False, True),
        ("Follow", "shop.order.v1.Order", "shop.order.v1.Line", True, False),
    ]


def test_proto2_has_labels_defaults_and_extensions() -> None:
    """A text without a syntax is proto2."""
    file = parse(
        """message Old {
            required int32 id = 1; optional string name = 2 [default = "a\\x41\\n"]; optional float f = 3 [default = -1.50];
            extensions 100 to 199, 300; extend Old { optional int32 inner = 101; }
        }
        extend Old { repeated Old more = 100; }"""
    )
    (old,) = file.messages
    assert file.syntax == "proto2"
    assert [(f.label, f.options) for f in old.fields] == [
        ("required", ()),
        ("optional", (("default", '"aA\\n"'),)),
        ("optional", (("default", "-1.5"),)),
    ]
    assert old.extension_ranges == ((100, 199), (300, 300))
    assert [(e.extendee, e.field.name) for e in (*old.extensions, *file.extensions)] == [
        ("Old", "inner"),
        ("Old", "more"),
    ]


def test_the_innermost_scope_decides_a_name() -> None:
    """As in C++: the first part of a name is looked for from within, and the rest in what was found."""
    file = parse(
        """syntax = "proto3"; package a.b;
        message Part { string top = 1; }
        message Order { message Part { string inner = 1; } Part one = 1; b.Part two = 2; .a.b.Part three = 3; a.b.Part four = 4; }
        message Cart { Part one = 1; string Part = 2; Part two = 3; }"""
    )
    types = [[field.type for field in message.fields] for message in file.messages[1:]]
    assert types == [["a.b.Order.Part", "a.b.Part", "a.b.Part", "a.b.Part"], ["a.b.Part", "string", "a.b.Part"]]


def test_a_word_of_the_language_may_be_a_name() -> None:
    """Types that begin with a dot, behind a label; fields, messages and packages with names of keywords."""
    file = parse(
        """syntax = "proto3"; package option;
        message map { repeated .option.map a = 1; optional .option.stream b = 2; stream c = 3; .option.map d = 4; .option.map.In e = 5;
            message In {} string message = 6; string enum = 7; string reserved = 8; string oneof = 9; string repeated = 10; }
        message stream { enum E { option_ = 0; reserved_ = 1; reserved = 2; option = 3; } }
        service rpc { rpc rpc (.option.stream) returns (stream .option.stream); rpc two (stream .option.map) returns (.option.map); }"""
    )
    assert [field.type for field in file.messages[0].fields][:5] == [
        "option.map", "option.stream", "option.stream", "option.map", "option.map.In",
    ]  # fmt: skip
    assert [field.name for field in file.messages[0].fields][5:] == ["message", "enum", "reserved", "oneof", "repeated"]
    assert [(m.streams_request, m.streams_answer) for m in file.services[0].methods] == [(False, True), (True, False)]
    extended = parse("message A { extensions 5; } extend .A { optional .A a = 5; }")
    assert extended.extensions[0].extendee == "A"


def test_imports_are_seen_as_far_as_they_are_public() -> None:
    texts = {
        "a.proto": 'syntax = "proto3"; package a; import public "b.proto"; import "c.proto"; message A { c.C c = 1; }',
        "b.proto": 'syntax = "proto3"; package b; message B {}',
        "c.proto": 'syntax = "proto3"; package c; message C { string text = 1; }',
    }
    own = 'syntax = "proto3"; import "a.proto"; message M { a.A a = 1; b.B b = 2; %s }'
    file, imported = parse_with_imports(own % "", texts)
    assert [field.type for field in file.messages[0].fields] == ["a.A", "b.B"]
    assert sorted(imported) == ["a.proto", "b.proto", "c.proto"]
    assert imported["a.proto"].messages[0].fields[0].type == "c.C"
    with pytest.raises(UnknownSchema, match=r"the type c\.C is not declared.*"):
        parse(own % "c.C c = 3;", texts)


def test_each_built_in_file_is_sound() -> None:
    for name in WELL_KNOWN:
        parse(f'syntax = "proto3"; import "{name}";')


def test_a_declaration_and_an_import_may_be_there_twice() -> None:
    """Word for word: generators write a shared type into each file that they put together, and protoc never sees those."""
    once = (
        'syntax = "proto3"; import "google/protobuf/any.proto"; message A { B b = 1; } message B { enum E { Z = 0; } }'
    )
    assert parse(f'{once} message B {{ enum E {{ Z=0; }} }} import "google/protobuf/any.proto";') == parse(once)
    with pytest.raises(UnknownSchema, match="the name B is declared twice"):
        parse(f"{once} message B {{ string other = 1; }}")


HEAD = 'syntax = "proto3";\n'


@pytest.mark.parametrize(
    ("text", "place", "why"),
    [
        ("message A { int32 a = ; }", (2, 23), "a whole number"),
        ("message A {\n  Missing a = 1;\n}", (3, 3), "Missing is not declared"),
        ("message A { int32 a = 1; int32 b = 1; }", (2, 1), "have the number 1"),
        ("message A { int32 a = 0; }", (2, 23), "outside"),
        ("message A { int32 a = 536870912; }", (2, 23), "outside"),
        ("message A { int32 a = 19000; }", (2, 23), "own"),
        ("message A { reserved 1 to 5; int32 a = 3; }", (2, 1), "reserved"),
        ('message A { reserved "a"; int32 a = 3; }', (2, 1), "reserved name a"),
        ("message A { reserved 1 to 5, 4; }", (2, 1), "reserves 4 twice"),
        ("message A { reserved 5 to 4; }", (2, 22), "no range"),
        ("message A { required int32 a = 1; }", (2, 13), "no required"),
        ("message A { oneof o { } }", (2, 13), "no field"),
        ("message A { oneof o { repeated int32 a = 1; } }", (2, 23), "never repeated"),
        ("message A { oneof o { map<int32, int32> a = 1; } }", (2, 23), "a map"),
        ("message A { repeated map<int32, int32> a = 1; }", (2, 22), "a map"),
        ("message A { map<double, int32> a = 1; }", (2, 17), "keys"),
        ("message A { group B = 1 { } }", (2, 13), "groups"),
        ("message A { repeated group B = 1 { } }", (2, 22), "groups"),
        ("message A { int32 a = 1 }", (2, 25), "';' is expected"),
        ("message A { int32 a = 1;", (2, 25), "the end of the text"),
        ("message A { string a = 1; } message A { string b = 1; }", (2, 37), "declared twice"),
        ("message A { string a = 1; string a = 2; }", (2, 34), "declared twice"),
        ("enum A { X = 0; } enum B { X = 0; }", (2, 28), "declared twice"),
        ("enum A { X = 1; }", (2, 1), "is not 0"),
        ("enum A { X = 0; Y = 0; }", (2, 1), "have the number 0"),
        ("enum A { }", (2, 1), "no value"),
        ("enum A { X = 0; reserved 0; }", (2, 1), "reserved"),
        ("enum A { X = 2147483648; }", (2, 14), "outside"),
        ('import "elsewhere.proto";', (2, 8), "not given"),
        ("package a; package b;", (2, 12), "second package"),
        ("service S { rpc M (int32) returns (S); }", (2, 20), "int32 is not declared"),
        ("message A { string a = 1 [default = \"x]; }", (2, 37), "does not end"),
        ("/* never", (2, 1), "does not end"),
        ("message A { string ä = 1; }", (2, 20), "begins nothing"),
        ("message 1A { }", (2, 9), "no number"),
        ("thing A { }", (2, 1), "begins no declaration"),
        ('option a = "\\u{1}"', (2, 19), "';' is expected"),
        ('option a = "\\U00110000";', (2, 12), "no character"),
        ("message A { int32 a = 09; }", (2, 23), "octal"),
    ],
)  # fmt: skip
def test_a_refusal_has_its_place(text: str, place: tuple[int, int], why: str) -> None:
    """Line and column, as an editor shows them."""
    with pytest.raises(UnknownSchema) as caught:
        parse(HEAD + text)
    assert why in caught.value.what
    assert f"line {place[0]}, column {place[1]}" in caught.value.what


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('edition = "2023"; message A {}', "editions"),
        ('syntax = "proto4"; message A {}', "neither proto2 nor proto3"),
        ("message A { int32 a = 1; }", "optional, required or repeated"),
        (HEAD + "// \0", "U+0000"),
        (HEAD + "// \ud800", "surrogate"),
    ],
)
def test_a_text_of_another_kind_is_refused(text: str, why: str) -> None:
    with pytest.raises(UnknownSchema) as caught:
        parse(text)
    assert why in caught.value.what


def test_files_that_import_each_other_are_refused() -> None:
    ring = {"a.proto": 'import "b.proto";', "b.proto": 'import "a.proto";'}
    with pytest.raises(UnknownSchema, match="imports itself"):
        parse('import "a.proto";', ring)
    chain = {f"{n}.proto": f'import "{n + 1}.proto";' for n in range(300)}
    with pytest.raises(UnknownSchema, match="more than 200 files"):
        parse('import "0.proto";', chain)


@pytest.mark.parametrize(
    "text",
    [
        "message A {" * 5_000,
        "message A {" * 33 + "}" * 33,
        "option a = " + "{ a: " * 5_000,
        "option a = " + "{ a: [" * 5_000,
        "option a" + ".a" * 400_000 + " = 1;",
        "message A { A" + ".A" * 400_000 + " a = 1; }",
        'option a = "' + "\\" * 900_001,
        'option a = "' + '\\"' * 450_000,
        "/" * 3 + "*" * 900_000 + "\n/*" + "*" * 90_000,
        "/*" * 450_000,
        ";" * 900_000,
        "1" * 900_000,
        "message A { int32 a = " + "9" * 900_000 + "; }",
        "a." * 450_000,
        '"a" ' * 200_000,
        "message A { " + "".join(f"reserved {2 * n + 1}; " for n in range(30_000)) + "int32 a = 3; }",
        "// a\n" * 200_000 + "x",
        " " * 2_000_000,
    ],
    ids=lambda text: f"{text[:14]!r}-{len(text)}",
)
def test_a_bomb_is_refused_soon(text: str) -> None:
    """Depth, size, count and time: the text comes from anywhere."""
    begun = time.process_time()
    with pytest.raises(UnknownSchema):
        parse(HEAD + text)
    assert time.process_time() - begun < 5


def test_many_fields_are_read_soon() -> None:
    """The largest texts that pass take seconds, not minutes."""
    begun = time.process_time()
    fields = "".join(f"A f{n} = {n + 1};" for n in range(18_000))
    (message,) = parse(f"{HEAD}message A {{ {fields} }}").messages
    assert isinstance(message, ProtoMessage) and len(message.fields) == 18_000
    assert time.process_time() - begun < 10
