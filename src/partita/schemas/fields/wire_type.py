"""The type of a field as every schema language sees it: no Python in it, and no language's own limits."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TypeAlias, Union


class Scalar(enum.Enum):
    """A value that has no parts."""

    TEXT = "text"
    WHOLE = "whole number of 64 bits"
    REAL = "number of 64 bits with a point"
    TRUTH = "true or false"
    BYTES = "bytes"
    INSTANT = "instant, to the microsecond"
    INSTANT_MILLIS = "instant, to the millisecond"
    TIME = "time of day without a zone, to the microsecond"
    DAY = "day"
    UUID = "UUID"
    DECIMAL = "decimal of at most 38 digits, nine of them after the point"


@dataclass(frozen=True, slots=True)
class Symbols:
    """One of these texts. No other type of the message has the same name."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Items:
    """Values of one type, in order; of a set, in the order that all machines agree on."""

    of: WireType
    is_set: bool = False


@dataclass(frozen=True, slots=True)
class Entries:
    """Values of one type, each under a text."""

    of: WireType


@dataclass(frozen=True, slots=True)
class OneOf:
    """A value of one of these types, which the value alone shows; or none. The more specific type comes first: a writer
    that takes the first one that holds the value takes the right one.
    """

    members: tuple[WireType, ...]
    or_none: bool


@dataclass(frozen=True, slots=True)
class Nested:
    """A record of the message, by its name."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The bounds of a value: of a number, of the length of a text, a list or a dict, the pattern that is found in a text, and the
    only numbers that may be. `None` and empty = no bound."""

    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    multiple_of: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    values: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Bounded:
    """A value of a type within bounds. A language that has no words for bounds takes the type: the codec checks them."""

    of: WireType
    bounds: Bounds


WireType: TypeAlias = Union[Scalar, Symbols, Items, Entries, OneOf, Nested, "Bounded"]
