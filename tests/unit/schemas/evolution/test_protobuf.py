"""Rules of Protobuf, a pair of schemas for each: the finding with its place, and the change that passes instead."""

from __future__ import annotations

import random
import time

import pytest

from partita.errors import UnknownSchema
from partita.schemas.evolution.checking import Version, check
from partita.schemas.evolution.connect import rules_of, rules_of_classes
from partita.schemas.evolution.level import Level
from partita.schemas.evolution.protobuf import ProtobufRules
from partita.schemas.protobuf.bundle import bundled

P3, P2 = 'syntax = "proto3"; ', 'syntax = "proto2"; '


def found(reader: str, writer: str, head: str = P3, *, json: bool = False) -> list[tuple[str, str]]:
    return [(f.rule, f.path) for f in ProtobufRules(json=json).compare(head + reader, head + writer)]


def message(fields: str) -> str:
    return f"message M {{ {fields} }}"


ALIKE = [
    # Names are free, fields come and go, and presence is no move.
    ("int32 a = 1;", "int32 other = 1;"),
    ("int32 a = 1; string b = 2;", "int32 a = 1;"),
    ("int32 a = 1;", "int32 a = 1; string b = 2;"),
    ("reserved 2; int32 a = 1;", "int32 a = 1; string b = 2;"),
    ("int32 a = 1; string b = 2;", "string b = 2; int32 a = 1;"),
    ("optional int32 a = 1;", "int32 a = 1;"),
    ("int32 a = 1;", "optional int32 a = 1;"),
    ("oneof one { int32 a = 1; }", "int32 a = 1;"),
    ("oneof one { int32 a = 1; string b = 2; }", "int32 a = 1;"),
    ("oneof one { int32 a = 1; }", "optional int32 a = 1;"),
    ("int32 a = 1; string b = 2;", "oneof one { int32 a = 1; string b = 2; }"),
    ("oneof one { int32 a = 1; string b = 2; bool c = 3; }", "oneof one { int32 a = 1; string b = 2; }"),
    ("oneof other { int32 a = 1; string b = 2; }", "oneof one { int32 a = 1; string b = 2; }"),
    # Wider numbers.
    ("int64 a = 1;", "int32 a = 1;"),
    ("int64 a = 1;", "uint32 a = 1;"),
    ("uint64 a = 1;", "uint32 a = 1;"),
    ("uint32 a = 1;", "bool a = 1;"),
    ("sint64 a = 1;", "sint32 a = 1;"),
    ("int32 a = 1;", "enum E { Z = 0; N = -1; } E a = 1;"),
    ("uint64 a = 1;", "enum E { Z = 0; A = 1; } E a = 1;"),
    ("enum E { Z = 0; } E a = 1;", "int32 a = 1;"),
    ("bytes a = 1;", "string a = 1;"),
    ("enum E { Z = 0; } E a = 1;", "enum E { Z = 0; A = 1; } E a = 1;"),
    ("enum F { Y = 0; } F a = 1;", "enum E { Z = 0; A = 1; } E a = 1;"),
    # One value is read as a list of it.
    ("repeated string a = 1;", "string a = 1;"),
    ("repeated int64 a = 1;", "int32 a = 1;"),
    ("repeated int32 a = 1 [packed = false];", "repeated int32 a = 1;"),
    ("map<int64, bytes> a = 1;", "map<int32, string> a = 1;"),
    # A message is known by its fields, wherever it is declared.
    ("message P { string x = 1; } P a = 1;", "message Q { string y = 1; } Q a = 1;"),
    ("message P { P next = 1; string x = 2; } P a = 1;", "message Q { Q next = 1; } Q a = 1;"),
]  # fmt: skip


@pytest.mark.parametrize(("reader", "writer"), ALIKE)
def test_a_change_that_reads_each_value(reader: str, writer: str) -> None:
    assert found(message(reader), message(writer)) == []


