"""The port of a driver: it checks that a connection is in an open transaction, and runs a script's statements on it."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from itertools import count
from typing import Any, NoReturn

from partita.errors import NoTransaction
from partita.store.users_transaction import Script

MARK = re.compile(r"\$(\d+)|\?")
IN_FAILED_TRANSACTION = "25P02"
FAILED = "The transaction has failed already: the database will keep nothing of it."
FAILED_HINT = "Roll it back, or back to a savepoint, and begin again."


class Blocking(ABC):
    """A connection whose calls block."""

    dialect: str

    @abstractmethod
    def run(self, script: Script[None]) -> None:
        """Run the statements of a script in the open transaction."""

    def after_commit(self, call: Callable[[], None]) -> None:
        """Call this after the commit; a library without such an event leaves it to `Outbox.wake`."""
        return


class Awaited(ABC):
    """A connection whose calls are awaited."""

    dialect: str

    @abstractmethod
    async def run(self, script: Script[None]) -> None:
        """Run the statements of a script in the open transaction."""

    def after_commit(self, call: Callable[[], None]) -> None:
        """Call this after the commit; a library without such an event leaves it to `Outbox.wake`."""
        return


def refuse(what: str, hint: str) -> NoReturn:
    """Raise NoTransaction before anything is written: no message can leave with this connection."""
    raise NoTransaction(what, hint=hint)


def marked(sql: str, mark: Callable[[int], str]) -> str:
    """A statement with a driver's own placeholders in place of `$1` and `?`."""
    position = count(1)
    return MARK.sub(lambda found: mark(int(found[1]) if found[1] else next(position)), sql)


def by_name(given: tuple[Any, ...]) -> dict[str, Any]:
    """Arguments under the names p1, p2, ..."""
    return {f"p{number}": value for number, value in enumerate(given, start=1)}
