"""Real servers for the tests, each a child of the test process, on a free port, in a folder of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from servers.debezium import debezium
from servers.kafka import KafkaCluster, KafkaOptions, kafka
from servers.pgbouncer import pgbouncer
from servers.postgres import postgres, url
from servers.process import ServerFailed, ServerProcess, free_port


@contextlib.contextmanager
def _folder(name: str) -> Iterator[Path]:
    """Where pytest has its folders, or below /tmp, which a server that runs as another user can read."""
    where = os.environ.get("PYTEST_DEBUG_TEMPROOT") or ("/tmp" if os.geteuid() == 0 else None)
    folder = Path(tempfile.mkdtemp(prefix=f"partita-{name}-", dir=where))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _cannot(error: ServerFailed) -> None:
    """A missing program skips its tests with the command that installs it; in CI no test is skipped."""
    if os.environ.get("CI") or "to have it" not in str(error):
        pytest.fail(str(error))
    pytest.skip(str(error))


@contextlib.contextmanager
def postgres_server() -> Iterator[tuple[ServerProcess, str]]:
    """A PostgreSQL of its own with its URL, ready for statements; a test may kill and start it."""
    with _folder("postgres") as folder:
        port = free_port()
        try:
            server = postgres(folder, port)
            server.start()
        except ServerFailed as error:
            _cannot(error)
            raise
        try:
            yield server, url(port)
        finally:
            server.stop()


@contextlib.contextmanager
def postgres_url() -> Iterator[str]:
    """A PostgreSQL of its own, ready for statements, as `postgresql://postgres@127.0.0.1:port/postgres`."""
    with postgres_server() as (_, where):
        yield where


EMPTY = """
DO $$ DECLARE one record; BEGIN
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid();
    FOR one IN SELECT slot_name FROM pg_replication_slots LOOP
        PERFORM pg_drop_replication_slot(one.slot_name);
    END LOOP;
    FOR one IN SELECT nspname FROM pg_namespace WHERE nspname <> 'information_schema' AND nspname !~ '^pg_|^public$' LOOP
        EXECUTE format('DROP SCHEMA %I CASCADE', one.nspname);
    END LOOP;
END $$
"""


def emptied(server: ServerProcess, url: str) -> None:
    """A PostgreSQL that several tests use in turn, as if it were new: whatever the last one left, also a killed one."""
    import asyncpg

    async def empty() -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(EMPTY)
        finally:
            await connection.close()

    if server.child is None or server.child.poll() is not None:
        server.start()
    asyncio.run(empty())


@contextlib.contextmanager
def pooler_url(server: str, *, mode: str = "transaction", size: int = 10) -> Iterator[str]:
    """A PgBouncer before the PostgreSQL at that URL."""
    with _folder("pgbouncer") as folder:
        port = free_port()
        try:
            pooler = pgbouncer(folder, port, urlsplit(server).port or 0, mode=mode, size=size)
            pooler.start()
        except ServerFailed as error:
            _cannot(error)
            raise
        try:
            yield url(port)
        finally:
            pooler.stop()


@contextlib.contextmanager
def kafka_cluster(nodes: int = 1, options: KafkaOptions | None = None) -> Iterator[KafkaCluster]:
    """A Kafka of its own, one broker or three; a test may kill and start its nodes."""
    with _folder("kafka") as folder:
        try:
            # A longer session where brokers share two cores: a slow one must not be thrown out.
            session_ms = 1_000 if nodes == 1 else 2_000
            cluster = kafka(folder, [free_port() for _ in range(nodes)], session_ms=session_ms, options=options)
            cluster.start()
        except ServerFailed as error:
            _cannot(error)
            raise
        try:
            yield cluster
        finally:
            cluster.stop()


@contextlib.contextmanager
def connect_worker(brokers: str, connector: str, environment: Mapping[str, str]) -> Iterator[ServerProcess]:
    """A Kafka Connect that runs this connector of Debezium's; a test may kill and start it."""
    with _folder("debezium") as folder:
        try:
            worker = debezium(folder, free_port(), brokers, connector, environment)
            worker.start()
        except ServerFailed as error:
            _cannot(error)
            raise
        try:
            yield worker
        finally:
            worker.stop()
