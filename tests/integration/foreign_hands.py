"""A user's program with each driver: begins, writes a row of its own, adds our event, commits or not. All calls
block, so that two programs can run in two threads; an awaited driver has an event loop of its own."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from partita import Event, Outbox

OWN = "INSERT INTO mine (key, number) VALUES ('{key}', {number})"
TABLE = "CREATE TABLE IF NOT EXISTS mine (key TEXT NOT NULL, number BIGINT NOT NULL)"


class Hand(ABC):
    """One connection of a user's program; `where` is the argument of `outbox.add`."""

    where: Any

    def begin(self) -> None:
        self.run("BEGIN")

    def commit(self) -> None:
        self.run("COMMIT")

    def rollback(self) -> None:
        self.run("ROLLBACK")

    @abstractmethod
    def run(self, sql: str) -> None:
        """Run a statement on it."""

    def add(self, outbox: Outbox, *events: Event, **lineage: Any) -> None:
        outbox.add(self.where, *events, **lineage)

    def own(self, key: str, number: int) -> None:
        self.run(OWN.format(key=key, number=number))

    def close(self) -> None:
        self.where.close()


class Looped(Hand):
    """A connection that is awaited."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()

    def wait(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    def add(self, outbox: Outbox, *events: Event, **lineage: Any) -> None:
        self.wait(outbox.add(self.where, *events, **lineage))

    def close(self) -> None:
        self.wait(self.where.close())
        self.loop.close()


class Asyncpg(Looped):
    def __init__(self, url: str) -> None:
        super().__init__()
        import asyncpg

        self.where = self.wait(asyncpg.connect(url))

    def run(self, sql: str) -> None:
        self.wait(self.where.execute(sql))


class Psycopg(Hand):
    def __init__(self, url: str) -> None:
        import psycopg

        self.where = psycopg.connect(url, autocommit=True)

    def run(self, sql: str) -> None:
        self.where.execute(sql)


class PsycopgAwaited(Looped):
    def __init__(self, url: str) -> None:
        super().__init__()
        import psycopg

        self.where = self.wait(psycopg.AsyncConnection.connect(url, autocommit=True))

    def run(self, sql: str) -> None:
        self.wait(self.where.execute(sql))


class Sqlite3(Hand):
    def __init__(self, url: str) -> None:
        self.where = sqlite3.connect(url, timeout=30, isolation_level=None, check_same_thread=False)

    def run(self, sql: str) -> None:
        self.where.execute(sql)

    def begin(self) -> None:
        self.run("BEGIN IMMEDIATE")


class Alchemy(Hand):
    """A session or, with `plain`, a connection."""

    def __init__(self, url: str, plain: bool = False) -> None:
        from sqlalchemy import create_engine
        from sqlalchemy.orm import Session

        self.engine = create_engine(alchemy_url(url, "psycopg"))
        if self.engine.dialect.name == "sqlite":
            begins_by_hand(self.engine)
        self.where = self.engine.connect() if plain else Session(self.engine)

    def begin(self) -> None:
        self.where.begin()

    def run(self, sql: str) -> None:
        from sqlalchemy import text

        self.where.execute(text(sql))

    def commit(self) -> None:
        self.where.commit()

    def rollback(self) -> None:
        self.where.rollback()

    def close(self) -> None:
        self.where.close()
        self.engine.dispose()


class AlchemyAwaited(Looped):
    def __init__(self, url: str, plain: bool = False) -> None:
        super().__init__()
        from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

        self.engine = create_async_engine(alchemy_url(url, "asyncpg"))
        self.where = self.wait(self.engine.connect().start()) if plain else AsyncSession(self.engine)

    def begin(self) -> None:
        self.wait(self.where.begin().start())

    def run(self, sql: str) -> None:
        from sqlalchemy import text

        self.wait(self.where.execute(text(sql)))

    def commit(self) -> None:
        self.wait(self.where.commit())

    def rollback(self) -> None:
        self.wait(self.where.rollback())

    def close(self) -> None:
        self.wait(self.where.close())
        self.wait(self.engine.dispose())
        self.loop.close()


class Django(Hand):
    def __init__(self, url: str) -> None:
        import django
        from django.conf import settings
        from django.db import connections, transaction

        if not settings.configured:
            settings.configure(DATABASES={})
            django.setup()
        place = urlsplit(url)
        given = {"ENGINE": "django.db.backends.sqlite3", "NAME": url, "OPTIONS": {"timeout": 30}}
        if place.scheme == "postgresql":
            given = {"ENGINE": "django.db.backends.postgresql", "NAME": place.path[1:], "USER": place.username or ""}
            given |= {"HOST": place.hostname or "", "PORT": str(place.port)}
        alias = f"hand{id(self)}"
        connections.settings[alias] = connections.configure_settings({"default": {}, alias: given})[alias]
        self.where = connections[alias]
        self.atomic: Callable[[], Any] = lambda: transaction.atomic(using=alias)
        self.blocks: list[Any] = []

    def begin(self) -> None:
        self.blocks.append(self.atomic())
        self.blocks[-1].__enter__()

    def run(self, sql: str) -> None:
        with self.where.cursor() as cursor:
            cursor.execute(sql)

    def commit(self) -> None:
        self.blocks.pop().__exit__(None, None, None)

    def rollback(self) -> None:
        error = LookupError()
        self.blocks.pop().__exit__(LookupError, error, None)


def alchemy_url(url: str, driver: str) -> str:
    return url.replace("postgresql://", f"postgresql+{driver}://") if "://" in url else f"sqlite:///{url}"


def begins_by_hand(engine: Any) -> None:
    """As SQLAlchemy's pages advise for SQLite: the driver begins no transaction, so that savepoints work."""
    from sqlalchemy import event

    event.listen(engine, "connect", lambda connection, _: setattr(connection, "isolation_level", None))
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))