UNLIKE = [
    ("type-changed", "M.a", "string a = 1;", "int32 a = 1;"),
    ("type-changed", "M.a", "sint32 a = 1;", "int32 a = 1;"),
    ("type-changed", "M.a", "float a = 1;", "fixed32 a = 1;"),
    ("type-changed", "M.a", "double a = 1;", "float a = 1;"),
    ("type-changed", "M.a", "message P {} P a = 1;", "bytes a = 1;"),
    ("type-changed", "M.a[]", "repeated string a = 1;", "repeated int32 a = 1;"),
    ("type-changed", "M.a", "map<string, string> a = 1;", "string a = 1;"),
    ("type-changed", "M.a{key}", "map<string, string> a = 1;", "map<int32, string> a = 1;"),
    ("type-changed", "M.a{}", "map<string, string> a = 1;", "map<string, int32> a = 1;"),
    ("type-changed", "M.p[].x", "message P { string x = 1; } repeated P p = 1;", "message P { bool x = 1; } repeated P p = 1;"),
    ("number-narrowed", "M.a", "int32 a = 1;", "int64 a = 1;"),
    ("number-narrowed", "M.a", "int32 a = 1;", "uint32 a = 1;"),
    ("number-narrowed", "M.a", "uint64 a = 1;", "int32 a = 1;"),
    ("number-narrowed", "M.a", "bool a = 1;", "int32 a = 1;"),
    ("number-narrowed", "M.a", "sfixed64 a = 1;", "fixed64 a = 1;"),
    ("number-narrowed", "M.a", "sint32 a = 1;", "sint64 a = 1;"),
    ("number-narrowed", "M.a", "uint32 a = 1;", "enum E { Z = 0; N = -1; } E a = 1;"),
    ("number-narrowed", "M.a", "enum E { Z = 0; } E a = 1;", "int64 a = 1;"),
    ("bytes-read-as-text", "M.a", "string a = 1;", "bytes a = 1;"),
    ("list-read-as-one", "M.a", "string a = 1;", "repeated string a = 1;"),
    ("list-read-as-one", "M.a", "optional int32 a = 1;", "repeated int32 a = 1;"),
    ("fields-into-oneof", "M.one", "oneof one { int32 a = 1; string b = 2; }", "int32 a = 1; string b = 2;"),
    ("fields-into-oneof", "M.one", "oneof one { int32 a = 1; string b = 2; }", "oneof one { int32 a = 1; } string b = 2;"),
    ("fields-into-oneof", "M.one", "oneof one { int32 a = 1; string b = 2; }", "optional int32 a = 1; optional string b = 2;"),
    ("oneof-field-missing", "M.one", "oneof one { int32 a = 1; }", "oneof one { int32 a = 1; string b = 2; }"),
    ("enum-value-renumbered", "M.a", "enum E { Z = 0; A = 2; B = 1; } E a = 1;", "enum E { Z = 0; A = 1; B = 2; } E a = 1;"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "path", "reader", "writer"), UNLIKE)
def test_a_change_that_reads_a_value_wrongly(rule: str, path: str, reader: str, writer: str) -> None:
    assert found(message(reader), message(writer)) == [(rule, path)]


@pytest.mark.parametrize(
    ("rule", "path", "reader", "writer"),
    [
        ("required-missing", "M.a", "required int32 a = 1;", ""),
        ("required-missing", "M.a", "required int32 a = 1;", "optional int32 a = 1;"),
        ("default-changed", "M.a", "optional int32 a = 1 [default = 5];", "optional int32 a = 1;"),
        ("default-changed", "M.a", 'optional string a = 1 [default = "x"];', 'optional string a = 1 [default = "y"];'),
        ("default-changed", "M.a", "enum E { A = 1; B = 2; } optional E a = 1;", "enum E { B = 2; A = 1; } optional E a = 1;"),
        ("enum-value-unknown", "M.a", "enum E { A = 0; } optional E a = 1;", "enum E { A = 0; B = 1; } optional E a = 1;"),
        ("number-narrowed", "M.a", "enum E { A = 0; } optional E a = 1;", "optional int32 a = 1;"),
        ("type-changed", "M.(x)", "extensions 9; extend M { optional int32 x = 9; }", "extensions 9; extend M { optional string x = 9; }"),
    ],
)  # fmt: skip
def test_what_only_proto2_has(rule: str, path: str, reader: str, writer: str) -> None:
    """Labels, defaults, closed enums and extensions."""
    reader, writer = message(reader), message(writer)
    (one,) = found(reader, writer, P2)
    assert one == (rule, path.replace("(x)", "(M.x)"))


