"""The checkout with its payment service in Go, Java and Node: each is killed again and again, and the provider's ledger is the witness."""

from __future__ import annotations

import logging
import os
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from servers.participants import Result, Trial, registry, run
from servers.process import ServerFailed
from servers.programs import PROGRAMS, Program
from tests.servers import kafka_cluster

pytest.importorskip("confluent_kafka", reason="no Kafka client; to run these: pip install 'partita[kafka]'")
pytestmark = [pytest.mark.oracles]
BRIEFLY = Trial(kills=2, orders=30, codec="protobuf")
PLANTED = {
    # The key that the provider gets is new in each attempt, in place of the command's id.
    "main.go": (
        r"(return retry\(func\(\) \(string, error\) \{\n)(\t\tresponse, err := http\.Post)",
        r'\1\t\tbody["key"] = time.Now().String()\n\2',
    )
}


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Lost answers and killed participants are no news here."""
    monkeypatch.setenv("PARTITA_DATA", str(tmp_path / "data"))
    logging.getLogger("partita").setLevel(logging.CRITICAL)
    yield
    logging.getLogger("partita").setLevel(logging.NOTSET)


def built(program: Program, into: Path | None = None) -> Program:
    """The program with its command. Skips where its language is not here, except in CI."""
    try:
        return program.built(into)
    except ServerFailed as error:
        if os.environ.get("CI") or "to have it" not in str(error):
            raise
        pytest.skip(str(error))


async def tried(program: Program, trial: Trial, folder: Path) -> Result:
    with kafka_cluster() as cluster, registry(folder / "registry") as schemas:
        return await run(program, trial, folder / "data", cluster.url, schemas)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", list(PROGRAMS))
async def test_nothing_is_lost_and_nothing_done_twice_while_the_participant_is_killed(
    name: str, tmp_path: Path
) -> None:
    """It knows Kafka, CloudEvents and a registry, and nothing of Partita."""
    trial = Trial(kills=10, orders=200)
    result = await tried(built(PROGRAMS[name]), trial, tmp_path)
    log = (tmp_path / "data" / "participant.log").read_text(encoding="utf-8", errors="replace")
    assert result.holds, f"{result}\n{log[-2_000:]}"
    # A busy machine may be so slow that a program is killed before it is ready.
    assert result.kills >= trial.kills and log.count("ready") > trial.kills / 2, result
    assert result.decided >= trial.orders and result.statuses["CANCELLED"] > 0, result


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("name", "trial"),
    [("go", Trial(kills=10, orders=200, codec="protobuf")), ("java", BRIEFLY), ("node", BRIEFLY)],
    ids=["go", "java", "node"],
)
async def test_a_participant_takes_commands_in_protobuf(name: str, trial: Trial, tmp_path: Path) -> None:
    """The payment service's codec is Protobuf. The answer of Go is in Protobuf too: it is read by the file that the participant
    registered."""
    result = await tried(built(replace(PROGRAMS[name], environment={"ANSWERS": "protobuf"})), trial, tmp_path)
    log = (tmp_path / "data" / "participant.log").read_text(encoding="utf-8", errors="replace")
    assert result.holds and result.decided >= trial.orders and result.kills >= trial.kills, f"{result}\n{log[-2_000:]}"
    assert result.statuses["CONFIRMED"] > 0 and result.statuses["CANCELLED"] > 0, result
    with closing(sqlite3.connect(tmp_path / "registry" / "registry.db")) as held:
        schemas = "\n".join(held.iterdump())
    assert "message ChargePayment {" in schemas, "the commands are in Protobuf"
    assert ("message PaymentCharged {" in schemas) == (name == "go"), "the answers' schemas are in Protobuf"


@pytest.mark.timeout(600)
async def test_a_participant_without_idempotency_is_seen_by_the_witness(tmp_path: Path) -> None:
    """A witness that cannot see a second charge proves nothing."""
    source = Path(shutil.copytree(PROGRAMS["go"].source, tmp_path / "source"))
    for name, (found, planted) in PLANTED.items():
        text, count = re.subn(found, planted, (source / name).read_text(encoding="utf-8"))
        assert count == 1, f"the place of the planted bug has moved in {name}"
        (source / name).write_text(text, encoding="utf-8")
    program = built(replace(PROGRAMS["go"], source=source), tmp_path / "built")
    # Each second answer of the provider is lost: asked again under another key, it takes the money again.
    result = await tried(program, Trial(kills=0, orders=20, loses=0.5), tmp_path)
    assert result.twice and not result.holds, result
