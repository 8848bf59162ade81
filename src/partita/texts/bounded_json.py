"""JSON from elsewhere, read within limits: size and depth are checked before a parser sees the text."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

DEPTH_MAX = 100
# A text in quotes, or one bracket. An unfinished text matches as well, so that no bracket within it counts.
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[{]|[\]}]', re.DOTALL)


def bounded_json(text: str, *, depth_max: int = DEPTH_MAX) -> Any:
    """The value of a JSON text. Any: JSON has all kinds of values.

    Raises:
        ValueError: it is no JSON, is nested deeper than `depth_max`, or has a number or a character that JSON does not have.
    """
    depth = 0
    for found in _TOKEN.finditer(text):
        mark = found[0]
        if mark in "[{":
            depth += 1
            if depth > depth_max:
                raise ValueError(f"it is nested deeper than {depth_max} levels")
        elif mark in "]}":
            depth -= 1
    value = json.loads(text, parse_constant=_no_number)
    if "\\u" in text:
        _check_characters(value)
    return value


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")


def _check_characters(value: Any) -> None:
    """Refuse half of a surrogate pair: no database and no other process could write it."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ValueError("it has half of a surrogate pair, which is no character") from error
