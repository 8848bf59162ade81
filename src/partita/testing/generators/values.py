"""Random values of a field's type, the edges of the type first; and values that are not of it.

Every value of `value_of` must come back equal from any codec and store. Every value of `strays_of` must be refused when it
is sent.
"""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import functools
import math
import types
import uuid
from collections.abc import Callable
from random import Random
from typing import Annotated, Any, Literal, NewType, Union, get_args, get_origin, get_type_hints

import msgspec

from partita.schemas.fields.marks import Millis

DEPTH_MAX = 4
TEXTS = (
    "",
    "-type",
    "null",
    "None",
    "true",
    "1",
    "1.5",
    "2026-11-29",
    "\0",
    "a\0b",
    "\x1b[31m",
    "a\u202eb",
    "é",
    "e\u0301",
    "😀" * 3,
)
WHOLE = (0, 1, -1, 2**31, -(2**31) - 1, 2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63))
FLOATS = (0.0, -0.0, 1.5, 1e308, 5e-324, -1.7, float(2**53), math.inf, -math.inf, 1e16, 0.1)
BYTES = (b"", b"\0", b"\xff\xfe", bytes(range(256)))
DATES = (dt.date.min, dt.date.max, dt.date(1970, 1, 1), dt.date(1969, 12, 31), dt.date(2036, 2, 29))
TIMES = (
    dt.datetime(1970, 1, 1, tzinfo=dt.UTC),
    dt.datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=dt.UTC),
    dt.datetime(2026, 11, 29, 10, 0, 0, 1, tzinfo=dt.UTC),
    dt.datetime(2026, 11, 29, 10, 0, 0, 123_456, tzinfo=dt.timezone(dt.timedelta(hours=14))),
    dt.datetime(2026, 11, 29, 10, tzinfo=dt.timezone(-dt.timedelta(hours=3, minutes=7, seconds=1))),
    dt.datetime.min.replace(tzinfo=dt.UTC),
    dt.datetime.max.replace(tzinfo=dt.UTC),
    dt.datetime(9999, 12, 31, 23, tzinfo=dt.timezone(dt.timedelta(hours=5))),
)
DECIMALS = tuple(
    decimal.Decimal(text)
    for text in ("0", "-0", "1.10", "-0.000000001", "1E+28", f"{'9' * 29}.{'9' * 9}", "0E-30", "1.5000000000000", "12")
)
CLOCKS = (dt.time.min, dt.time.max, dt.time(12), dt.time(23, 59, 59, 1))
UUIDS = (uuid.UUID(int=0), uuid.UUID(int=2**128 - 1))

WHOLE_MAX = 2**53 - 1


class ModestDice(Random):
    """Dice for a language that has no whole numbers beyond 2^53 and no infinity, as JSON."""


_NAIVE = dt.datetime(2036, 2, 29, 12, tzinfo=dt.UTC).replace(tzinfo=None)
_BEYOND = (
    dt.datetime.max.replace(tzinfo=dt.timezone(-dt.timedelta(hours=1))),
    dt.datetime.min.replace(tzinfo=dt.timezone(dt.timedelta(hours=1))),
)


class _Other(msgspec.Struct):
    """A record that is the type of no field."""

    sku: str = ""


class _Colour(enum.Enum):
    RED = "red"


