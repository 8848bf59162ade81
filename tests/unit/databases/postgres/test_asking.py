"""Errors of PostgreSQL and its driver: those of the world, which are retried, and those of the statement."""

from __future__ import annotations

from typing import Any

import pytest

asyncpg = pytest.importorskip("asyncpg", reason="no asyncpg here; to run these tests: pip install 'partita[postgres]'")

from partita.databases.postgres.asking import meaning  # noqa: E402
from partita.errors import StoreContended, StoreCorrupt, StoreUnavailable  # noqa: E402


def told(kind: Any, where: str = "") -> Exception:
    error: Exception = kind("said the server")
    error.server_source_function = where  # type: ignore[attr-defined]  # as the driver does
    return error


OTHERS = [
    (asyncpg.ConnectionDoesNotExistError("gone"), StoreUnavailable),
    (asyncpg.AdminShutdownError("stopping"), StoreUnavailable),
    (asyncpg.DeadlockDetectedError("a ring"), StoreContended),
    (told(asyncpg.LockNotAvailableError, "ProcessInterrupts"), StoreContended),
    (asyncpg.DataCorruptedError("damaged"), StoreCorrupt),
    (asyncpg.InternalClientError("what?"), StoreUnavailable),
    (TimeoutError(), StoreUnavailable),
    (ConnectionResetError("reset"), StoreUnavailable),
]
OWN = [
    asyncpg.InterfaceError("another operation is in progress"),
    asyncpg.InterfaceError("the server expects 1 argument for this query, 0 were passed"),
    told(asyncpg.QueryCanceledError, "ProcessInterrupts"),
    told(asyncpg.LockNotAvailableError, "heapam_tuple_lock"),
    asyncpg.UniqueViolationError("twice"),
    asyncpg.UndefinedTableError("none"),
    asyncpg.DataError("not a number"),
]


@pytest.mark.parametrize(("error", "kind"), OTHERS, ids=lambda each: getattr(each, "__name__", repr(each)))
def test_nobody_is_blamed_for_the_world(error: Exception, kind: type[Exception]) -> None:
    """The statement is retried as often as necessary."""
    assert type(meaning(error, "here", connected=True, of_a_user=True)) is kind


@pytest.mark.parametrize("error", OWN, ids=repr)
def test_a_statement_is_blamed_for_what_it_does(error: Exception) -> None:
    """Its handler has its tries and then makes a dead letter; if it ran again for ever, it would hold up its key."""
    assert meaning(error, "here", connected=True, of_a_user=True) is None


def test_what_the_driver_refuses_on_a_lost_connection_is_the_world_s() -> None:
    """The driver uses the same class for both."""
    assert isinstance(meaning(asyncpg.InterfaceError("connection is closed"), "here"), StoreUnavailable)


@pytest.mark.parametrize("kind", [asyncpg.QueryCanceledError, asyncpg.LockNotAvailableError])
def test_statements_of_ours_that_are_stopped_are_run_again(kind: Any) -> None:
    """They count against no message."""
    assert isinstance(meaning(told(kind), "here", connected=True), StoreUnavailable)
