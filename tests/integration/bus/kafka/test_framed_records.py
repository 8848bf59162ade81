"""Records on a real broker with a registry: other programs find the schema by the id before the value, and ours read all of them."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastavro
import pytest
from tests.integration.registry_server.own_registry import served
from tests.integration.schemas.confluent.test_app_with_registry import seen
from tests.integration.schemas.test_schema_moves_on import Deployment
from tests.servers import kafka_cluster
from tests.waiting import until

from partita import Settings
from partita.clock import SystemClock
from partita.schemas.confluent.client import RegistryClient
from partita.schemas.confluent.framing import unframed

kafka = pytest.importorskip("confluent_kafka", reason="no Kafka client; to run these: pip install 'partita[kafka]'")
pytestmark = [pytest.mark.slow]
EVENTS = "moved.source.events"


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    with kafka_cluster() as found:
        yield found.url


def on_kafka(settings: Settings, cluster: str, registry: str) -> Settings:
    return dataclasses.replace(settings, bus=cluster, registry=registry)


def raw(cluster: str) -> list[Any]:
    """The two records on the events' topic, as any other program gets them."""
    servers = cluster.removeprefix("kafka://")
    consumer = kafka.Consumer({"bootstrap.servers": servers, "group.id": "other", "auto.offset.reset": "earliest"})
    consumer.subscribe([EVENTS])
    found: list[Any] = []
    try:
        for _ in range(60):
            found += consumer.consume(100, timeout=0.5)
            if len(found) >= 2:
                return found
    finally:
        consumer.close()
    return found


async def test_values_are_framed_for_others_and_read_by_readers_with_and_without_a_registry(
    tmp_path: Path, cluster: str
) -> None:
    """A system moves to a registry process by process: each reads what each wrote."""
    settings = Settings(data=tmp_path / "data", time_scale=0.05)
    async with served(tmp_path / "registry") as url:
        before = Deployment(on_kafka(settings, cluster, ""), "first", works=True)
        async with before.app.running():
            await before.app.send(before.Happen(name="bare"))
            await until(lambda: seen(before))

        mine = on_kafka(settings, cluster, url)
        with_one = Deployment(mine, "first", works=True)
        async with with_one.app.running():
            await with_one.app.send(with_one.Happen(name="framed"))
            await until(lambda: seen(with_one), holds=lambda rows: len(rows) == 2)

        # The two have different keys, so perhaps different partitions: in any order.
        bare, framed = sorted(raw(cluster), key=lambda message: "partita-frame" in dict(message.headers()))
        found = unframed(framed.value())
        assert found.schema.id is not None
        schema = await RegistryClient(url, SystemClock()).by_id(found.schema.id)
        assert schema is not None
        value = fastavro.schemaless_reader(io.BytesIO(found.payload), json.loads(schema.text), None)
        assert value == {"name": "framed", "note": "n"}
        latest = await RegistryClient(url, SystemClock()).latest(f"{EVENTS}-moved.source.v1.Happened")
        assert latest is not None and latest.id == found.schema.id
        assert ("partita-frame", b"v0") in framed.headers()
        assert "partita-frame" not in dict(bare.headers())

        # A new group reads both from the start, with a newer class and with a registry; and one without a registry reads on.
        grown = Deployment(dataclasses.replace(mine, data=tmp_path / "other"), "grown", works=True)
        async with grown.app.running(services=["sink"]):
            await until(lambda: seen(grown), holds=lambda rows: len(rows) >= 1)
        without = Deployment(on_kafka(settings, cluster, ""), "first", works=True)
        async with without.app.running():
            await without.app.send(without.Happen(name="again"))
            await until(lambda: seen(without), holds=lambda rows: len(rows) == 3)
            assert await without.letters() == []
