"""Consecutive inserts, sent together: each alone would cost a round trip to the server."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from partita.databases.postgres.arrays import columns, unnest

FEW = 20
"""Up to this many rows, arrays in one statement cost less than a COPY (two round trips); beyond, twice as much (measured)."""


class Table:
    """The target of inserts: the table's name, its columns with their types in the order of the given rows, and a
    statement for the written rows (`then`, which reads them from `{rows}`)."""

    def __init__(self, name: str, kinds: Mapping[str, str], *, returning: str = "", then: str = "") -> None:
        self.name = name
        self.columns = tuple(kinds)
        self._kinds = dict(kinds)
        self._returning = f" RETURNING {returning}" if returning else ""
        self._then = then

    def parts(self, number: int, first: int) -> tuple[str, ...]:
        """The parts of a WITH that insert rows given as arrays, from parameter `first` on."""
        names = ", ".join(f'"{name}"' for name in self.columns)
        rows = unnest(first, **self._kinds)
        name = f"written_{number}"
        insert = (
            f"{name} AS (INSERT INTO {self.name} ({names}) SELECT {names} FROM {rows} ORDER BY ord{self._returning})"
        )
        return (insert, f"then_{number} AS ({self._then.format(rows=name)})") if self._then else (insert,)


def together(rows: Mapping[Table, Sequence[Sequence[Any]]]) -> tuple[str, list[Any]]:
    """One statement that inserts rows in several tables, in no order among these, and its arguments."""
    return _text(tuple(rows)), [column for of_table in rows.values() for column in columns(of_table)]


@functools.lru_cache(maxsize=256)
def _text(tables: tuple[Table, ...]) -> str:
    parts: list[str] = []
    first = 1
    for number, table in enumerate(tables):
        parts += table.parts(number, first)
        first += len(table.columns)
    return f"WITH {', '.join(parts)} SELECT"
