"""Queries about groups end, also where the client library never answers."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest

from partita.bus.kafka.groups import Groups
from partita.clock import SystemClock
from partita.errors import BusUnavailable


class Silent:
    """A client whose requests stay open, as those of a client that was dropped beside them."""

    def list_consumer_groups(self, request_timeout: float) -> Future[Any]:
        return Future()


def test_a_query_without_an_answer_is_given_up_and_the_next_one_has_a_new_client() -> None:
    """A process that stops waits for its threads: one that waits for ever keeps it."""
    made: list[Any] = []

    def connect() -> Any:
        made.append(Silent())
        return made[-1]

    groups = Groups(connect, "kafka", SystemClock(), ask_s=0.05)
    for _ in range(2):
        with pytest.raises(BusUnavailable, match="is not answered"):
            groups.lag(None, {})
    assert len(made) == 2
