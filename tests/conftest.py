"""Fixtures for tests of all folders: one PostgreSQL per process that needs one, and settings that no test leaves behind."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Iterator

import pytest
from tests.servers import postgres_url


@pytest.fixture(autouse=True)
def _settings_stay_behind() -> Iterator[None]:
    """A command that runs in the test's own process hands settings on by its environment: not to the next test."""
    before = {name: value for name, value in os.environ.items() if name.startswith("PARTITA_")}
    yield
    for name in [name for name in os.environ if name.startswith("PARTITA_")]:
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """A PostgreSQL for all tests of this process that need one."""
    pytest.importorskip("asyncpg")
    with postgres_url() as found:
        yield found


@pytest.fixture
def database(postgresql: str) -> Iterator[str]:
    """A fresh database on that server, which goes with its test: what is in memory is none the more for hundreds of them."""
    name = f"test_{uuid.uuid4().hex}"
    asyncio.run(_run(postgresql, f"CREATE DATABASE {name} STRATEGY FILE_COPY"))
    yield f"{postgresql.rpartition('/')[0]}/{name}"
    asyncio.run(_run(postgresql, f"DROP DATABASE {name} WITH (FORCE)"))


async def _run(server: str, sql: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(server)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a name of a test with an address in it: each worker would have another one, and the run would end there."""
    named = [item.nodeid for item in items if " at 0x" in item.nodeid]
    if named:
        raise pytest.UsageError(f"give these ids of their own: {', '.join(named)}")