@pytest.mark.parametrize(
    ("reader", "writer"),
    [
        ("optional int32 a = 1;", "required int32 a = 1;"),
        ("", "required int32 a = 1;"),
        ("required int32 a = 1 [default = 5];", "required int32 a = 1;"),
        ("optional int32 a = 1 [default = 0x5];", "optional int64 b = 1 [default = 5];"),
        ("optional float a = 1 [default = 1];", "optional float a = 1 [default = 1.0];"),
        ("enum E { A = 0; B = 1; } optional E a = 1;", "enum E { A = 0; } optional E a = 1;"),
        ("enum E { A = 0; B = 1; } optional E a = 1;", "optional bool a = 1;"),
    ],
)
def test_what_proto2_reads(reader: str, writer: str) -> None:
    writer = message(writer)
    reads = message(reader)
    assert [rule for rule, _ in found(reads, writer, P2)] in ([], ["number-narrowed"])[: 1 + ("0x5" in reads)]


def test_a_file_is_known_by_its_package_and_its_messages() -> None:
    """Readers find a message by its full name."""
    assert found("package b; message M {}", "package a; message M {}") == [("package-changed", "package")]
    assert found("message N {}", "message M {}") == [("message-missing", "M")]
    both = "message M {} message Other { int32 a = 1; }"
    assert found("message M {}", both) == [("message-missing", "Other")]
    assert found(both, "message M {}") == []


def test_a_part_comes_and_goes_with_its_field() -> None:
    """The most frequent change of all: a new message, and a field of it. It has to pass in both directions."""
    old = "package a; message M { int32 a = 1; }"
    new = "package a; message M { int32 a = 1; Part part = 2; } message Part { string x = 1; Part next = 2; }"
    assert check(P3 + new, [Version("1", P3 + old)], Level.FULL, rules_of("protobuf")) == []
    assert check(P3 + old, [Version("1", P3 + new)], Level.FULL, rules_of("protobuf")) == []
    moved = "package a; message Part { string x = 1; Part next = 2; } message M { int32 a = 1; Part part = 2; }"
    assert found(moved, new) == found(new, moved) == []


@pytest.mark.parametrize(
    ("rule", "path", "reader", "writer"),
    [
        ("json-name-changed", "M.b", "int32 b = 1;", "int32 a = 1;"),
        ("json-name-changed", "M.a", 'int32 a = 1 [json_name = "c"];', "int32 a = 1;"),
        ("json-name-moved", "M.a", "string a = 2;", "int32 a = 1;"),
        ("json-form-changed", "M.a", "bytes a = 1;", "string a = 1;"),
        ("json-form-changed", "M.a", "uint32 a = 1;", "bool a = 1;"),
        ("enum-value-renamed", "M.a", "enum E { Z = 0; X = 1; } E a = 1;", "enum E { Z = 0; A = 1; } E a = 1;"),
    ],
)
def test_names_count_in_json(rule: str, path: str, reader: str, writer: str) -> None:
    reader, writer = message(reader), message(writer)
    assert found(reader, writer) == []
    assert found(reader, writer, json=True) == [(rule, path)]
    assert found(message("int64 the_sum = 1;"), message('int32 x = 1 [json_name = "theSum"];'), json=True) == []


@pytest.mark.parametrize(
    ("reader", "writer", "rules"),
    [
        ("optional string a = 1; // Required.\n", "", ["required-missing"]),
        ("optional string a = 1; // Required.\n", "optional string a = 1;", ["required-missing"]),
        ("optional string a = 1; // Required.\n", "oneof one { string a = 1; }", ["required-missing"]),
        ("// A note.\n// Required.\nM a = 1;", "M a = 1;", ["required-missing"]),
        ("optional string a = 1; // Required.\n", "optional string a = 1; // Required.\n", []),
        ("optional string a = 1; // Required.\n", 'optional string a = 1; // Default: ""\n', []),
        ("optional string a = 1; // Required.\n", "string a = 1;", []),
        ('optional string a = 1; // Default: ""\n', "", []),
        ("optional string a = 1; // Required. It names the order.\n", "", []),
        ("", "optional string a = 1; // Required.\n", []),
    ],
)
def test_a_class_refuses_a_message_without_a_field_that_it_requires(reader: str, writer: str, rules: list[str]) -> None:
    """Proto3 has no word for it: the last line of the field's comment says so, as the derivation writes it."""
    assert [rule for rule, _ in found(message(reader), message(writer))] == rules


