"""The requirements of every codec, as cases: `for case in CASES: case(language)`.

A `Language` makes codecs that share nothing, as those of two processes, and says which numbers it knows.
"""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Annotated, Any

import msgspec

from partita.catalog.contract import contract_of
from partita.catalog.event import Event, Key
from partita.catalog.service import Service
from partita.codec.port import Codec
from partita.errors import Malformed, MessageTooLarge, PartitaError, UnknownSchema
from partita.schemas.fields.marks import Alias
from partita.schemas.fields.shape import Shape
from partita.schemas.protobuf.numbering import give_numbers
from partita.size import VALUE_BYTES_MAX
from partita.testing.generators.declarations import SCALARS, Flat, Tagged, Tree, event_with, message_class
from partita.testing.generators.values import same, strays_of, struct_of, value_of

CLASSES = 150
DEEP = 40


@dataclass(frozen=True, slots=True)
class Language:
    """A codec's language by its name, its codecs, and the dice whose values it can say. A language whose fields have numbers
    has a folder for their lock."""

    name: str
    make: Callable[[], Codec]
    dice: type[Random] = Random
    lock: Path | None = None

    def service(self) -> Service:
        """A service that owns nothing yet, and writes in this language."""
        return Service("gen", namespace="gen", codec=self.name)

    def shape(self, struct: type[msgspec.Struct], name: str = "Made") -> Shape:
        """A shape of this language."""
        return self._numbered(Shape(name, "test", struct, self.name))

    def shape_of(self, cls: type[Any]) -> Shape:
        """The shape of a message class."""
        return self._numbered(contract_of(cls).shape)

    def _numbered(self, shape: Shape) -> Shape:
        if self.lock is None:
            return shape
        give_numbers(self.lock, [shape])
        return replace(shape, home=self.lock)


Case = Callable[[Language], None]


class Line(msgspec.Struct, frozen=True):
    """A line of an order."""

    sku: str
    price: decimal.Decimal = decimal.Decimal("1.50")


class Order(msgspec.Struct, frozen=True, rename="camel"):
    """An order as it is now."""

    order_id: str
    paid_by: Annotated[str, Alias("payer")] = "nobody"
    lines: tuple[Line, ...] = (Line("gift"),)
    at: dt.datetime = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    raw: bytes = b"\x00\xff"


class First(msgspec.Struct, frozen=True, rename="camel"):
    """An order as it was first."""

    order_id: str
    payer: str


class Later(msgspec.Struct, frozen=True, rename="camel"):
    """An order with fields that its reader does not know."""

    order_id: str
    extra: dict[str, Line]
    paid_by: str = "ann"
    more: int | None = 7


def a_value_comes_back_equal(language: Language) -> None:
    """Every type that a field may have, in every place, with values at the edges of each; also in another process."""
    for seed in range(CLASSES):
        dice = language.dice(seed)
        cls: Any = message_class(language.service(), dice, "Made")
        shape, writer, reader = language.shape_of(cls), language.make(), language.make()
        for _ in range(3):
            value = struct_of(cls, dice)
            fingerprint, data = writer.encode(shape, value)
            reader.teach(fingerprint, writer.schema_text(fingerprint) or "")
            for codec in (writer, reader):
                read = codec.decode(shape, fingerprint, data)
                assert same(read, value), f"seed {seed}: {value!r} came back as {read!r}"


def equal_values_have_equal_bytes(language: Language) -> None:
    """Whatever the process that writes them, also of a set, and also when a field is left out that has its default."""
    for seed in range(CLASSES):
        dice = language.dice(seed)
        cls: Any = message_class(language.service(), dice, "Made")
        shape, value = language.shape_of(cls), struct_of(cls, dice)
        fingerprint, data = language.make().encode(shape, value)
        again = language.make()
        again.learn(shape)
        assert again.encode(shape, again.decode(shape, fingerprint, data)) == (fingerprint, data), f"seed {seed}"


def a_value_that_is_not_of_its_type_is_refused(language: Language) -> None:
    """The sender refuses the value: a reader would get another one, or none."""
    for annotation in (
        *SCALARS,
        Tree,
        Flat,
        Tagged,
        list[int],
        tuple[str, ...],
        dict[str, float],
        int | None,
        float | int | str,
    ):
        cls: Any = event_with(language.service(), annotation, "Made")
        shape, codec = language.shape_of(cls), language.make()
        for stray in strays_of(annotation):
            assert_refused(Malformed, lambda: codec.encode(shape, cls(id="k", field=stray)))  # noqa: B023 - called at once
        value = cls(id="k", field=value_of(annotation, language.dice(7)))
        assert same(codec.decode(shape, *codec.encode(shape, value)), value)


