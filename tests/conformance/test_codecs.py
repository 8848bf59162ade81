"""Each codec passes the suite of codecs, also behind the one that dispatches, and deliberately wrong codecs do not."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest

from partita.codec.avro import AvroCodec
from partita.codec.connect import connect_codec
from partita.codec.json import JsonCodec
from partita.codec.port import Codec
from partita.codec.protobuf import ProtobufCodec
from partita.errors import Malformed, PartitaError, UnknownSchema
from partita.schemas.fields.shape import Shape
from partita.schemas.protobuf.numbering import give_numbers
from partita.testing.conformance import codec as suite
from partita.testing.generators.values import ModestDice

ADAPTERS = [
    suite.Language("avro", AvroCodec),
    suite.Language("json", JsonCodec, ModestDice),
    suite.Language("protobuf", ProtobufCodec),
]
LANGUAGES = [*ADAPTERS, *(replace(each, make=connect_codec) for each in ADAPTERS)]


def locked(language: suite.Language, folder: Path) -> suite.Language:
    """The language with a lock of field numbers, where it needs one."""
    return replace(language, lock=folder) if language.name == "protobuf" else language


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda each: f"{each.make.__name__}-{each.name}")
@pytest.mark.parametrize("case", suite.CASES, ids=lambda case: case.__name__)
def test_a_codec(case: suite.Case, language: suite.Language, tmp_path: Path) -> None:
    case(locked(language, tmp_path))


class Wrong:
    """A codec that passes everything on; each class below it has one planted bug."""

    def __init__(self, right: Codec) -> None:
        self.right = right

    def learn(self, shape: Shape) -> str:
        return self.right.learn(shape)

    def schema_text(self, fingerprint: str) -> str | None:
        return self.right.schema_text(fingerprint)

    def teach(self, fingerprint: str, text: str) -> None:
        self.right.teach(fingerprint, text)

    def encode(self, shape: Shape, value: msgspec.Struct) -> tuple[str, bytes]:
        return self.right.encode(shape, value)

    def decode(self, shape: Shape, fingerprint: str, data: bytes) -> msgspec.Struct:
        return self.right.decode(shape, fingerprint, data)

    def as_written(self, fingerprint: str, data: bytes) -> object:
        return self.right.as_written(fingerprint, data)


class LosesMicroseconds(Wrong):
    """As a codec that writes times in milliseconds."""

    def decode(self, shape: Shape, fingerprint: str, data: bytes) -> msgspec.Struct:
        value = super().decode(shape, fingerprint, data)
        for name in value.__struct_fields__:
            held = getattr(value, name)
            if hasattr(held, "microsecond"):
                msgspec.structs.force_setattr(value, name, held.replace(microsecond=0))
        return value


class SetsAsTheyLie(Wrong):
    """Writes what is equal in one of two forms."""

    turn = 0

    def encode(self, shape: Shape, value: msgspec.Struct) -> tuple[str, bytes]:
        type(self).turn += 1
        fingerprint, data = super().encode(shape, value)
        return fingerprint, data + b" " * (self.turn % 2) if data.startswith(b"{") else data[:-1] + bytes(
            [self.turn % 251]
        )


class TakesAnything(Wrong):
    """Writes a value of another type as the one that it resembles."""

    def encode(self, shape: Shape, value: msgspec.Struct) -> tuple[str, bytes]:
        try:
            return super().encode(shape, value)
        except Malformed:
            return self.learn(shape), b"{}"


class WantsEachField(Wrong):
    """Reads bytes of its own revision alone."""

    def decode(self, shape: Shape, fingerprint: str, data: bytes) -> msgspec.Struct:
        if fingerprint != self.learn(shape):
            raise Malformed("a field is absent")
        return super().decode(shape, fingerprint, data)


class KnowsNoOtherField(Wrong):
    """A closed reader: a field that it does not know is an error."""

    def decode(self, shape: Shape, fingerprint: str, data: bytes) -> msgspec.Struct:
        if b"extra" in (self.schema_text(fingerprint) or "").encode():
            raise Malformed("a field is unknown")
        return super().decode(shape, fingerprint, data)


class KnowsNoOldName(Wrong):
    """Reads a field under its name of today alone."""

    def decode(self, shape: Shape, fingerprint: str, data: bytes) -> msgspec.Struct:
        value = super().decode(shape, fingerprint, data)
        if "payer" in (self.schema_text(fingerprint) or "") and "aliases" not in (self.schema_text(fingerprint) or ""):
            msgspec.structs.force_setattr(value, "paid_by", "nobody")
        return value


class GuessesTheSchema(Wrong):
    """Reads bytes of a schema that it does not know as its own."""

    def decode(self, shape: Shape, fingerprint: str, data: bytes) -> msgspec.Struct:
        known = self.schema_text(fingerprint) is not None
        return super().decode(shape, fingerprint if known else self.learn(shape), data)


class NamedByName(Wrong):
    """A fingerprint of the name alone."""

    def learn(self, shape: Shape) -> str:
        return f"{super().learn(shape)[:-16]}{shape.name:0>16.16}"


class AsksAgain(Wrong):
    """Forgets the schemas that it refused."""

    def decode(self, shape: Shape, fingerprint: str, data: bytes) -> msgspec.Struct:
        try:
            return super().decode(shape, fingerprint, data)
        except Malformed:
            if self.schema_text(fingerprint) is None:
                raise UnknownSchema("not known", schema=fingerprint) from None
            raise


class ShowsWhatItKnows(Wrong):
    """Shows people the fields that it has a class for."""

    def as_written(self, fingerprint: str, data: bytes) -> object:
        seen: Any = super().as_written(fingerprint, data)
        seen.pop("extra", None)
        return seen


class GoesToAnyDepth(Wrong):
    """Its decoder is trusted to come back."""

    def encode(self, shape: Shape, value: msgspec.Struct) -> tuple[str, bytes]:
        try:
            return super().encode(shape, value)
        except Malformed as error:
            if "deep" in str(error):
                return self.learn(shape), b"[" * 100
            raise


class TakesAnySize(Wrong):
    """Has no limit of bytes."""

    def decode(self, shape: Shape, fingerprint: str, data: bytes) -> msgspec.Struct:
        return super().decode(shape, fingerprint, data[:1_000_000].rstrip(b" "))


class PassesOverTheRest(Wrong):
    """Reads the value and not what stands behind it."""

    def decode(self, shape: Shape, fingerprint: str, data: bytes) -> msgspec.Struct:
        return super().decode(shape, fingerprint, data.removesuffix(b"\x00"))


BUGS: dict[type[Wrong], suite.Case] = {
    LosesMicroseconds: suite.a_value_comes_back_equal,
    SetsAsTheyLie: suite.equal_values_have_equal_bytes,
    TakesAnything: suite.a_value_that_is_not_of_its_type_is_refused,
    WantsEachField: suite.older_bytes_are_read_with_the_defaults_of_newer_fields,
    KnowsNoOtherField: suite.a_field_that_the_reader_does_not_know_is_passed_over,
    KnowsNoOldName: suite.a_renamed_field_is_read_under_its_earlier_name,
    GuessesTheSchema: suite.a_schema_is_known_when_it_was_learned_or_taught,
    NamedByName: suite.another_shape_has_another_fingerprint,
    AsksAgain: suite.a_text_that_is_no_schema_is_refused_once,
    ShowsWhatItKnows: suite.people_see_a_value_as_its_writer_saw_it,
    GoesToAnyDepth: suite.a_value_too_deep_within_itself_is_refused,
    TakesAnySize: suite.a_value_over_a_limit_is_refused,
    PassesOverTheRest: suite.changed_bytes_are_a_value_or_malformed,
}


def made_wrong(language: suite.Language, wrong: Callable[[Codec], Codec]) -> suite.Language:
    return replace(language, make=lambda: wrong(language.make()))


@pytest.mark.parametrize("language", ADAPTERS, ids=lambda each: each.name)
@pytest.mark.parametrize("wrong", BUGS, ids=lambda wrong: wrong.__name__)
def test_a_wrong_codec_does_not_pass(wrong: type[Wrong], language: suite.Language, tmp_path: Path) -> None:
    """And the right one passes the very case that finds it."""
    case = BUGS[wrong]
    case(made_wrong(locked(language, tmp_path / "right"), Wrong))
    with pytest.raises((AssertionError, PartitaError)):
        case(made_wrong(locked(language, tmp_path / "wrong"), wrong))


def test_every_case_finds_a_bug() -> None:
    """A case that no wrong codec fails may be one that cannot fail."""
    assert set(BUGS.values()) == set(suite.CASES)


def test_a_message_that_changed_its_language_is_read_from_the_log(tmp_path: Path) -> None:
    """Avro in the log, JSON or Protobuf since then, and back: each record is read in the language of its writer."""
    for before, now in itertools.permutations([each.name for each in ADAPTERS], 2):
        for value in (suite.First("o", payer="ann"), suite.Order("o", raw=b"\xff")):
            writer, reader = connect_codec(), connect_codec()
            folder = tmp_path / f"{before}-{now}-{type(value).__name__}"
            folder.mkdir()
            written, today = (
                Shape("Made", "test", struct, language, folder)
                for struct, language in ((type(value), before), (suite.Order, now))
            )
            give_numbers(folder, [each for each in (written, today) if each.language == "protobuf"])
            fingerprint, data = writer.encode(written, value)
            assert reader.learn(today) != fingerprint
            reader.teach(fingerprint, writer.schema_text(fingerprint) or "")
            expected = value if isinstance(value, suite.Order) else suite.Order("o", paid_by="ann")
            assert reader.decode(today, fingerprint, data) == expected


def test_a_message_that_has_left_avro_with_a_type_of_json_alone_is_malformed_there() -> None:
    """Its older bytes are dead letters with the reason, and no handler sees them wrong."""
    states: Any = msgspec.defstruct("Held", [("state", str)])
    today: Any = msgspec.defstruct("Held", [("state", Literal["in-transit", "there"])])
    codec = connect_codec()
    fingerprint, data = codec.encode(Shape("Held", "test", states), states("there"))
    other = connect_codec()
    other.teach(fingerprint, codec.schema_text(fingerprint) or "")
    assert json.loads(other.schema_text(other.learn(Shape("Held", "test", today, "json"))) or "")
    with pytest.raises(Malformed, match="cannot be read from Avro"):
        other.decode(Shape("Held", "test", today, "json"), fingerprint, data)