_STRAYS: dict[Any, tuple[Any, ...]] = {
    str: (1, b"a", None, True, _Other(), ["a"], "\ud800", "a\udfff"),
    int: (1.7, 1.0, "1", None, True, 2**63, -(2**63) - 1, 10**40, decimal.Decimal(1)),
    float: ("1.5", None, True, math.nan, -math.nan, 2**53 + 1, 10**400, decimal.Decimal("1.5")),
    bool: (1, 0, "true", None, 1.0),
    bytes: ("a", None, 1),
    dt.datetime: (_NAIVE, *_BEYOND, "2026-11-29T10:00:00Z", 0, None, dt.date(2026, 11, 29)),
    dt.date: (TIMES[0], "2026-11-29", 0, None),
    dt.time: (dt.time(12, tzinfo=dt.UTC), "12:00:00", 0, None),
    uuid.UUID: (str(UUIDS[0]), None, 1),
    decimal.Decimal: tuple(
        decimal.Decimal(text) for text in ("NaN", "sNaN", "Infinity", "1E-10", "1E+29", "1E+999999", "0.1234567891")
    )
    + (1.5, "1.5", 1, None),
}
_PICKS: dict[Any, Callable[[Random], Any]] = {
    str: lambda dice: dice.choice((*TEXTS, "".join(map(chr, dice.choices(range(0xD7FF), k=dice.randint(0, 40)))))),
    int: lambda dice: dice.choice((*_whole(dice), dice.randint(-100, 100))),
    float: lambda dice: dice.choice(
        (*_floats(dice), dice.uniform(-1e9, 1e9), dice.random() * 10 ** dice.randint(-300, 300))
    ),
    bool: lambda dice: dice.random() < 0.5,
    bytes: lambda dice: dice.choice((*BYTES, dice.randbytes(dice.randint(0, 40)))),
    dt.datetime: lambda dice: dice.choice((*TIMES, _time(dice))),
    dt.date: lambda dice: dice.choice((*DATES, dt.date.fromordinal(dice.randint(1, dt.date.max.toordinal())))),
    dt.time: lambda dice: dice.choice((*CLOCKS, _time(dice).time())),
    uuid.UUID: lambda dice: dice.choice((*UUIDS, uuid.UUID(int=dice.getrandbits(128)))),
    decimal.Decimal: lambda dice: dice.choice(
        (*DECIMALS, decimal.Decimal(dice.randint(-(10**38) + 1, 10**38 - 1)).scaleb(-9, decimal.Context(prec=38)))
    ),
}


def _whole(dice: Random) -> tuple[int, ...]:
    if not isinstance(dice, ModestDice):
        return (*WHOLE, dice.randint(-(2**63), 2**63 - 1))
    small = tuple(number for number in WHOLE if abs(number) <= WHOLE_MAX)
    return (*small, WHOLE_MAX, -WHOLE_MAX, dice.randint(-WHOLE_MAX, WHOLE_MAX))


def _floats(dice: Random) -> tuple[float, ...]:
    return tuple(number for number in FLOATS if math.isfinite(number) or not isinstance(dice, ModestDice))


