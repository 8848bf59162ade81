"""The JSON text of a schema, parsed within limits: it may come from anywhere."""

from __future__ import annotations

import json
from typing import NoReturn

from partita.errors import UnknownSchema
from partita.texts.bounded_json import oversize

DEPTH_MAX = 100


def parse(text: str) -> object:
    """The value of a schema's JSON text.

    Raises:
        UnknownSchema: it is no JSON, or larger or deeper than the limits.
    """
    why = oversize(text, DEPTH_MAX)
    if why:
        raise refused(f"The schema is refused: {why}.")
    try:
        return json.loads(text, parse_constant=_no_number)
    except ValueError as error:
        raise refused(f"The schema is no JSON: {error!s:.200}.") from error


def refused(why: str, hint: str = "") -> UnknownSchema:
    """The error of a text that is no schema, or of one that is refused."""
    return UnknownSchema(why, schema="", hint=hint)


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number in JSON")
