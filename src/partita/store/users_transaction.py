"""The port of a dialect for messages in a user's transaction: SQL scripts that a driver runs there.

A script yields statements and receives their answers. So the SQL of a dialect is written once, and a driver, blocking
or async, is a few lines that run one statement.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from partita.store.outbox import OutboxRow

T = TypeVar("T")


class Statement(NamedTuple):
    """One statement with `$1` (PostgreSQL) or `?` (SQLite). Its answer is its rows, or with `asks=False` how many it
    wrote."""

    sql: str
    given: tuple[Any, ...] = ()
    asks: bool = False


Script = Generator[Statement, Any, T]


class UnnumberedRow(NamedTuple):
    """A row that the database numbers in its key's sequence: it writes the number to eight bytes of the row's headers,
    from `hole` on (counted from 0). Without a key there is no hole (-1)."""

    row: OutboxRow
    hole: int


class ForeignTables(Protocol):
    """A service's outbox inside a user's transaction. No script begins, commits or rolls back."""

    def source(self) -> Script[str]:
        """The identity of the database: the source of the messages that leave from it.

        Raises:
            NotFound: it has no tables of this service. StoreMismatch: its tables are another service's, or of another
                Partita.
        """
        ...

    def write(self, source: str, rows: Sequence[UnnumberedRow]) -> Script[bool]:
        """Number the rows, write and queue them; wake the relays at the commit where the database can.

        Returns False, with nothing written, if the database is not `source`.
        """
        ...

    def wake(self) -> Callable[[], None] | None:
        """The call after the commit that wakes the relays; None where the database wakes them itself."""
        ...


def advance(script: Script[Any], answer: Any) -> Statement | None:
    """The next statement of a script; None = it is done."""
    try:
        return script.send(answer)
    except StopIteration:
        return None