def test_a_class_refuses_a_value_that_its_enum_does_not_have() -> None:
    """The language's own readers keep the number, so the general rules let it pass."""
    old, new = (f"{P3}message M {{ enum E {{ Z = 0; {more} }} E a = 1; }}" for more in ("", "A = 1;"))
    assert list(rules_of("protobuf").compare(old, new)) == []
    (finding,) = rules_of_classes("protobuf").compare(old, new)
    assert (finding.rule, finding.path, finding.old) == ("enum-value-unknown", "M.a", "an enum with A = 1")
    assert list(rules_of_classes("protobuf").compare(new, old)) == []


@pytest.mark.parametrize(
    ("reader", "writer"),
    [
        ("repeated string a = 1;", "optional string a = 1;"),
        ("optional int64 a = 1;", "optional bool a = 1;"),
        ("optional int64 a = 1;", "enum E { Z = 0; } optional E a = 1;"),
    ],
)
def test_a_class_refuses_what_is_alike_on_the_wire_alone(reader: str, writer: str) -> None:
    """`list[str]` is no `str`, and a truth value no number."""
    reader, writer = P3 + message(reader), P3 + message(writer)
    assert list(rules_of("protobuf").compare(reader, writer)) == []
    assert [f.rule for f in rules_of_classes("protobuf").compare(reader, writer)] == ["type-changed"]
    assert list(rules_of_classes("protobuf").compare(reader, reader)) == []


OURS = "\n// Required.\n optional string key = 9; "


@pytest.mark.parametrize(
    ("reader", "writer", "reads"),
    [
        ("// A UUID.\n optional string a = 1;", "optional string a = 1;", False),
        ("// A UUID.\n optional string a = 1;", "// A decimal number.\n optional string a = 1;", False),
        ("// A UUID.\n repeated string a = 1;", "repeated string a = 1;", False),
        ("optional string a = 1;", "// A UUID.\n optional string a = 1;", True),
        ("// A UUID.\n optional string a = 1;", "// The id.\n// A UUID.\n optional string a = 1;", True),
        ("message A { int64 n = 1; } A a = 1;", "message B { int64 n = 1; } B a = 1;", False),
        (
            "message BChoice { oneof choice { string text = 4; } } BChoice b = 1;",
            "message AChoice { oneof choice { string text = 4; } } AChoice a = 1;",
            True,
        ),
        (
            "message BItemItems { repeated string items = 1; } repeated BItemItems b = 1;",
            "message AItemChoice { oneof choice { string text = 4; } } repeated AItemChoice a = 1;",
            False,
        ),
    ],
)
def test_a_class_knows_a_record_by_its_name_and_a_text_by_its_kind(reader: str, writer: str, reads: bool) -> None:
    """A text that is no UUID would be a dead letter; a message that holds the values of a field may be renamed with it."""
    reader, writer = (f"{P3}message M {{ {OURS}\n{body} }}" for body in (reader, writer))
    assert list(rules_of("protobuf").compare(reader, writer)) == []
    found = rules_of_classes("protobuf").compare(reader, writer)
    assert [each.rule for each in found] == ([] if reads else ["type-changed"])


def test_a_program_without_classes_says_no_kinds_of_texts() -> None:
    """Its file has no comments of ours, and its texts may well be UUIDs."""
    reader = f"{P3}message M {{ {OURS}\n// A UUID.\n optional string a = 1; }}"
    assert (
        list(rules_of_classes("protobuf").compare(reader, f"{P3}message M {{ string key = 9; string a = 1; }}")) == []
    )


def test_a_finding_about_a_kind_of_text_says_both() -> None:
    reader, writer = (f"{P3}message M {{ {OURS}\n{kind}optional string a = 1; }}" for kind in ("// A UUID.\n", ""))
    (finding,) = rules_of_classes("protobuf").compare(reader, writer)
    assert (finding.old, finding.new) == ("optional string a = 1 // Any text.", "optional string a = 1 // A UUID.")


def test_a_class_reads_shorter_numbers() -> None:
    """Of a program in another language: an `int32` is an `int`, a text is bytes."""
    new, old = (P3 + message(text) for text in ("optional int64 a = 1; bytes b = 2;", "int32 a = 1; string b = 2;"))
    assert list(rules_of_classes("protobuf").compare(new, old)) == []


