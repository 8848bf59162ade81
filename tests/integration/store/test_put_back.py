"""A database, or a log, that was restored from a backup: messages that only the other one has are handled, sent again
or named."""

from __future__ import annotations

import contextlib
import re
import shutil
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import pytest
from servers.postgres import programs
from tests.integration.conftest import Bank
from tests.servers import kafka_cluster
from tests.waiting import until

from partita.observability.doctor.backups import check_backups
from partita.runtime.system import System

TOPIC = "test.bank.events"


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    """A Kafka of its own."""
    with kafka_cluster() as found:
        yield found.url


@pytest.fixture(
    params=["embedded", *(pytest.param(server, marks=pytest.mark.slow) for server in ("postgresql", "kafka"))]
)
def bus(request: pytest.FixtureRequest) -> str:
    """The place of the log."""
    if request.param == "kafka":
        return str(request.getfixturevalue("broker"))
    if request.param == "postgresql":
        return str(request.getfixturevalue("database"))
    return ""


class Backups(Protocol):
    """The place of services' data, each in a database of its own, with functions that make and restore a backup."""

    def settings(self, services: Sequence[str]) -> dict[str, Any]:
        """The settings that name these databases."""
        ...

    def copy(self, service: str) -> None:
        """Make a backup of a service's database, while it is not in use."""
        ...

    def put_back(self, service: str) -> None:
        """Restore the backup in its place, while it is not in use."""
        ...

    def lose(self, service: str) -> None:
        """Delete all data of a service's database."""
        ...


class Files(Backups):
    """SQLite files, copied and restored as files."""

    def __init__(self, data: Path, to: Path) -> None:
        self.data, self.to = data, to

    def settings(self, services: Sequence[str]) -> dict[str, Any]:
        return {}

    def copy(self, service: str) -> None:
        copied(self.data, f"{service}.db", self.to)

    def put_back(self, service: str) -> None:
        put_back(self.data, f"{service}.db", self.to)

    def lose(self, service: str) -> None:
        for each in self.data.glob(f"{service}.db*"):
            each.unlink()


class Databases(Backups):
    """Databases of a PostgreSQL; the log of that server is in another one. A `template` is a copy of the files, as a
    snapshot is; a `dump` is restored as rows, into tables that are created again."""

    def __init__(self, server: str, how: str, to: Path) -> None:
        self.server, self.how, self.to = server, how, to

    def settings(self, services: Sequence[str]) -> dict[str, Any]:
        for service in services:
            self._run(f'CREATE DATABASE "{service}"')
        return {"stores": {service: self._url(service) for service in services}}

    def copy(self, service: str) -> None:
        if self.how == "template":
            self._run(f'CREATE DATABASE "{service}-copy" TEMPLATE "{service}"')
        else:
            self.to.mkdir(exist_ok=True)
            self._call("pg_dump", "-Fc", "-f", str(self.to / service), self._url(service))

    def put_back(self, service: str) -> None:
        self._run(f'DROP DATABASE "{service}" WITH (FORCE)')
        if self.how == "template":
            self._run(f'CREATE DATABASE "{service}" TEMPLATE "{service}-copy"')
        else:
            self._run(f'CREATE DATABASE "{service}"')
            self._call("pg_restore", "--exit-on-error", "-d", self._url(service), str(self.to / service))

    def lose(self, service: str) -> None:
        self._run(f'DROP DATABASE "{service}" WITH (FORCE)')
        self._run(f'CREATE DATABASE "{service}"')

    def _url(self, service: str) -> str:
        return f"{self.server.rpartition('/')[0]}/{service}"

    def _run(self, sql: str) -> None:
        self._call("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", sql, self.server)

    def _call(self, program: str, *words: str) -> None:
        where = programs()
        assert where is not None
        subprocess.run([where / program, *words], check=True, capture_output=True, timeout=60)


@pytest.fixture(
    params=[
        "files",
        pytest.param("template", marks=pytest.mark.slow),
        pytest.param("dump", marks=[pytest.mark.slow, pytest.mark.long]),
    ]
)
def backups(request: pytest.FixtureRequest, tmp_path: Path) -> Backups:
    """Each kind of database that a service may have, with each kind of backup."""
    if request.param == "files":
        return Files(tmp_path / "data", tmp_path / "backup")
    return Databases(str(request.getfixturevalue("postgresql")), request.param, tmp_path / "backup")


def made(data: Path, bus: str, name: str, backups: Backups | None = None, **service: Any) -> Bank:
    """A bank on that bus, with groups of new names."""
    bank = Bank(data, **service)
    for each in (bank.bank, bank.audit):
        each.name = f"{each.name}-{name}"
    stores = backups.settings([bank.bank.name, bank.audit.name]) if backups is not None else {}
    bank.app = type(bank.app)(bank.bank, bank.audit, settings=replace(bank.app.settings, bus=bus, **stores))
    return bank


