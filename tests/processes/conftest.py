"""The place of the databases and of the log, for processes that are killed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from tests.servers import emptied, postgres_server


@pytest.fixture(params=["embedded", pytest.param("postgresql", marks=pytest.mark.slow)])
def tier(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """SQLite, or PostgreSQL for both, in the environment of the processes."""
    with contextlib.ExitStack() as held:
        if request.param == "postgresql":
            server, url = held.enter_context(postgres_server())
            emptied(server, url)
            monkeypatch.setenv("PARTITA_STORE", url)
            monkeypatch.setenv("PARTITA_BUS", url)
        yield
