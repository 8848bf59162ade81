"""Accepted values are read back equal; others are refused: at their declaration, or when they are sent."""

from __future__ import annotations

import datetime as dt
import enum
from decimal import Decimal
from random import Random
from typing import Annotated, Any, Literal, NewType
from zoneinfo import ZoneInfo

import msgspec
import pytest

from partita import Event, Key, Service
from partita.catalog.contract import contract_of
from partita.codec.avro import AvroCodec
from partita.errors import DeclarationError, Malformed
from partita.schemas.fields.shape import Shape
from partita.testing.generators.declarations import REFUSED, SCALARS, Flat, Tagged, Tree, event_with, message_class
from partita.testing.generators.values import same, strays_of, struct_of, value_of

CASES = 300
TYPES: tuple[Any, ...] = (
    *SCALARS,
    Tree,
    Flat,
    Tagged,
    list[int],
    list[float],
    list[Flat],
    tuple[str, ...],
    frozenset[int],
    dict[str, float],
    dict[str, int] | None,
    int | None,
    int | str,
    float | int,
    float | int | str | None,
    tuple[int, ...] | None,
    Literal["a", "b"],
)


def service() -> Service:
    """A service without messages."""
    return Service("gen", namespace="gen")


def field_of(annotation: Any) -> tuple[type[Any], Shape, AvroCodec]:
    """An event with one field of a type, and a codec."""
    cls: Any = event_with(service(), annotation, "Made")
    return cls, contract_of(cls).shape, AvroCodec()


def test_values_of_generated_messages_come_back_equal() -> None:
    """Every type that a field may have, in every place, with values at the edges of each."""
    for seed in range(CASES):
        dice = Random(seed)
        cls: Any = message_class(service(), dice, "Made")
        shape, codec = contract_of(cls).shape, AvroCodec()
        for _ in range(3):
            value = struct_of(cls, dice)
            read = codec.decode(shape, *codec.encode(shape, value))
            assert same(read, value), f"seed {seed}: {value!r} came back as {read!r}"


def test_older_bytes_are_read_with_the_defaults_of_newer_fields() -> None:
    """Defaults of each type: a reader fills in the value that the class declares, not the form it has in the schema."""
    read_so_far = 0
    for seed in range(CASES):
        dice = Random(seed)
        newer: Any = message_class(service(), dice, "Made", with_default=1.0)

        class Made(Event, of=service()):
            id: Key[str]

        codec = AvroCodec()
        fingerprint, data = codec.encode(contract_of(Made).shape, Made(id="k"))
        shape = contract_of(newer).shape
        if any(f.required and f.name != "id" for f in msgspec.structs.fields(newer)):
            continue  # no default was found for it
        read_so_far += 1
        reader = AvroCodec()
        reader.teach(fingerprint, codec.schema_text(fingerprint) or "")
        assert same(reader.decode(shape, fingerprint, data), newer(id="k")), f"seed {seed}"
    assert read_so_far > CASES * 3 // 4


@pytest.mark.parametrize("annotation", REFUSED, ids=str)
def test_a_type_whose_values_no_reader_could_take_is_refused_where_it_is_declared(annotation: Any) -> None:
    """Otherwise each of its messages would be a dead letter, or a changed one."""
    with pytest.raises(DeclarationError) as refused:
        event_with(service(), annotation, "Made")
    assert refused.value.hint


@pytest.mark.parametrize("annotation", TYPES, ids=str)
def test_a_value_that_is_not_of_its_type_is_refused_where_it_is_sent(annotation: Any) -> None:
    """1.7 for an int, a tuple for a list, a time without a zone: another value would come back, or none."""
    cls, shape, codec = field_of(annotation)
    for stray in strays_of(annotation):
        with pytest.raises(Malformed):
            codec.encode(shape, cls(id="k", field=stray))
    value = cls(id="k", field=value_of(annotation, Random(7)))
    assert same(codec.decode(shape, *codec.encode(shape, value)), value)


class Line(msgspec.Struct):
    """A line of an order."""

    sku: str


def test_two_types_of_one_name_within_a_message_are_refused() -> None:
    """Avro knows a type by its name: the second would be read as the first."""
    other = msgspec.defstruct("Line", [("quantity", int)])
    with pytest.raises(DeclarationError, match="two types are named Line"):
        event_with(service(), msgspec.defstruct("Both", [("a", Line), ("b", other)]), "Made")
    colours = [enum.Enum("Colour", {"A": text}) for text in ("red", "blue")]
    with pytest.raises(DeclarationError, match="two types are named Colour"):
        event_with(service(), msgspec.defstruct("Both", [("a", colours[0]), ("b", colours[1])]), "Made")
    with pytest.raises(DeclarationError, match="two types are named Line"):
        event_with(service(), list[Line] | None, "Line")


def test_one_type_in_many_places_is_no_clash() -> None:
    """It is defined once and named afterwards, also in unions, whatever their order."""
    both = msgspec.defstruct("Both", [("a", Line | None), ("b", list[Line]), ("c", list[Line] | Line)])
    cls, shape, codec = field_of(both)
    for c in ([Line(sku="x")], Line(sku="y")):
        value = cls(id="k", field=both(a=None, b=[Line(sku="z")], c=c))
        assert codec.decode(shape, *codec.encode(shape, value)) == value


