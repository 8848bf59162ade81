"""The JSON text of a schema, parsed within limits: it may come from anywhere."""

from __future__ import annotations

import json
import re
from typing import NoReturn

from partita.errors import UnknownSchema

CHARS_MAX = 200_000
DEPTH_MAX = 100

_TEXT_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


def parse(text: str) -> object:
    """The value of a schema's JSON text.

    Raises:
        UnknownSchema: it is no JSON, or larger or deeper than the limits.
    """
    if len(text) > CHARS_MAX:
        raise refused(f"The schema has {len(text):,} characters; the limit is {CHARS_MAX:,}.")
    depth = 0
    # Counted before it is parsed: each level of brackets is a level of the parser's own stack.
    for found in _TEXT_OR_BRACKET.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(found[0], 0)
        if depth > DEPTH_MAX:
            raise refused(f"The schema is nested more than {DEPTH_MAX} levels deep.")
    try:
        return json.loads(text, parse_constant=_no_number)
    except ValueError as error:
        raise refused(f"The schema is no JSON: {error!s:.200}.") from error


def refused(why: str, hint: str = "") -> UnknownSchema:
    """The error of a text that is no schema, or of one that is refused."""
    return UnknownSchema(why, schema="", hint=hint)


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number in JSON")