# The name of a driver, where it writes, and its program.
HANDS: dict[str, tuple[str, Callable[[str], Hand]]] = {
    "asyncpg": ("postgresql", Asyncpg),
    "psycopg": ("postgresql", Psycopg),
    "psycopg-awaited": ("postgresql", PsycopgAwaited),
    "sqlalchemy-session": ("postgresql", Alchemy),
    "sqlalchemy-connection": ("postgresql", lambda url: Alchemy(url, plain=True)),
    "sqlalchemy-async-session": ("postgresql", AlchemyAwaited),
    "sqlalchemy-async-connection": ("postgresql", lambda url: AlchemyAwaited(url, plain=True)),
    "django-postgresql": ("postgresql", Django),
    "sqlite3": ("sqlite", Sqlite3),
    "sqlalchemy-sqlite": ("sqlite", Alchemy),
    "django-sqlite": ("sqlite", Django),
}

# In `make test`; the others differ from one of these by a wrapper, and CI runs them as well.
KINDS = ("asyncpg", "psycopg", "sqlalchemy-async-session", "django-postgresql", "sqlite3", "sqlalchemy-sqlite")


def main(name: str, url: str, what: str, keys: int, numbers: int) -> None:
    """Run as a process of its own: "die" prints `committed` with one transaction open and stays; "write" writes and
    ends."""
    from tests.processes.counting import Counted, source

    hand, outbox = HANDS[name][1](url), Outbox(source)
    if what == "die":
        for key in ("kept", "open"):
            hand.begin()
            hand.own(key, 1)
            hand.add(outbox, Counted(key=key, number=1))
            if key == "kept":
                hand.commit()
        sys.stdout.write("committed\n")
        sys.stdout.flush()
        sys.stdin.read()
        return
    for number in range(numbers):
        for key in range(keys):
            hand.begin()
            hand.add(outbox, Counted(key=f"k{key}", number=number), Counted(key=f"k{key}", number=number + 1_000))
            hand.commit()
    hand.close()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
