"""One query for many texts."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

IN_LIST = "IN (SELECT value FROM json_each(?))"


def rows_of(db: sqlite3.Connection, sql: str, given: tuple[Any, ...], texts: Sequence[str]) -> list[Any]:
    """The rows of a statement that ends its parameters with `IN_LIST`, for all these texts at once.

    SQLite's JSON cuts a text at a NUL character: such a key would be taken for another or for a new one. Only such keys
    are asked for one by one.
    """
    listed = msgspec.json.encode(texts).decode()
    if "\\u0000" not in listed:
        return db.execute(sql, (*given, listed)).fetchall()
    rows = db.execute(
        sql, (*given, msgspec.json.encode([text for text in texts if "\0" not in text]).decode())
    ).fetchall()
    for text in dict.fromkeys(texts):
        if "\0" in text:
            rows += db.execute(sql.replace(IN_LIST, "= ?"), (*given, text)).fetchall()
    return rows
