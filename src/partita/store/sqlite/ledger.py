"""A ledger of a transaction on SQLite: it runs its statements on the connection of its session."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

IN_LIST = "IN (SELECT value FROM json_each(?))"


class SqliteLedger:
    """One table, or some that belong together, with their rules; made with each session."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def _rows_of(self, sql: str, given: tuple[Any, ...], texts: Sequence[str]) -> list[Any]:
        """The rows of a statement that ends its parameters with `IN_LIST`, for all these texts at once.

        SQLite's JSON cuts a text at a NUL character: such a key would be taken for another or for a new one. Only such keys
        are asked for one by one.
        """
        db = self._db
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