def named(folder: Path) -> str:
    """A name that no other test has, for groups of the same broker and databases of the same server."""
    return f"{folder.parent.name}-{folder.name}".replace("_", "-")[-40:]


async def deposits(bank: Bank, *names: str) -> None:
    """Make deposits, and wait until all are handled."""
    async with bank.app.running():
        for name in names:
            await bank.app.send(bank.Deposit(name=f"{bank.bank.name}/{name}", cents=1))
        await bank.app.settled(60)


async def effects(bank: Bank) -> list[str]:
    """The receiver's effects of this bank's messages: the broker's topics have the events of other tests too."""
    async with bank.app.store(bank.audit.name).reading() as session:
        names = [row["name"].split("/") for row in await session.fetch("SELECT name FROM entry", {})]
    return sorted(name for owner, name in names if owner == bank.bank.name)


@asynccontextmanager
async def running(bank: Bank, count: int) -> AsyncIterator[System]:
    """Run until the receiver has this many effects and no work is left."""
    async with bank.app.running() as system:

        async def there() -> bool:
            return len(await effects(bank)) >= count

        await until(there, 30.0)
        await bank.app.settled(60)
        yield system


def copied(data: Path, name: str, to: Path) -> None:
    """A backup of one database."""
    to.mkdir(exist_ok=True)
    with contextlib.closing(sqlite3.connect(data / name)) as db, contextlib.closing(sqlite3.connect(to / name)) as copy:
        db.backup(copy)


def put_back(data: Path, name: str, at: Path) -> None:
    """Restore the backup in place of the database."""
    for each in data.glob(f"{name}-*"):
        each.unlink()
    shutil.copy(at / name, data / name)


@pytest.mark.parametrize("order", ["key", "none"])
async def test_a_receiver_that_was_put_back_handles_again_what_came_after(
    tmp_path: Path, bus: str, backups: Backups, order: str
) -> None:
    """The bus counts the records as done. Afterwards each effect exists once, also those before the backup."""
    bank = made(tmp_path / "data", bus, named(tmp_path), backups, order=order)
    await deposits(bank, "a", "b")
    backups.copy(bank.audit.name)
    await deposits(bank, "a", "c", "d", "b")
    backups.put_back(bank.audit.name)
    async with running(bank, 6):
        assert await effects(bank) == ["a", "a", "b", "b", "c", "d"]
    await deposits(bank, "a")
    async with bank.app.running():
        assert await effects(bank) == ["a", "a", "a", "b", "b", "c", "d"], "and it goes on from there"


async def test_a_receiver_whose_database_is_gone_handles_all_that_the_log_holds(
    tmp_path: Path, bus: str, backups: Backups
) -> None:
    """An empty database has handled no record, whatever the bus reports of its group."""
    bank = made(tmp_path / "data", bus, named(tmp_path), backups)
    await deposits(bank, "a", "b", "c")
    backups.lose(bank.audit.name)
    async with running(bank, 3):
        assert await effects(bank) == ["a", "b", "c"]


async def test_a_restart_after_a_backup_that_nobody_needed_reads_nothing_again(
    tmp_path: Path, bus: str, caplog: pytest.LogCaptureFixture
) -> None:
    """If both agree, the group continues at its position."""
    bank = made(tmp_path / "data", bus, named(tmp_path))
    await deposits(bank, "a", "b")
    await deposits(bank, "c")
    assert "was restored" not in caplog.text
    async with bank.app.running() as system:
        await bank.app.settled(60)
        assert not system.pipelines[bank.audit.name].tally


@pytest.mark.parametrize("order", ["key", "none"])
async def test_what_was_sent_to_a_log_that_was_put_back_is_sent_again(tmp_path: Path, order: str) -> None:
    """The missing records are still in the outboxes; receivers that had them drop the copies."""
    bank = made(tmp_path / "data", "", "log", order=order)
    await deposits(bank, "a", "b")
    copied(tmp_path / "data", "log.db", tmp_path / "backup")
    await deposits(bank, "a")
    async with bank.app.running(services=[bank.bank.name]):  # the receiver does not run
        await bank.app.send(bank.Deposit(name=f"{bank.bank.name}/a", cents=1))
        await bank.app.send(bank.Deposit(name=f"{bank.bank.name}/c", cents=1))
        await bank.app.settled()
    put_back(tmp_path / "data", "log.db", tmp_path / "backup")
    found = await check_backups(bank.app, tmp_path / "data")
    assert {f.what for f in found if "the log was restored" in f.found} == {bank.bank.name, bank.audit.name}
    async with running(bank, 5):
        assert await effects(bank) == ["a", "a", "a", "b", "c"]
    await deposits(bank, "c")
    async with bank.app.running():
        assert await effects(bank) == ["a", "a", "a", "b", "c", "c"]


