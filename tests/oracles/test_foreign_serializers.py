"""Confluent's serializers write events to a real broker, and a saga of ours goes on: each frame that they know, in each language."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from tests.integration.registry_server.own_registry import served
from tests.integration.schemas.confluent.test_framed_answers import JSON_THEIRS, THEIRS, app, heard, letters, payments
from tests.servers import kafka_cluster
from tests.waiting import until

from partita import App, Settings

pytestmark = [pytest.mark.oracles]
confluent = pytest.importorskip("confluent_kafka.schema_registry", reason="make .venv/oracles.ok")


def produce(brokers: str, url: str, topic: str) -> None:
    """Four events, as a program writes them that has these serializers and sets the headers of CloudEvents; and one twice."""
    from confluent_kafka import Producer
    from confluent_kafka.schema_registry import header_schema_id_serializer
    from confluent_kafka.schema_registry.avro import AvroSerializer
    from confluent_kafka.schema_registry.json_schema import JSONSerializer
    from confluent_kafka.serialization import MessageField, SerializationContext

    in_header: Any = {"schema.id.serializer": header_schema_id_serializer}
    registry = confluent.SchemaRegistryClient({"url": url})
    avro, as_json = "application/avro", "application/json"
    # JSON and Avro are no versions of each other, so each has a subject of its own: that of another topic.
    written = {
        "before": (AvroSerializer(registry, json.dumps(THEIRS)), avro),
        "header": (AvroSerializer(registry, json.dumps(THEIRS), conf=in_header), avro),
        "json": (JSONSerializer(JSON_THEIRS, registry), as_json),
        "json-header": (JSONSerializer(JSON_THEIRS, registry, conf=in_header), as_json),
    }
    producer = Producer({"bootstrap.servers": brokers})
    for name, (serialize, content_type) in [*written.items(), ("before", written["before"])]:
        headers: list[tuple[str, bytes]] = [
            ("ce_specversion", b"1.0"),
            ("ce_id", name.encode()),
            ("ce_source", b"urn:psp"),
            ("ce_type", b"framed.payment.v1.Charged"),
            ("content-type", content_type.encode()),
        ]
        fields = {"cents": 7, "terminal": None, "orderId": name}
        if content_type == as_json:
            del fields["terminal"]
        context = SerializationContext(f"psp-{content_type}", MessageField.VALUE, headers)
        producer.produce(topic, serialize(fields, context), key=name, headers=headers)
    assert producer.flush(30) == 0
    registry.__exit__()


async def test_events_of_confluents_serializers_are_read_from_a_real_broker(tmp_path: Path) -> None:
    heard.clear()
    with kafka_cluster() as cluster:
        async with served(tmp_path / "registry") as url:
            settings = Settings(data=tmp_path / "data")
            mine: App = app.configured(dataclasses.replace(settings, bus=cluster.url, registry=url))
            async with mine.running() as system:
                await asyncio.to_thread(_make, cluster.servers, payments.events_topic)
                await asyncio.to_thread(produce, cluster.servers, url, payments.events_topic)
                await until(lambda: heard, holds=lambda found: len(found) >= 4, why=lambda: letters(mine))
                await until(
                    lambda: system.bus.lag("orders"), holds=lambda found: found and not any(e.lag for e in found)
                )
                assert await letters(mine) == []
    expected = [(name, "none", 7) for name in ("before", "header", "json", "json-header")]
    assert sorted(heard) == expected, "the copy is dropped"


def _make(brokers: str, topic: str) -> None:
    from confluent_kafka.admin import AdminClient
    from confluent_kafka.cimpl import NewTopic

    admin = AdminClient({"bootstrap.servers": brokers})
    for made in admin.create_topics([NewTopic(topic, num_partitions=4)]).values():
        made.result(30)
