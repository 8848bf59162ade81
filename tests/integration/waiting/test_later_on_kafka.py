"""Answers that come later where command and reply cross services by Kafka, each service with a database of its own."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.integration.waiting import claims_app
from tests.integration.waiting.claims_app import FileClaim
from tests.integration.waiting.rides import Rides
from tests.servers import kafka_cluster
from tests.waiting import until

from partita import App, Conflict, Settings
from partita.waiting import Overtaken

pytest.importorskip("confluent_kafka", reason="no Kafka client; to run these: pip install 'partita[kafka]'")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SECRET = "s" * 32


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    with kafka_cluster() as found:
        yield found.url


@pytest.fixture
def databases(postgresql: str) -> Iterator[tuple[str, str]]:
    """Two databases, one for each service."""
    import asyncpg

    async def run(*statements: str) -> None:
        connection = await asyncpg.connect(postgresql)
        for statement in statements:
            await connection.execute(statement)
        await connection.close()

    names = [f"later_{uuid.uuid4().hex}" for _ in range(2)]
    asyncio.run(run(*(f"CREATE DATABASE {name} STRATEGY FILE_COPY" for name in names)))
    server = postgresql.rpartition("/")[0]
    yield f"{server}/{names[0]}", f"{server}/{names[1]}"
    asyncio.run(run(*(f"DROP DATABASE {name} WITH (FORCE)" for name in names)))


async def test_each_way_to_answer_reaches_the_saga(broker: str, databases: tuple[str, str], tmp_path: Path) -> None:
    """By a handler's transaction, by a program that runs no service, and by a link; the first counts, and none after the undo."""
    rides = Rides(tmp_path)
    settings = Settings(
        data=tmp_path, bus=broker, secret=SECRET, stores={"trips": databases[0], "dispatch": databases[1]}
    )
    trips, dispatch, web = (rides.app.configured(replace(settings, data=tmp_path / name)) for name in "abc")
    rides.app = web  # which looks at both databases
    async with AsyncExitStack() as held:
        await held.enter_async_context(trips.running(services=["trips"]))
        await held.enter_async_context(dispatch.running(services=["dispatch"]))
        await held.enter_async_context(web.running(roles=()))
        for number in range(1, 6):
            await trips.send(rides.Ask(ride=f"r{number}"))
        await until(rides.waiting, holds=lambda ids: len(ids) == 5)
        ids = dict(await rides.rows("dispatch", "SELECT ride, reply_to FROM offer"))

        await web.send(rides.Accept(ride="r1", driver="dan"))
        for _ in range(2):
            await web.reply(ids["r2"], rides.Accepted(ride="r2", driver="eve"), by="eve")
        with pytest.raises(Conflict, match="by eve"):
            await web.reply(ids["r2"], rides.Declined(driver="eve"))
        token = web.reply_token(ids["r3"], lasts=600)
        await web.reply_by_token(token, rides.Accepted(ride="r3", driver="ann"), by="link")
        await web.reply(ids["r4"], rides.Declined(driver="bob"))
        await trips.cancel(rides.Ride, "r5", reason="no time")

        ends = {"r1": "completed", "r2": "completed", "r3": "completed", "r4": "undone", "r5": "undone"}
        for ride, end in ends.items():
            assert await until(lambda: rides.saga(ride), holds=lambda found: found in ("completed", "undone")) == end  # noqa: B023
        with pytest.raises(Overtaken):
            await web.reply(ids["r5"], rides.Accepted(ride="r5", driver="dan"))
        assert len(await rides.answers()) == 4
        assert await rides.rows("dispatch", "SELECT ride, driver FROM assigned") == [("r1", "dan")]
        assert {await rides.state_of(ids[ride]) for ride in ("r1", "r2", "r3", "r4")} == {"answered"}
        assert await rides.state_of(ids["r5"]) == "undone"


def test_a_person_decides_from_the_command_line(broker: str, databases: tuple[str, str], tmp_path: Path) -> None:
    """The task is in the desk's database, the saga in another, and the command line in a process of its own."""
    settings = Settings(data=tmp_path, bus=broker, stores={"claims": databases[0], "desk": databases[1]})
    environment = {
        **os.environ,
        "PARTITA_BUS": broker,
        "PARTITA_STORE_CLAIMS": databases[0],
        "PARTITA_STORE_DESK": databases[1],
    }

    def partita(*words: str) -> Any:
        command = [sys.executable, "-c", "from partita.cli.main import main; main()", "task", *words]
        options = ["--data", str(tmp_path / "c"), "--app", f"{claims_app.__name__}:app", "-o", "json"]
        done = subprocess.run([*command, *options], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    async def decided() -> str:
        apps = [claims_app.app.configured(replace(settings, data=tmp_path / name)) for name in ("a", "b")]
        async with apps[0].running(services=["claims"]), apps[1].running(services=["desk"]):
            await apps[0].send(FileClaim(claim_id="c1", cents=1000))
            listed = await until(lambda: asyncio.to_thread(partita, "list"), holds=lambda found: found["items"])
            task = listed["items"][0]["id"]
            await asyncio.to_thread(
                partita, "do", task, "ClaimApproved", "amount=900", "--as", "anna", "--reason", "photos", "--yes"
            )
            return str(await until(lambda: status(apps[0]), holds=lambda found: found == "completed"))

    assert asyncio.run(decided()) == "completed"
    assert partita("list")["items"] == []


async def status(app: App) -> str:
    """The status of the claim's saga."""
    async with app.store("claims").reading() as session:
        found = (await session.sagas.load("Claim", ["c1"])).get("c1")
    return found.status if found is not None else ""
