"""Arrays as literals of SQL, for a statement that goes together with others in one message: such a message has no arguments."""

from __future__ import annotations

import re
from collections.abc import Sequence

from partita.databases.postgres.arrays import kept

_SPECIAL = re.compile("[\0\1'\"\\\\]")


def text_literal(value: str) -> str:
    """A text as a literal that means the same under every setting of the server."""
    return "E'" + kept(value).replace("\\", "\\\\").replace("'", "''") + "'"


def texts_literal(values: Sequence[str | None]) -> str:
    """An array of texts."""
    given = [value for value in values if value is not None]
    if len(given) == len(values) and _SPECIAL.search("".join(given)) is None:  # nearly always: a fifth of the time
        return "'{\"" + '","'.join(given) + "\"}'::text[]"
    return text_literal("{" + ",".join(["NULL" if v is None else _element(v) for v in values]) + "}") + "::text[]"


def bytes_literal(values: Sequence[bytes]) -> str:
    """An array of bytes. Hexadecimal digits need no escape, so only the mark before them has some."""
    return "E'{\"\\\\\\\\x" + '","\\\\\\\\x'.join([value.hex() for value in values]) + "\"}'::bytea[]"


def numbers_literal(values: Sequence[int]) -> str:
    """An array of numbers."""
    return "'{" + ",".join(map(str, values)) + "}'::bigint[]"


def _element(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