def older_bytes_are_read_with_the_defaults_of_newer_fields(language: Language) -> None:
    """Of each type: a reader fills in the value that the class declares, and a list of its own for each message."""
    read_so_far = 0
    for seed in range(CLASSES):
        newer: Any = message_class(language.service(), language.dice(seed), "Made", with_default=1.0)

        class Made(Event, of=language.service()):
            id: Key[str]

        if any(f.required and f.name != "id" for f in msgspec.structs.fields(newer)):
            continue  # no default was found for it
        writer, reader = language.make(), language.make()
        fingerprint, data = writer.encode(language.shape_of(Made), Made(id="k"))
        reader.teach(fingerprint, writer.schema_text(fingerprint) or "")
        assert same(reader.decode(language.shape_of(newer), fingerprint, data), newer(id="k")), f"seed {seed}"
        read_so_far += 1
    assert read_so_far > CLASSES * 3 // 4


def a_field_that_the_reader_does_not_know_is_passed_over(language: Language) -> None:
    """So that a producer may be upgraded before its consumers."""
    read = read_by_another(language, Later("o", {"a": Line("x")}), Order)
    assert read == Order("o", paid_by="ann")


def a_renamed_field_is_read_under_its_earlier_name(language: Language) -> None:
    """And others that are absent have their defaults."""
    assert read_by_another(language, First("o", payer="ann"), Order) == Order("o", paid_by="ann")


def a_schema_is_known_when_it_was_learned_or_taught(language: Language) -> None:
    """A reader fetches it from the registry by the fingerprint that the error names."""
    shape, writer, reader = language.shape(Order), language.make(), language.make()
    fingerprint, data = writer.encode(shape, Order("o"))
    assert fingerprint == writer.learn(shape) == language.make().learn(shape)
    assert reader.schema_text(fingerprint) is None
    for use in (
        lambda: reader.decode(language.shape(First, "First"), fingerprint, data),
        lambda: reader.as_written(fingerprint, data),
    ):
        error = assert_refused(UnknownSchema, use)
        assert isinstance(error, UnknownSchema) and error.schema == fingerprint
    text = writer.schema_text(fingerprint)
    assert text is not None
    reader.teach(fingerprint, text)
    assert reader.decode(shape, fingerprint, data) == Order("o") and reader.schema_text(fingerprint) == text


def another_shape_has_another_fingerprint(language: Language) -> None:
    """The name, a field, a type, a default."""
    changed = [
        msgspec.defstruct("Order", [("order_id", str)]),
        msgspec.defstruct("Order", [("order_id", int)]),
        msgspec.defstruct("Order", [("order_id", str), ("more", str, "a")]),
        msgspec.defstruct("Order", [("order_id", str), ("more", str, "b")]),
    ]
    shapes = [language.shape(struct) for struct in changed] + [language.shape(changed[0], "Other")]
    assert len({language.make().learn(shape) for shape in shapes}) == len(shapes)


def a_text_that_is_no_schema_is_refused_once(language: Language) -> None:
    """Values that name it are dead letters with the reason, and it is not fetched for each of them."""
    prefix = language.make().learn(language.shape(Order))[:-16]
    for number, text in enumerate(("", "no schema", "{", "5", "[" * 100_000, " " * 3_000_000 + "{}")):
        codec, fingerprint = language.make(), f"{prefix}{number:016x}"
        assert_refused(UnknownSchema, lambda: codec.teach(fingerprint, text))  # noqa: B023 - called at once
        error = assert_refused(Malformed, lambda: codec.decode(language.shape(Order), fingerprint, b"\x00"))  # noqa: B023
        assert not isinstance(error, UnknownSchema)


def people_see_a_value_as_its_writer_saw_it(language: Language) -> None:
    """Also fields that no class here has."""
    codec = language.make()
    fingerprint, data = codec.encode(language.shape(Later), Later("o", {"a": Line("x")}))
    seen = msgspec.to_builtins(codec.as_written(fingerprint, data))
    assert sorted(seen) == ["extra", "more", "orderId", "paidBy"]
    price = seen["extra"]["a"].pop("price")
    assert decimal.Decimal(price) == decimal.Decimal("1.50")
    assert seen == {"orderId": "o", "extra": {"a": {"sku": "x"}}, "paidBy": "ann", "more": 7}


