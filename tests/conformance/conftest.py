"""One PostgreSQL for the tests of stores and buses: each test has a schema of its own in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.servers import postgres_url


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    with postgres_url() as url:
        yield url
