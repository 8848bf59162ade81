"""A part of a brief as it was read: values by their keys, each with its line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Plain = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Value:
    """A value of the form with its line: plain, a tuple of values, or a part. A time without an end is infinite."""

    line: int
    of: Plain | tuple[Value, ...] | Part


@dataclass(frozen=True, slots=True)
class Part:
    """A mapping of the form. A getter gives its default where the key is absent: the reader has checked the shapes. `refused` are
    the keys whose values do not fit."""

    line: int
    entries: Mapping[str, Value] = field(default_factory=dict)
    refused: frozenset[str] = frozenset()

    def has(self, key: str) -> bool:
        """Whether the key is written."""
        return key in self.entries

    def line_of(self, key: str) -> int:
        """The line of the key, or of the part where it is absent."""
        return self.entries[key].line if key in self.entries else self.line

    def text(self, key: str, default: str = "") -> str:
        """A word or a text."""
        found = self.entries[key].of if key in self.entries else default
        assert isinstance(found, str)
        return found

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of words."""
        return tuple(str(each.of) for each in self.many(key))

    def flag(self, key: str) -> bool:
        """Yes or no."""
        return key in self.entries and self.entries[key].of is True

    def number(self, key: str, default: float = 0.0) -> float:
        """A number, or a time in seconds."""
        found = self.entries[key].of if key in self.entries else default
        assert isinstance(found, int | float)
        return found

    def whole(self, key: str, default: int) -> int:
        """A whole number."""
        return int(self.number(key, default))

    def numbers(self, key: str) -> tuple[float, ...]:
        """A list of times in seconds."""
        return tuple(each.of for each in self.many(key) if isinstance(each.of, int | float))

    def plain(self, key: str) -> Plain:
        """A value of any plain type."""
        found = self.entries[key].of if key in self.entries else None
        assert not isinstance(found, tuple | Part)
        return found

    def many(self, key: str) -> tuple[Value, ...]:
        """A list of values."""
        found = self.entries[key].of if key in self.entries else ()
        assert isinstance(found, tuple)
        return found

    def part(self, key: str) -> Part:
        """A part within this one; an empty one where it is absent."""
        found = self.entries[key].of if key in self.entries else Part(self.line)
        assert isinstance(found, Part)
        return found

    def parts(self, key: str) -> tuple[Part, ...]:
        """A list of parts."""
        return tuple(each.of for each in self.many(key) if isinstance(each.of, Part))

    def named(self, key: str) -> tuple[tuple[str, Part], ...]:
        """The parts of a mapping from names to parts."""
        return tuple((name, each.of) for name, each in self.part(key).entries.items() if isinstance(each.of, Part))
