"""The port of the registry's storage: transactions over its tables. Each adapter passes the same cases."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

Row = tuple[Any, ...]
"""A row: its columns are texts, numbers and nothing."""


class Rows(Protocol):
    """An open transaction. Parameters are written `$1`, `$2`, ..."""

    async def rows(self, sql: str, *given: Any) -> Sequence[Row]:
        """The rows of a statement."""
        ...

    async def row(self, sql: str, *given: Any) -> Row | None:
        """The first row, if there is one."""
        ...

    async def run(self, sql: str, *given: Any) -> int:
        """Run a statement; returns how many rows it changed."""
        ...


class Storage(Protocol):
    """A database of the registry. One transaction writes at a time, among all processes: the next id is the last one plus one,
    and the check of a schema and its registration see the same versions."""

    where: str
    """Its place, for people, without secrets."""

    async def open(self) -> None:
        """Connect, and make or migrate the tables.

        Raises:
            StoreUnavailable, StoreMismatch, SettingsError: with what to do.
        """
        ...

    async def close(self) -> None:
        """Disconnect; committed work stays."""
        ...

    def reading(self) -> AbstractAsyncContextManager[Rows]:
        """A transaction that sees one state and writes nothing."""
        ...

    def writing(self) -> AbstractAsyncContextManager[Rows]:
        """The only writing transaction. It is committed durably at the end of the block, and rolled back when the block raises.

        Raises:
            StoreUnavailable: it could not begin or commit.
        """
        ...
