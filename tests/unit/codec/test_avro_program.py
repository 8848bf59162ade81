"""The compiled way of a class agrees with the general way: the same bytes, the same values, and never more than it accepts."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
from random import Random
from typing import Annotated, Any, Literal

import msgspec
import pytest

from partita import Event, Key, Service
from partita.catalog.contract import contract_of
from partita.codec import avro_numbers
from partita.codec.avro import AvroCodec
from partita.codec.avro_program import Program, program_of
from partita.errors import Malformed
from partita.schemas import Millis, Money
from partita.schemas.avro import derive
from partita.schemas.fields.shape import Shape
from partita.testing.generators.declarations import SCALARS, Flat, event_with, message_class
from partita.testing.generators.values import strays_of, struct_of, value_of

CLASSES = 400
VALUES = 4
SPOILT = 12


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 200


EVEN = Annotated[int, msgspec.Meta(gt=0, lt=9, multiple_of=2)]
ABC = Annotated[str, msgspec.Meta(pattern="^[a-c]+$")]
MADE: dict[Any, tuple[Any, ...]] = {
    EVEN: (-2, 0, 1, 2, 8, 9, 10, True),
    ABC: ("", "abc", "abcd", "xabc", "abc\n"),
    Money: (Money(1250, "EUR"), Money(-(2**63), "JPY"), Money(1, "eur"), Money(1, "EURO"), Money(1, "")),
}
"""Values of types whose bounds the generator does not know."""
TYPES: tuple[Any, ...] = (
    *SCALARS,
    Flat,
    Money,
    list[int],
    list[Flat],
    list[list[str]],
    tuple[str, ...],
    dict[str, float],
    dict[str, int] | None,
    int | None,
    int | str,
    float | int,
    float | int | str | None,
    list[int] | str | None,
    Flat | str,
    Literal["a", "b"],
    Literal[1, -7],
    Colour,
    Level,
    Colour | None,
    Annotated[dt.datetime, Millis],
    Annotated[int, msgspec.Meta(ge=-3, le=500)],
    EVEN,
    Annotated[float, msgspec.Meta(ge=0.5, le=2.5)],
    Annotated[str, msgspec.Meta(min_length=1, max_length=4)],
    ABC,
    Annotated[list[int], msgspec.Meta(min_length=1, max_length=3)],
)


def service() -> Service:
    """A service without messages."""
    return Service("gen", namespace="gen")


def both(shape: Shape) -> tuple[Program | None, AvroCodec]:
    """The program of a class, and a codec that has none."""
    program = program_of(shape.struct, derive(shape).record)
    general = AvroCodec()
    general.learn(shape)
    general._shapes[shape.full_name] = dataclasses.replace(general._shapes[shape.full_name], program=None)
    return program, general


def as_general(codec: AvroCodec, shape: Shape, value: Any) -> bytes | None:
    try:
        return codec.encode(shape, value)[1]
    except Malformed:
        return None


def read_generally(codec: AvroCodec, shape: Shape, data: bytes) -> Any:
    try:
        return codec.decode(shape, codec.learn(shape), data)
    except Malformed:
        return None


def kinds(value: Any) -> Any:
    """The classes of a value and of all values within it: 1 equals 1.0 and True, and is another value."""
    if isinstance(value, msgspec.Struct):
        return type(value), [kinds(getattr(value, name)) for name in value.__struct_fields__]
    if isinstance(value, dict):
        return dict, [(key, kinds(inner)) for key, inner in value.items()]
    return (type(value), [kinds(inner) for inner in value]) if isinstance(value, list | tuple) else type(value)


def compare(program: Program, general: AvroCodec, shape: Shape, value: Any, dice: Random) -> bool:
    """Compare the two ways on a value, on its bytes and on spoilt bytes; whether the program took the value."""
    expected, found = as_general(general, shape, value), program.encode(value)
    assert found is None or found == expected, value
    if expected is None:
        return False
    for data in (expected, *(spoilt(expected, dice) for _ in range(SPOILT))):
        read, wanted = program.decode(data), read_generally(general, shape, data)
        assert read is None or (repr(read) == repr(wanted) and kinds(read) == kinds(wanted)), data
    assert found is None or program.decode(found) is not None
    return found is not None


def spoilt(data: bytes, dice: Random) -> bytes:
    """Bytes with one byte changed, lost or added, or cut."""
    at = dice.randrange(len(data))
    some = dice.choice((0, 1, 2, 0x7F, 0x80, 0xFF, dice.randrange(256)))
    return dice.choice(
        (
            data[:at] + bytes((some,)) + data[at + 1 :],
            data[:at] + data[at + 1 :],
            data[:at] + bytes((some,)) + data[at:],
            data[:at],
        )
    )


def test_random_classes_and_values() -> None:
    """At the edges of each type; a third of the random classes has a type that takes the general way."""
    compiled = taken = tried = 0
    for seed in range(CLASSES):
        dice = Random(seed)
        cls: Any = message_class(service(), dice, "Made")
        shape = contract_of(cls).shape
        program, general = both(shape)
        if program is None:
            continue
        compiled += 1
        for _ in range(VALUES):
            tried += 1
            taken += compare(program, general, shape, struct_of(cls, dice), dice)
    assert compiled > CLASSES / 5 and taken > tried / 4, (compiled, taken, tried)


@pytest.mark.parametrize("annotation", TYPES, ids=repr)
def test_each_type(annotation: Any) -> None:
    """Values of the type, and values that are not of it."""
    dice = Random(repr(annotation))
    cls: Any = event_with(service(), annotation, "Made")
    shape = contract_of(cls).shape
    program, general = both(shape)
    assert program is not None
    taken = 0
    for _ in range(60):
        field = value_of(annotation, dice) if annotation not in MADE else dice.choice(MADE[annotation])
        taken += compare(program, general, shape, cls(id="k", field=field), dice)
    for stray in strays_of(annotation):
        compare(program, general, shape, cls(id="k", field=stray), dice)
    assert taken


def test_numbers_of_each_length() -> None:
    """Written as fastavro writes them, and read back with anything behind them."""
    for bits in range(64):
        for number in {2**bits - 1, -(2**bits), 2**bits // 3, -(2**bits) // 3}:
            data = avro_numbers.to_bytes(number)
            assert avro_numbers.read(data + b"\x80" * 9, 0) == (number, len(data))
            assert data == AvroCodec().encode(WHOLE, Whole(number=number))[1]


def test_a_number_of_more_than_64_bits_is_no_number() -> None:
    for data in (b"\xff" * 9 + b"\x02", b"\xff" * 10 + b"\x01", b"\xff" * 20):
        with pytest.raises(ValueError, match="64 bits"):
            avro_numbers.read(data, 0)
    with pytest.raises(IndexError):
        avro_numbers.read(b"\xff" * 9, 0)


class Whole(msgspec.Struct):
    number: int


WHOLE = Shape("Whole", "test", Whole)


def test_a_field_name_never_becomes_source_text() -> None:
    """A class made at run time may have a field that no source text can name."""
    strange = msgspec.defstruct("Strange", [("class", int)], rename={"class": "x"})
    schema = {"type": "record", "name": "Strange", "fields": [{"name": "x", "type": "long"}]}
    assert program_of(strange, schema) is None


def test_a_class_with_a_check_of_its_own_takes_the_general_way() -> None:
    """A value that was changed since its check is read back where it is sent."""

    class Checked(Event, of=service()):
        id: Key[str]
        cents: int

        def __post_init__(self) -> None:
            if self.cents < 0:
                raise ValueError("less than nothing")

    assert both(contract_of(Checked).shape)[0] is None