def test_a_finding_says_what_to_write_in_both_directions() -> None:
    old, new = P3 + message("int64 a = 1;"), P3 + message("string a = 1;")
    backward, forward = (
        check(new, [Version("1", old)], level, rules_of("protobuf"))[0] for level in (Level.BACKWARD, Level.FORWARD)
    )
    assert (backward.old, backward.new) == (forward.old, forward.new) == ("int64 a = 1", "string a = 1")
    for finding in (backward, forward):
        assert finding.instead.startswith("Keep int64 a = 1;")
        assert "reserved 1;" in finding.instead and "new number" in finding.instead


def test_a_chain_passes_where_the_level_is_not_transitive() -> None:
    """A number that is dropped and given away again clashes with the first version, which has it."""
    chain = [P3 + message("string a = 1;"), P3 + message("string b = 2;"), P3 + message("int32 c = 1; string b = 2;")]
    earlier = [Version("1", chain[0]), Version("2", chain[1])]
    assert check(chain[2], earlier, Level.FULL, rules_of("protobuf")) == []
    assert {f.version for f in check(chain[2], earlier, Level.FULL_TRANSITIVE, rules_of("protobuf"))} == {"1"}


def test_imports_are_compared_too() -> None:
    own = P3 + 'import "p.proto"; message M { p.P a = 1; }'
    old, new = (
        bundled(own, {"p.proto": f"{P3}package p; message P {{ {kind} x = 1; }}"}) for kind in ("int32", "string")
    )
    assert [(f.rule, f.path) for f in ProtobufRules().compare(new, old)] == [("type-changed", "M.a.x")]
    assert ProtobufRules().compare(new, new) == ()


@pytest.mark.parametrize(
    "text", ["", "message", '{"type": "string"}', P3 + "message M { Missing a = 1; }", "edition = '2023';"]
)
def test_a_text_of_another_kind_is_refused(text: str) -> None:
    sound = P3 + message("int32 a = 1;")
    if text:
        with pytest.raises(UnknownSchema):
            ProtobufRules().compare(sound, text)
        with pytest.raises(UnknownSchema):
            ProtobufRules().compare(text, sound)
    else:
        assert found("", "") == []


def test_bombs_are_refused_or_answered_soon() -> None:
    """Many pairs, deep chains, and messages that contain each other in all ways."""
    chain = "".join(f"message M{n} {{ M{n + 1} a = 1; }} " for n in range(2_000)) + "message M2000 { %s a = 1; }"
    every = "".join(f"message M{n} {{ {' '.join(f'M{k} f{k} = {k + 1};' for k in range(60))} }} " for n in range(60))
    wide = message(" ".join(f"%s f{n} = {n + 1};" for n in range(15_000)))
    begun = time.process_time()
    with pytest.raises(UnknownSchema):
        found(chain % "int32", chain % "string")
    assert found(every, every) == []
    assert 0 < len(found(wide.replace("%s", "int32"), wide.replace("%s", "string"))) <= 100
    assert time.process_time() - begun < 20


JUNK = ["{", "}", ";", "=", "<", "message", "reserved", "1 to max", "-1", "0x", "M", ".M", "a.b", "repeated", "map<", '"a"', "oneof", "99999999999"]  # fmt: skip
SOUND = """syntax = "proto3"; package a.b; import "google/protobuf/any.proto";
message M { option deprecated = true; reserved 9, 10 to 12; reserved "old"; string id = 1 [deprecated = true];
  oneof pay { int32 card = 2; P cash = 3; } map<string, P> more = 4; repeated E kinds = 5; google.protobuf.Any any = 6;
  enum E { Z = 0; A = 1; reserved 4; } message P { optional int64 x = 1; M whole = 2; } }
extend google.protobuf.Any { string more = 7; } service S { rpc Do (M) returns (stream M.P); }"""


def test_junk_in_a_text_is_compared_or_refused() -> None:
    """Junk in place of a word or two, by dice; none of it is a crash."""
    dice, words = random.Random(15), SOUND.split(" ")
    refused = 0
    assert found(SOUND, SOUND, "") == []
    for n in range(600):
        changed = list(words)
        for _ in range(1 + n % 2):
            changed[dice.randrange(len(words))] = dice.choice(JUNK)
        for pair in ((" ".join(changed), SOUND), (SOUND, " ".join(changed))):
            try:
                found(*pair, "")
            except UnknownSchema:
                refused += 1
    assert 300 < refused < 1_200
