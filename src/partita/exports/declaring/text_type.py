"""The types of Python whose values are texts in JSON, each with the expression of a default."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from collections.abc import Callable
from typing import Any

from partita.exports.declaring.module import PyType
from partita.exports.declaring.python_text import literal


def text_of(value: Any) -> str:
    """A value that is a text.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _read_by(name: str, read: Callable[[str], object]) -> Callable[[Any], str]:
    """The expression of a text that the type reads."""

    def value(held: Any) -> str:
        read(text_of(held))
        return f"{name}({literal(held)})"

    return value


def _instant(held: Any) -> str:
    moment = dt.datetime.fromisoformat(text_of(held))
    if moment.tzinfo is None:
        raise ValueError("no time zone")
    return f"datetime.datetime.fromisoformat({literal(moment.isoformat())})"


INSTANT = PyType("datetime.datetime", "text", _instant)
INSTANT_MILLIS = PyType("datetime.datetime", "text", _instant, ("Millis",))
DAY = PyType("datetime.date", "text", _read_by("datetime.date.fromisoformat", dt.date.fromisoformat))
TIME = PyType("datetime.time", "text", _read_by("datetime.time.fromisoformat", dt.time.fromisoformat))
UUID = PyType("uuid.UUID", "text", _read_by("uuid.UUID", uuid.UUID))
DECIMAL = PyType("decimal.Decimal", "text", _read_by("decimal.Decimal", decimal.Decimal))
