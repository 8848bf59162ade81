"""What a dialect must say so that messages can leave with a transaction that is not ours: statements, and nobody to run them.

A script yields statements and is sent their answers. So the SQL of a dialect is written once, and a driver, whether it
blocks or is awaited, is a few lines that run one statement.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from partita.store.outbox import OutboxRow

T = TypeVar("T")


class Statement(NamedTuple):
    """One statement with `$1` (PostgreSQL) or `?` (SQLite). Its answer is its rows, or with `asks=False` how many it wrote."""

    sql: str
    given: tuple[Any, ...] = ()
    asks: bool = False


Script = Generator[Statement, Any, T]


class UnnumberedRow(NamedTuple):
    """A row whose place in its key's sequence the database gives it: eight bytes of its headers, from `hole` on (counted
    from 0), are the number. Without a key there is no hole (-1)."""

    row: OutboxRow
    hole: int


class ForeignTables(Protocol):
    """A service's outbox inside somebody else's transaction. Nothing in it begins, commits or rolls back."""

    def source(self) -> Script[str]:
        """Who the database is: the source of the messages that leave from it.

        Raises:
            NotFound: it has no tables of this service. StoreMismatch: they are another's, or of another Partita.
        """
        ...

    def write(self, source: str, rows: Sequence[UnnumberedRow]) -> Script[bool]:
        """Number the rows, write and queue them, wake the relays with the commit where the database can.

        Returns False, with nothing written, where the database is not `source`.
        """
        ...

    def wake(self) -> Callable[[], None] | None:
        """What to call after the commit so that the relays look at once; None where the database does that itself."""
        ...


def advance(script: Script[Any], answer: Any) -> Statement | None:
    """The next statement of a script; None = it is done."""
    try:
        return script.send(answer)
    except StopIteration:
        return None
