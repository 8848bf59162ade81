"""The shapes of values in a brief: the reader, the published JSON Schema and the help texts are made of the same ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Word:
    """A name. `pattern` matches all of it; `noun` says in a finding what it is; `taken` are words that it cannot be."""

    pattern: str
    noun: str
    example: str
    taken: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some words."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """A text for people: data, never code. It has no control characters."""

    length_max: int = 500


@dataclass(frozen=True, slots=True)
class Span:
    """A time such as `30s`, `15m`, `24h`, `90d`, `10y`; `forever` where it may be without an end."""

    forever: bool = False


@dataclass(frozen=True, slots=True)
class Number:
    """A number from `least` to `most`."""

    least: float = 0.0
    most: float = 1e9
    whole: bool = False


@dataclass(frozen=True, slots=True)
class YesNo:
    """`yes`, `no`, `true` or `false`."""


@dataclass(frozen=True, slots=True)
class Literal:
    """Any plain value: the default of a field."""


@dataclass(frozen=True, slots=True)
class Many:
    """A list of at least one; one value may be written without brackets. The word `none` stands for an empty list."""

    of: Shape
    none: str = ""


@dataclass(frozen=True, slots=True)
class Named:
    """A mapping from names to values of one shape."""

    key: Word
    of: Shape


@dataclass(frozen=True, slots=True)
class Entry:
    """A key of a record: its shape, its meaning, and whether it must be there."""

    of: Shape
    doc: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """A mapping with known keys. `others` is the shape of further keys; `short` that of one value in place of the record, which
    then is the entry `short_key`."""

    noun: str
    entries: Mapping[str, Entry] = field(default_factory=dict)
    others: Named | None = None
    short: Shape | None = None
    short_key: str = ""


@dataclass(frozen=True, slots=True)
class Again:
    """The record `name`, which may hold itself: a field with fields."""

    name: str


Shape = Word | Choice | Text | Span | Number | YesNo | Literal | Many | Named | Record | Again
