"""Values that have one form in each language, or none: a decimal, an instant, a time of day."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Callable
from typing import Any

from partita.schemas.avro_default import decimal_bytes

SCALE = 9
Write = Callable[[Any], Any]
"""The function that gives plain values of a type their form."""


class Unsayable(ValueError):
    """A value that a language cannot say so that each reader reads the same. `where` is its place, as `.lines[3].price`."""

    def __init__(self, why: str, where: str = "") -> None:
        super().__init__(why)
        self.why, self.where = why, where

    def __str__(self) -> str:
        return f"{self.where} {self.why}".strip()

    def within(self, place: str) -> Unsayable:
        """The same, seen from the value around it."""
        return Unsayable(self.why, place + self.where)


def decimal_text(value: object) -> str:
    """A decimal in plain notation: no reader needs to know an exponent.

    Raises:
        ValueError: it is none, or has more digits than a reader keeps.
    """
    if not isinstance(value, decimal.Decimal):
        raise Unsayable("is no Decimal")
    decimal_bytes(value, SCALE)  # refused with more digits; its text could have a billion
    exponent = value.as_tuple().exponent
    return f"{value:.{SCALE}f}" if isinstance(exponent, int) and exponent < -SCALE else f"{value:f}"


def instant(value: dt.datetime) -> dt.datetime:
    """An instant in UTC.

    Raises:
        Unsayable: it has no time zone, or is none of the years that each reader knows.
    """
    if value.utcoffset() is None:
        raise Unsayable("is a time without a time zone: each machine would read another instant")
    try:
        return value.astimezone(dt.UTC)
    except OverflowError:
        raise Unsayable("is an instant before year 1 or after 9999, which no reader can take") from None


def instant_millis(value: dt.datetime) -> dt.datetime:
    """An instant to the millisecond, in UTC.

    Raises:
        Unsayable: it has a part of a millisecond; or as `instant`.
    """
    if value.microsecond % 1_000:
        raise Unsayable("is an instant in milliseconds, and has a part of one")
    return instant(value)


def time_of_day(value: dt.time) -> dt.time:
    """A time of day.

    Raises:
        Unsayable: it has a time zone.
    """
    if value.tzinfo is not None:
        raise Unsayable("is a time of day with a time zone, which would be lost")
    return value


def each(inner: Write | None) -> Write | None:
    """The form of a list, by that of its items; None where each item is its own form."""
    if inner is None:
        return None

    def write(value: Any) -> Any:
        found: list[Any] = []
        try:
            for item in value:
                found.append(inner(item))
        except Unsayable as error:
            raise error.within(f"[{len(found)}]") from None
        return found

    return write


def each_value(inner: Write | None) -> Write | None:
    """The form of a dict, by that of its values; None where each value is its own form."""
    if inner is None:
        return None

    def write(value: Any) -> Any:
        found: dict[str, Any] = {}
        for key, held in value.items():
            try:
                found[key] = inner(held)
            except Unsayable as error:
                raise error.within(f"[{key!r:.40}]") from None
        return found

    return write
