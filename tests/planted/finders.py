"""The tests that find planted bugs, by their short names."""

from __future__ import annotations

RUNS = "tests/integration/"
ENGINE = "tests/unit/sagas/test_engine.py::"
UNSENT = "tests/unit/sagas/test_unsent.py::"
RANDOM_SAGAS = ENGINE + "test_whatever_is_late_lost_doubled_or_refused_money_and_stock_are_right"


def store(case: str) -> str:
    """A case of the suite for stores, on SQLite."""
    return f"tests/conformance/test_adapters.py::test_the_sqlite_store[{case}]"


def postgres(case: str) -> str:
    """The same on a server."""
    return f"tests/conformance/test_postgres.py::test_the_postgres_store[{case}]"


def log(case: str) -> str:
    """A case of the suite for buses, on the embedded log."""
    return f"tests/conformance/test_adapters.py::test_the_embedded_log[{case}]"