@pytest.mark.parametrize("order", ["key", "none"])
async def test_an_app_that_is_given_another_log_takes_along_what_was_not_handled(
    tmp_path: Path, bus: str, order: str
) -> None:
    """Records that its receivers had not read are in the outboxes of their senders."""
    name = f"{tmp_path.name}-{order}".replace("_", "-")
    bank = made(tmp_path / "data", "", name, order=order)
    await deposits(bank, "a")
    async with bank.app.running(services=[bank.bank.name]):
        await bank.app.send(bank.Deposit(name=f"{bank.bank.name}/b", cents=1))
        await bank.app.settled()
    if not bus:
        (tmp_path / "data" / "log.db").rename(tmp_path / "former.db")
        for each in (tmp_path / "data").glob("log.db*"):
            each.unlink()
    bank.app = type(bank.app)(bank.bank, bank.audit, settings=replace(bank.app.settings, bus=bus))
    async with running(bank, 2):
        assert await effects(bank) == ["a", "b"]


async def test_what_a_sender_that_was_put_back_has_sent_and_does_not_know_is_named(
    tmp_path: Path, bus: str, backups: Backups
) -> None:
    """Other services have acted on it, so an operator must know which message it is. A new message of its key is not
    a copy of that one."""
    bank = made(tmp_path / "data", bus, named(tmp_path), backups)
    await deposits(bank, "a")
    backups.copy(bank.bank.name)
    async with running(bank, 1):
        before = await sent(bank)
    await deposits(bank, "b", "c")
    async with bank.app.running():
        after = await sent(bank)
    backups.put_back(bank.bank.name)
    (found,) = [f for f in await check_backups(bank.app, tmp_path / "data") if f.what == bank.bank.name]
    assert found.level == "bad" and "2 messages" in found.found
    assert {message_id for message_id in after if message_id in found.found} == after - before
    await deposits(bank, "d", "b")
    (found,) = [f for f in await check_backups(bank.app, tmp_path / "data") if f.what == bank.bank.name]
    assert "2 messages" in found.found, "what it sends from then on it knows"
    async with bank.app.running():
        assert await effects(bank) == ["a", "b", "b", "c", "d"]


async def sent(bank: Bank) -> set[str]:
    """The events that the sender knows."""
    async with bank.app.store(bank.bank.name).reading() as session:
        rows = await session.fetch("SELECT id, aggregateid FROM outbox WHERE aggregatetype = :t", {"t": TOPIC})
    return {row["id"] for row in rows}


async def test_the_doctor_finds_a_receiver_that_was_put_back(tmp_path: Path, bus: str, backups: Backups) -> None:
    """Before its next start, and no longer when it has handled the missing records."""
    bank = made(tmp_path / "data", bus, named(tmp_path), backups)
    await deposits(bank, "a")
    backups.copy(bank.audit.name)
    await deposits(bank, "a", "a")
    assert [f.level for f in await check_backups(bank.app, tmp_path / "data")] == ["ok"]
    backups.put_back(bank.audit.name)
    (found,) = await check_backups(bank.app, tmp_path / "data")
    assert (found.level, found.what) == ("bad", bank.audit.name) and f"{TOPIC}[" in found.found
    async with running(bank, 3):
        pass
    assert [f.level for f in await check_backups(bank.app, tmp_path / "data")] == ["ok"]


async def test_what_the_log_no_longer_holds_is_refused_and_named(tmp_path: Path, backups: Backups) -> None:
    """Retention has deleted it: no process can handle it again, and none goes on as if it had been handled."""
    bank = made(tmp_path / "data", "", named(tmp_path), backups)
    await deposits(bank, "a", "a")
    backups.copy(bank.audit.name)
    await deposits(bank, "a", "a")
    async with bank.app.running(roles=()) as system:
        trimmed = await system.bus.trim(system.clock.now_us() + 8 * 86_400 * 1_000_000)
        assert trimmed >= 4
    backups.put_back(bank.audit.name)
    refused = re.compile(rf"of {re.escape(TOPIC)}\[\d\] it lacks the records from offset \d+ on")
    async with bank.app.running() as system:

        async def told() -> bool:
            return any(refused.search(cause) for _, _, cause in system.supervisor.failures())

        await until(told)
        assert await effects(bank) == ["a", "a"]


async def test_a_person_who_puts_a_group_elsewhere_is_believed(tmp_path: Path) -> None:
    """A group that an operator moved to the end, over unhandled records, does not count as one that lost them."""
    from partita.operators.steering import pause_group, reset_group, resume_group

    bank = made(tmp_path / "data", "", "placed")
    await deposits(bank, "a", "b")
    async with bank.app.running(services=[bank.bank.name]):
        await bank.app.send(bank.Deposit(name=f"{bank.bank.name}/c", cents=1))
        await bank.app.settled()
    async with bank.app.running(roles=()) as system:
        store = system.stores[bank.audit.name]
        await pause_group(store, reason="", by="ann")
        await reset_group(store, system.bus, TOPIC, "end", reason="", by="ann")
        await resume_group(store, reason="", by="ann")
    for _ in range(2):
        await deposits(bank, "d")
    async with bank.app.running():
        assert await effects(bank) == ["a", "b", "d", "d"]