@pytest.mark.parametrize(
    ("annotation", "default"),
    [
        (int, None),
        (int, "1"),
        (dt.datetime, dt.datetime(2026, 1, 1, tzinfo=dt.UTC).replace(tzinfo=None)),
        (float, float("inf")),
        (Decimal, Decimal("NaN")),
        (Annotated[int, msgspec.Meta(gt=0)], 0),
        (str, "\ud800"),
        (int, 2**63),
        (int, 1.0),
        (Decimal, 0),
        (Decimal, 0.5),
        (Decimal | None, 1),
        pytest.param(dict[str, Decimal], msgspec.field(default_factory=lambda: {"eur": 1}), id="dict-1"),
    ],
    ids=repr,
)
def test_a_default_that_is_no_value_of_its_type_is_refused(annotation: Any, default: Any) -> None:
    """A reader would fill it in."""
    with pytest.raises(DeclarationError, match="default"):

        class Made(Event, of=service()):
            id: Key[str]
            field: annotation = default


def test_a_whole_number_is_a_default_of_a_number_with_a_point() -> None:
    """As Python sees it; it is written and read as such."""

    class Made(Event, of=service()):
        id: Key[str]
        field: float = 1

    shape, codec = contract_of(Made).shape, AvroCodec()
    codec.learn(shape)
    assert codec.decode(shape, *codec.encode(shape, Made(id="k"))) == Made(id="k", field=1.0)


def test_a_default_that_is_another_each_time_is_refused() -> None:
    """The schema, and so its fingerprint, would be another one in each process."""
    numbers = iter(range(100))
    with pytest.raises(DeclarationError, match="differs each time"):

        class Made(Event, of=service()):
            id: Key[str]
            number: int = msgspec.field(default_factory=lambda: next(numbers))


def test_a_message_that_leaves_out_defaults_is_written_with_them() -> None:
    """`omit_defaults` is about other formats: here each field has its place."""
    cls, shape, codec = field_of(Flat)
    value = cls(id="k", field=Flat())
    assert codec.decode(shape, *codec.encode(shape, value)) == value
    assert codec.as_written(*codec.encode(shape, value)) == {
        "id": "k",
        "field": {
            "at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
            "price": Decimal("1.50"),
            "raw": b"\xff",
            "day": dt.date(2026, 1, 1),
        },
    }


def test_a_time_in_the_repeated_hour_is_the_same_instant() -> None:
    """Python calls such a time unequal to any time in another zone; the instant is what is sent."""
    cls, shape, codec = field_of(dt.datetime)
    for fold in (0, 1):
        value = cls(id="k", field=dt.datetime(2026, 11, 1, 1, 30, 0, 7, fold=fold, tzinfo=ZoneInfo("America/New_York")))
        read = codec.decode(shape, *codec.encode(shape, value))
        assert same(read.field, value.field)  # type: ignore[attr-defined]  # of the class just made


def test_sets_are_written_in_one_order() -> None:
    """The same content has the same bytes in every process, whatever its hash seed."""
    cls, shape, codec = field_of(frozenset[str])
    _, data = codec.encode(shape, cls(id="k", field=frozenset("zyxabc")))
    assert [bytes([byte]) for byte in b"abcxyz"] == [data[i : i + 1] for i in range(4, len(data) - 1, 2)]


def test_a_value_that_lies_too_deep_within_itself_is_refused() -> None:
    """No reader goes deeper, and a circle has no end at all."""
    cls, shape, codec = field_of(Tree)
    deep = Tree(name="leaf")
    for _ in range(40):
        deep = Tree(name="n", next=deep)
    value = cls(id="k", field=deep)
    assert codec.decode(shape, *codec.encode(shape, value)) == value
    for levels in (100, 5_000):
        for _ in range(levels):
            deep = Tree(name="n", next=deep)
        with pytest.raises(Malformed):
            codec.encode(shape, cls(id="k", field=deep))


Ref = NewType("Ref", str)


@pytest.mark.parametrize(
    "annotation",
    [
        Key[str | None],
        Key[float],
        Key[bool],
        Key[Decimal],
        Key[list[str]],
        Key[bytes],
        Key[Literal["a"]],
        Key[dt.date],
        Key[enum.Enum("E", {"A": "a"})],
    ],
    ids=str,
)
def test_a_key_that_names_nothing_in_one_way_is_refused(annotation: Any) -> None:
    """None would be the text 'None', an Enum its class and name, 1.0 another key than 1."""
    with pytest.raises(DeclarationError, match="the key Made.ref"):

        class Made(Event, of=service()):
            ref: annotation


@pytest.mark.parametrize("annotation", [Key[str] | None, list[Key[int]], dict[str, Key[str]]], ids=str)
def test_a_key_within_another_type_is_refused(annotation: Any) -> None:
    """It would silently not be a key."""
    with pytest.raises(DeclarationError, match="a Key within another type"):

        class Made(Event, of=service()):
            ref: annotation


class Shade(enum.StrEnum):
    """Values that are texts of a class of their own."""

    DARK = "dark"


class Shaded(str, enum.Enum):  # noqa: UP042 - its text is another one, which is what is tested
    """Its own text is `Shaded.DARK`."""

    DARK = "dark"


@pytest.mark.parametrize("given", ["dark", Shade.DARK, Shaded.DARK])
def test_a_key_is_the_text_that_a_receiver_reads(given: Any) -> None:
    """Sender and receiver use one key, however the class of the text prints."""

    class Made(Event, of=service()):
        ref: Key[Ref]

    contract, codec = contract_of(Made), AvroCodec()
    sent = Made(ref=given)
    read = codec.decode(contract.shape, *codec.encode(contract.shape, sent))
    assert contract.key_of(sent) == contract.key_of(read) == "dark"
