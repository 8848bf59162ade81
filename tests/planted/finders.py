"""The tests that find planted bugs, by their short names."""

from __future__ import annotations

RUNS = "tests/integration/"
COME_BACK = "tests/unit/codec/test_values_come_back.py::"
BINARY = "tests/unit/cloudevents/test_binary_mode.py::"
BOMBS = "tests/unit/codec/test_bombs.py::"
CAUSE = "tests/unit/texts/test_cause.py::"
USERS_CODE = RUNS + "runtime/failing/test_users_code.py::"
TIME = RUNS + "runtime/failing/test_time_of_handlers.py::"
WORKERS = RUNS + "observability/test_state_of_workers.py::"
CHANNELS = RUNS + "alerts/test_alert_channels.py::"
WITHIN = "tests/conformance/test_postgres_within.py::"
LEASED = "tests/conformance/test_leased_groups.py::"
ENVELOPE = "tests/unit/test_message.py::"
ENGINE = "tests/unit/sagas/test_engine.py::"
UNSENT = "tests/unit/sagas/test_unsent.py::"
TOGETHER = "tests/unit/sagas/test_parallel.py::"
ITEMS = "tests/unit/sagas/test_each.py::"
ITEMS_REFUSED = "tests/unit/sagas/test_each_refused.py::"
ITEMS_UPGRADED = "tests/unit/sagas/test_each_upgraded.py::"
TIMERS = "tests/unit/sagas/test_timers.py::"


def store(case: str) -> str:
    """A case of the suite for stores, on SQLite."""
    return f"tests/conformance/test_adapters.py::test_the_sqlite_store[{case}]"


def postgres(case: str) -> str:
    """The same on a server."""
    return f"tests/conformance/test_postgres.py::test_the_postgres_store[{case}]"


def log(case: str) -> str:
    """A case of the suite for buses, on the embedded log."""
    return f"tests/conformance/test_adapters.py::test_the_embedded_log[{case}]"


FATAL = "tests/unit/idempotency/test_inbox.py::test_a_message_that_ended_its_process_is_not_tried_again_for_its_saga"
