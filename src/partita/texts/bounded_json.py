"""JSON from elsewhere, read within limits: size and depth are checked before a parser sees the text."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

DEPTH_MAX = 100
SCHEMA_CHARS_MAX = 200_000
"""The most characters of a schema, for whatever reads one."""
# A text in quotes, or one bracket. An unfinished text matches as well, so that no bracket within it counts.
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[{]|[\]}]', re.DOTALL)


def bounded_json(text: str, *, depth_max: int = DEPTH_MAX) -> Any:
    """The value of a JSON text. Any: JSON has all kinds of values.

    Raises:
        ValueError: it is no JSON, is nested deeper than `depth_max`, or has a number or a character that JSON does not have.
    """
    if _is_deeper(text, depth_max):
        raise ValueError(f"it is nested deeper than {depth_max} levels")
    value = json.loads(text, parse_constant=_no_number)
    if "\\u" in text:
        _check_characters(value)
    return value


def oversize(text: str, depth_max: int, chars_max: int = SCHEMA_CHARS_MAX) -> str:
    """The reason why a text is too large, or its brackets are nested too deep; empty = it is not."""
    if len(text) > chars_max:
        return f"it has {len(text):,} characters, the limit is {chars_max:,}"
    return f"it is nested more than {depth_max} levels deep" if _is_deeper(text, depth_max) else ""


def _is_deeper(text: str, depth_max: int) -> bool:
    """Whether the brackets of a text are nested deeper than that: a level of them is a level of a parser's own stack."""
    depth = 0
    for found in _TOKEN.finditer(text):
        mark = found[0]
        if mark in "[{":
            depth += 1
            if depth > depth_max:
                return True
        elif mark in "]}":
            depth -= 1
    return False


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")


def _check_characters(value: Any) -> None:
    """Refuse half of a surrogate pair: no database and no other process could write it."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ValueError("it has half of a surrogate pair, which is no character") from error