def a_value_too_deep_within_itself_is_refused(language: Language) -> None:
    """No reader goes deeper; a decoder in C would overflow its stack."""
    shape, codec, deep = language.shape(Tree, "Tree"), language.make(), Tree(name="leaf")
    for _ in range(DEEP):
        deep = Tree(name="n", next=deep)
    assert codec.decode(shape, *codec.encode(shape, deep)) == deep
    for levels in (100, 5_000):
        for _ in range(levels):
            deep = Tree(name="n", next=deep)
        assert_refused(Malformed, lambda: codec.encode(shape, deep))  # noqa: B023 - called at once


def a_value_over_a_limit_is_refused(language: Language) -> None:
    """By its bytes, and by the fields and items that it unfolds to: where it is sent, and where it is received."""
    note = msgspec.defstruct("Note", [("text", str)])
    shape, codec = language.shape(note, "Note"), language.make()
    fingerprint, data = codec.encode(shape, note("x" * (VALUE_BYTES_MAX - 100)))
    assert codec.decode(shape, fingerprint, data) == note("x" * (VALUE_BYTES_MAX - 100))
    assert_refused(MessageTooLarge, lambda: codec.encode(shape, note("x" * (VALUE_BYTES_MAX + 1))))
    for read in (
        lambda: codec.decode(shape, fingerprint, data + b" " * 1_000),
        lambda: codec.as_written(fingerprint, data * 2),
    ):
        assert_refused(Malformed, read)
    wide = [(f"f{n}", list[int], msgspec.field(default_factory=lambda: [1, 2, 3])) for n in range(60)]
    small, large = (msgspec.defstruct("Part", [("flag", bool), *fields]) for fields in ([], wide))
    few, many = (msgspec.defstruct("Whole", [("parts", list[part])]) for part in (small, large))  # type: ignore[valid-type]
    writer, reader = language.make(), language.make()
    fingerprint, data = writer.encode(language.shape(few), few([small(flag=True)] * 20_000))
    reader.teach(fingerprint, writer.schema_text(fingerprint) or "")
    assert_refused(Malformed, lambda: reader.decode(language.shape(many), fingerprint, data))


def changed_bytes_are_a_value_or_malformed(language: Language) -> None:
    """Flipped, cut, doubled: none raises anything else, and none is cut off in silence."""
    shape, codec, dice = language.shape(Order), language.make(), Random(7)
    fingerprint, data = codec.encode(shape, Order("o", lines=tuple(Line(f"s{n}") for n in range(5))))
    read = refused = 0
    for _ in range(3_000):
        changed = bytearray(data)
        for _ in range(dice.randint(1, 3)):
            at = dice.randrange(len(changed))
            changed[at : at + dice.randint(0, 2)] = dice.randbytes(dice.randint(0, 3))
            changed = changed or bytearray(b"\0")
        try:
            assert isinstance(codec.decode(shape, fingerprint, bytes(changed)), Order)
            read += 1
        except Malformed:
            refused += 1
    assert read and refused > 100
    for changed_data in (data[:-1], data + b"\x00", b""):
        assert_refused(Malformed, lambda: codec.decode(shape, fingerprint, changed_data))  # noqa: B023 - called at once


CASES: tuple[Case, ...] = (
    a_value_comes_back_equal,
    equal_values_have_equal_bytes,
    a_value_that_is_not_of_its_type_is_refused,
    older_bytes_are_read_with_the_defaults_of_newer_fields,
    a_field_that_the_reader_does_not_know_is_passed_over,
    a_renamed_field_is_read_under_its_earlier_name,
    a_schema_is_known_when_it_was_learned_or_taught,
    another_shape_has_another_fingerprint,
    a_text_that_is_no_schema_is_refused_once,
    people_see_a_value_as_its_writer_saw_it,
    a_value_too_deep_within_itself_is_refused,
    a_value_over_a_limit_is_refused,
    changed_bytes_are_a_value_or_malformed,
)


def read_by_another(language: Language, value: Any, as_struct: type[msgspec.Struct]) -> Any:
    """A value as another process reads it, which has another class under the same name."""
    writer, reader = language.make(), language.make()
    fingerprint, data = writer.encode(language.shape(type(value)), value)
    reader.teach(fingerprint, writer.schema_text(fingerprint) or "")
    return reader.decode(language.shape(as_struct), fingerprint, data)


def assert_refused(kind: type[PartitaError], use: Callable[[], object]) -> PartitaError:
    """The refusal, which must be one of that kind."""
    try:
        found = use()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}: {found!r:.300}")
