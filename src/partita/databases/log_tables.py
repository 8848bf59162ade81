"""The tables of a log inside a database, as a bus shows them to stores that may be in the same database."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol


class LogTables(Protocol):
    """The tables of one log."""

    def shown(self, number: int) -> AbstractAsyncContextManager[None]:
        """Show this number inside the block to sessions of the very same database, and to no others.

        The URL of a database is no proof: two can lead to one database, and a copy has the same ids within.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        ...
