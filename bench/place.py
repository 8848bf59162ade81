"""Where one run happens: a folder, or a fresh database (and a broker without topics) of servers started for the benchmark."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import psycopg
from confluent_kafka.admin import AdminClient
from servers.kafka import VERSION, kafka
from servers.postgres import postgres, url
from servers.process import ServerProcess, free_port

from partita import Settings

TIERS = ("embedded", "postgres", "kafka")
SERVER = {
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "max_connections": "200",
    # Every commit says when it was: so one service's commit and another's are compared by one clock.
    "track_commit_timestamp": "on",
}
"""What a server of this size would be given; fsync and synchronous_commit stay on."""


@dataclass(frozen=True, slots=True)
class Place:
    """A folder that is empty, and where there are servers a database that is empty and a bus without topics."""

    data: Path
    store: str = ""
    bus: str = ""
    servers: Mapping[str, int] = field(default_factory=dict)  # by name: the pid of the first process

    @property
    def settings(self) -> Settings:
        """For an app that runs here."""
        return Settings(data=self.data, store=self.store, bus=self.bus)

    @property
    def environment(self) -> dict[str, str]:
        """For processes that run here."""
        return {**os.environ, "PARTITA_STORE": self.store, "PARTITA_BUS": self.bus}

    @contextmanager
    def database(self, service: str) -> Iterator[Any]:
        """A connection that sees a service's tables, and commits at the end."""
        if self.store:
            with psycopg.connect(self.store, options=f"-c search_path={service}") as server:
                yield server
        else:
            with contextlib.closing(sqlite3.connect(self.data / f"{service}.db")) as file, file:
                yield file

    def rows(self, service: str, sql: str) -> Sequence[Any]:
        """The rows of a question to a service's tables."""
        with self.database(service) as database:
            return list(database.execute(sql).fetchall())

    def number(self, service: str, sql: str) -> int:
        """The one number that a question is answered with."""
        return int(self.rows(service, sql)[0][0])


class Stage:
    """A tier with its servers; each `place` of it is as new, and gone afterwards."""

    def __init__(self, tier: str, postgres: str = "", kafka: str = "", pids: Mapping[str, int] | None = None) -> None:
        self.tier = tier
        self.pids = pids or {}
        self.postgres = postgres
        self.kafka = kafka
        self._number = 0

    @property
    def shown(self) -> str:
        """The servers, for people."""
        if not self.postgres:
            return f"SQLite {sqlite3.sqlite_version}"
        with psycopg.connect(self.postgres) as server:
            version = server.execute("SHOW server_version").fetchone()
        assert version is not None
        kafka = _kafka_version() if self.kafka else ""
        return f"PostgreSQL {str(version[0]).split()[0]}{kafka}"

    @contextmanager
    def place(self) -> Iterator[Place]:
        """A place for one run."""
        data = Path(tempfile.mkdtemp(prefix="partita-bench-"))
        try:
            if not self.postgres:
                yield Place(data)
                return
            with self.database() as url:
                if self.kafka:
                    empty(self.kafka)
                yield Place(data, url, f"kafka://{self.kafka}" if self.kafka else url, self.pids)
        finally:
            shutil.rmtree(data, ignore_errors=True)

    @contextmanager
    def database(self) -> Iterator[str]:
        """An empty database; what was written before is on disk by then, so that no run pays for another's."""
        self._number += 1
        name = f"bench_{os.getpid()}_{self._number}"
        with psycopg.connect(self.postgres, autocommit=True) as server:
            server.execute(f"CREATE DATABASE {name}")
            server.execute("CHECKPOINT")
        try:
            yield self.postgres.rpartition("/")[0] + f"/{name}"
        finally:
            with psycopg.connect(self.postgres, autocommit=True) as server:
                server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def stage(tier: str, **options: str) -> Iterator[Stage]:
    """A tier with its servers running, on loopback, in a folder of their own; they are stopped at the end. `options` are
    PostgreSQL's."""
    if tier == "embedded":
        yield Stage(tier)
        return
    signal.signal(signal.SIGTERM, _told_to_end)
    folder = Path(tempfile.mkdtemp(prefix="partita-bench-servers-"))
    folder.chmod(0o755)  # a server that runs as another user reads below it
    with contextlib.ExitStack() as undo:
        undo.callback(shutil.rmtree, folder, ignore_errors=True)
        port = free_port()
        database = postgres(folder / "postgres", port, **SERVER, **options)
        database.start()
        undo.callback(database.stop)
        servers, pids = "", {"PostgreSQL": _pid(database)}
        if tier == "kafka":
            broker = kafka(folder / "kafka", [free_port()], session_ms=6_000)
            broker.start()
            undo.callback(broker.stop)
            servers, pids["Kafka"] = broker.servers, _pid(broker.nodes[0])
        yield Stage(tier, url(port), servers, pids)


def _told_to_end(*_: object) -> None:
    """Like Ctrl-C: the servers are stopped on the way out."""
    raise SystemExit("told to end")


def empty(servers: str) -> None:
    """Delete the topics and groups of the run before."""
    admin = AdminClient({"bootstrap.servers": servers, "log_level": 0})
    until = time.monotonic() + 30
    groups = [group.group_id for group in admin.list_consumer_groups().result().valid]
    for gone in (admin.delete_consumer_groups(groups) if groups else {}).values():
        gone.result()
    while topics := [name for name in admin.list_topics(timeout=10).topics if not name.startswith("_")]:
        if time.monotonic() > until:
            raise SystemExit(f"these topics do not go away: {', '.join(topics)}")
        for gone in admin.delete_topics(topics).values():
            # One that is on its way out already is none of our business.
            gone.exception()
        time.sleep(0.1)


def _pid(server: ServerProcess) -> int:
    assert server.child is not None
    return server.child.pid


def _kafka_version() -> str:
    return f", Kafka {VERSION}"