def value_of(annotation: Any, dice: Random, depth: int = 0) -> Any:
    """A random value of a type."""
    meta = [note for note in _notes(annotation) if isinstance(note, msgspec.Meta)]
    plain = _bare(annotation)
    if meta:
        return _within(plain, meta[0], dice, depth)
    if plain in _PICKS:
        picked = _PICKS[plain](dice)
        return (
            picked.replace(microsecond=picked.microsecond // 1_000 * 1_000) if Millis in _notes(annotation) else picked
        )
    origin, args = get_origin(plain), get_args(plain)
    if origin in (Union, types.UnionType):
        if type(None) in args and dice.random() < (0.3 if depth < 2 else 0.6 if depth <= DEPTH_MAX else 1.0):
            return None
        return value_of(dice.choice([a for a in args if a is not type(None)]), dice, depth)
    if origin in (list, tuple, frozenset):
        return origin(value_of(args[0], dice, depth + 1) for _ in range(_length(dice, depth)))
    if origin is dict:
        return {value_of(str, dice): value_of(args[1], dice, depth + 1) for _ in range(_length(dice, depth))}
    if origin is Literal:
        return dice.choice(args)
    if issubclass(plain, enum.Enum):
        return dice.choice(list(plain))
    return struct_of(plain, dice, depth + 1)


def struct_of(cls: type[msgspec.Struct], dice: Random, depth: int = 0) -> Any:
    """A random value of a struct or message class; fields with a default are sometimes left out."""
    fields = _fields_of(cls)
    given = [(name, hint) for name, hint, required in fields if required or dice.random() < 0.7]
    return cls(**{name: value_of(hint, dice, depth) for name, hint in given})


@functools.cache
def _fields_of(cls: type[msgspec.Struct]) -> tuple[tuple[str, Any, bool], ...]:
    hints = get_type_hints(cls, include_extras=True)
    return tuple((f.name, hints[f.name], f.required) for f in msgspec.structs.fields(cls))


def strays_of(annotation: Any) -> tuple[Any, ...]:
    """Values that are not of a type, or that come back changed: each must be refused when it is sent."""
    plain = _bare(annotation)
    if plain in _STRAYS:
        outside = [v for note in _notes(annotation) if isinstance(note, msgspec.Meta) for v in _outside(plain, note)]
        return (*_STRAYS[plain], *outside, *((TIMES[2],) if Millis in _notes(annotation) else ()))
    origin, args = get_origin(plain), get_args(plain)
    if origin in (Union, types.UnionType):
        others = [strays_of(arg) for arg in args if arg is not type(None)]
        kinds = {_bare(arg) for arg in args}
        if len(others) == 1:
            return tuple(v for v in others[0] if v is not None)
        return (_Other(), _Colour.RED if str not in kinds else dt.date.min, b"a")
    if origin is list:
        return (None, "ab", {}, *(((), (1,), frozenset()) if args else ()), *([stray] for stray in strays_of(args[0])))
    if origin is tuple:
        return (None, "ab", [], {}, *((stray,) for stray in strays_of(args[0])))
    if origin is frozenset:
        return (None, "ab", (), [], {})
    if origin is dict:
        return (None, [], {1: value_of(args[1], Random(1))}, *({"a": stray} for stray in strays_of(args[1])))
    if origin is Literal:
        return ("neither", 10**6, None, True)
    if isinstance(plain, type) and issubclass(plain, enum.Enum):
        return ("neither", _Colour.RED, None, 10**6)
    return (None, _Other(), {}, "a")


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal; times are equal as instants, also in the repeated hour of a change of the clocks."""
    if isinstance(one, dt.datetime) and isinstance(other, dt.datetime):
        return one.astimezone(dt.UTC) == other.astimezone(dt.UTC)
    return bool(one == other)


def _bare(annotation: Any) -> Any:
    while get_origin(annotation) is Annotated or isinstance(annotation, NewType):
        annotation = annotation.__supertype__ if isinstance(annotation, NewType) else get_args(annotation)[0]
    return annotation


def _notes(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()


def _length(dice: Random, depth: int) -> int:
    return 0 if depth > DEPTH_MAX else dice.choice((0, 1, 2, 5) if depth < 2 else (0, 0, 1, 2))


def _time(dice: Random) -> dt.datetime:
    zone = dt.timezone(dt.timedelta(minutes=dice.randint(-1439, 1439)))
    at = dt.datetime(2000, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=dice.randint(-(10**15), 10**15))
    return at.astimezone(zone)


def _within(plain: Any, meta: msgspec.Meta, dice: Random, depth: int) -> Any:
    """A value inside bounds: `ge` and `le` of numbers, `min_length` and `max_length` of texts and lists."""
    if plain is int:
        return dice.choice((meta.ge, meta.le, dice.randint(int(meta.ge or 0), int(meta.le or 100))))
    if plain is float:
        return dice.choice((meta.ge, meta.le, dice.uniform(meta.ge or 0.0, meta.le or 1.0)))
    length = dice.randint(meta.min_length or 0, meta.max_length or 8)
    if plain is str:
        return "".join(dice.choices("abcé😀", k=length))
    return get_origin(plain)(value_of(get_args(plain)[0], dice, depth + 1) for _ in range(length))


def _outside(plain: Any, meta: msgspec.Meta) -> tuple[Any, ...]:
    if plain in (int, float):
        return tuple(v for v in (meta.ge and meta.ge - 1, meta.le and meta.le + 1) if v is not None)
    longest = meta.max_length
    return () if longest is None or plain is not str else ("x" * (longest + 1),)
