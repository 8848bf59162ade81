"""Projects of the three domains on real servers: PostgreSQL, and PostgreSQL with Kafka."""

from __future__ import annotations

import asyncio
import re
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers.kafka import KafkaCluster
from tests.integration.design.skeleton.commands import PARTITA, run
from tests.servers import kafka_cluster

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # each outcome is a process of its own
ROOT = Path(__file__).resolve().parents[4]
DESIGNS = ROOT / "docs/designs"
PLAYER = Path(__file__).parent / "play_on_servers.py"
NAMES = re.compile(r'^    "(\w+)": Outcome\(', re.MULTILINE)
DOMAINS = {"orders": "order_processing", "rides": "ride_sharing", "claims": "insurance_claims"}


async def fresh_database(server: str) -> str:
    """A new database on a server."""
    import asyncpg

    name = f"skeleton_{uuid.uuid4().hex}"
    connection = await asyncpg.connect(server)
    try:
        await connection.execute(f"CREATE DATABASE {name} STRATEGY FILE_COPY")
    finally:
        await connection.close()
    return f"{server.rpartition('/')[0]}/{name}"


def built(folder: Path, domain: str) -> list[str]:
    """The project of a domain in a folder, and the names of its outcomes."""
    done = run(folder, PARTITA, "design", "build", str(DESIGNS / f"{domain}.yaml"), "--code", str(folder / domain))
    assert done.returncode == 0, done.stdout + done.stderr
    return NAMES.findall((folder / domain / DOMAINS[domain] / "outcomes.py").read_text())


def play(folder: Path, domain: str, outcome: str, store: str, bus: str) -> None:
    """Play an outcome in a process of its own, with the variables of the project's README."""
    variables = {"PARTITA_STORE": store, "PARTITA_BUS": bus, "KAFKA_BROKERS": "1", "PYTHONPATH": str(ROOT)}
    words = [sys.executable, str(PLAYER), DOMAINS[domain], outcome]
    done = run(folder / domain, *words, variables=variables)
    assert done.returncode == 0, f"{outcome}\n{done.stderr[-3000:]}"


def without_waits(names: list[str]) -> list[str]:
    """The outcomes that need no clock of a test: the happy path, its start twice, and each refusal."""
    return [name for name in names if re.search(r"_(goes_well|begins_twice|is_refused_by_\w+)$", name)]


@pytest.mark.parametrize("domain", ["orders", "claims", pytest.param("rides", marks=pytest.mark.long)])
def test_its_outcomes_end_so_on_postgresql(domain: str, postgresql: str, tmp_path: Path) -> None:
    """Migrations, journals and read models are the same statements on each database."""
    names = without_waits(built(tmp_path, domain))
    assert len(names) >= 4
    for name in names:
        store = asyncio.run(fresh_database(postgresql))
        play(tmp_path, domain, name, store, store)


@pytest.fixture(scope="module")
def kafka() -> Iterator[KafkaCluster]:
    """A Kafka for all domains: their topics have names of their own."""
    with kafka_cluster() as cluster:
        yield cluster


@pytest.mark.parametrize("domain", DOMAINS)
def test_its_happy_path_ends_so_on_postgresql_and_kafka(
    domain: str, postgresql: str, kafka: KafkaCluster, tmp_path: Path
) -> None:
    names = [name for name in built(tmp_path, domain) if name.endswith("_goes_well")]
    store = asyncio.run(fresh_database(postgresql))
    for name in names:
        play(tmp_path, domain, name, store, kafka.url)
