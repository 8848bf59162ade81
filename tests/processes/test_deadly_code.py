"""The user's code kills the process that calls it, at any place: its deaths are counted, and the other messages go
on."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.servers import emptied, postgres_server
from tests.waiting import until
from tests.written import written

from partita.machine.system import this_machine
from partita.store.connect import connect_store
from partita.store.port import Store

pytestmark = [pytest.mark.processes, pytest.mark.timeout(900)]
ROOT = Path(__file__).resolve().parents[2]
DEATHS_MAX = 12
ALL = ("o1", "bad", "o2", "o3")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=[pytest.mark.slow, pytest.mark.long])])
def database(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str | Path]:
    """The database of the orders."""
    if request.param == "sqlite":
        yield tmp_path / "orders.db"
        return
    with postgres_server() as (server, url):
        emptied(server, url)
        monkeypatch.setenv("PARTITA_STORE", url)
        monkeypatch.setenv("PARTITA_BUS", url)
        yield url


def deadly(data: Path, place: str, roles: str, *send: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.processes.deadly", str(data), roles, *send],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT), "DEADLY": place},
    )


@contextmanager
def killed(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """A process that ends with the block."""
    try:
        yield
    finally:
        process.kill()


async def states(store: Store) -> dict[tuple[str, str], tuple[str, str]]:
    """Status and last error by (saga, id)."""
    async with store.reading() as session:
        rows = await session.fetch("SELECT saga, saga_id, status, last_error FROM saga", {})
    return {(row["saga"], row["saga_id"]): (row["status"], row["last_error"]) for row in rows}


async def letters(store: Store) -> dict[str, str]:
    async with store.reading() as session:
        rows = await session.fetch("SELECT key, cause_type FROM dead_letter", {})
    return {row["key"]: row["cause_type"] for row in rows}


async def told(store: Store, place: str) -> bool:
    """Whether the message that kills was set aside."""
    if place == "timer":
        return (await states(store)).get(("Checkout", "bad"), ("", ""))[0] == "needs_attention"
    return bool(await letters(store))


@pytest.mark.parametrize("place", ["timer", "message", "at once", "policy", "undo"])
async def test_code_that_kills_the_process_is_set_aside_and_the_others_go_on(
    place: str, database: str | Path, tmp_path: Path
) -> None:
    """Twelve starts and twelve deaths were not counted: neither for the timer of a saga nor for a retry policy."""
    machine = this_machine()
    with deadly(tmp_path, "", "", *ALL) as sender:
        assert sender.wait(120) == 0
    store = connect_store(database, machine, service="orders", tables="")
    await store.open()
    deaths, ended = 0, False
    try:
        while not ended and deaths <= DEATHS_MAX:
            with deadly(tmp_path, place, "relay,consumers,timers") as running, killed(running):

                async def died_or_told() -> bool:
                    return running.poll() is not None or await told(store, place)

                await until(died_or_told)
                died = running.poll() is not None
                deaths += died
                ended = not died
                if ended:
                    await until(lambda: all_through(store, {key for key in ALL if key != "bad"}))

                    async def died_or_sent_again() -> bool:
                        return running.poll() is not None or await sent_again(store, place)

                    await until(died_or_sent_again)
                    assert running.poll() is None, "a message that its saga sends again killed the process again"
        found = await states(store), await letters(store)
    finally:
        await store.close()
    assert ended, "nobody counts its deaths"
    # The undo is the seventh message of a chain that is handled at once: each process gets a little further before it
    # dies.
    assert 4 <= deaths <= (DEATHS_MAX if place == "undo" else 6)
    if place == "timer":
        assert "kills the process" in found[0]["Checkout", "bad"][1] and found[1] == {}
    else:
        assert found[1] == {"bad": "ProcessDied"}


async def sent_again(store: Store, place: str) -> bool:
    """Whether the saga has sent the message of the dead letter again, several times."""
    if place not in ("at once", "undo"):
        return True
    saga, kind, times = ("Noting", "resent", 2) if place == "at once" else ("Paying", "undoing", 3)
    async with store.reading() as session:
        return [entry.kind for entry in await session.sagas.history(saga, "bad")].count(kind) >= times


async def all_through(store: Store, others: set[str]) -> bool:
    """Whether the undo of the other reservations was sent, which gets no answer, and their notes are written."""
    sent = {message.key for message in await written(store) if message.type == "deadly.stock.v1.Release"}
    found = await states(store)
    noted = {key for (saga, key), (status, _) in found.items() if (saga, status) == ("Noting", "completed")}
    return others <= sent & noted
