"""The settings with which Debezium's outbox event router replaces the relay: the same keys, values, partitions and
envelopes, so that consumers see no difference."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from partita.size import RECORD_BYTES_MAX
from partita.store.handover import Address

ENVELOPE_HEADER = "partita"
SLOT = "partita_outbox"


def heartbeat_topic(slot: str) -> str:
    """The topic of Debezium's heartbeats, which show its progress while no message leaves; it must exist."""
    return f"__debezium-heartbeat.{slot}"


def connector(place: Address, slot: str) -> Mapping[str, str]:
    """The connector's settings. User and password are left to the worker's environment."""
    tables = ",".join(f"{re.escape(schema)}\\.outbox" for schema in place.schemas)
    where = {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "database.hostname": place.host,
        "database.port": str(place.port),
        "database.dbname": place.database,
        "database.user": "${env:PARTITA_DEBEZIUM_USER}",
        "database.password": "${env:PARTITA_DEBEZIUM_PASSWORD}",
        "topic.prefix": slot,
        "slot.name": slot,
        "publication.name": slot,
        "table.include.list": tables,
    }
    return where | READING | ROUTING | WRITING


READING = {
    "plugin.name": "pgoutput",
    # `partita outbox hand-over` makes both: rows older than the slot belong to the relay.
    "publication.autocreate.mode": "disabled",
    "slot.drop.on.stop": "false",
    "snapshot.mode": "no_data",
    "skipped.operations": "u,d,t",
    # A slot keeps the server's log until it is confirmed, and changes that it does not show confirm nothing: while no message
    # leaves and other tables are written, our own mark in the log confirms it.
    "heartbeat.interval.ms": "1000",
    "heartbeat.action.query": "SELECT pg_logical_emit_message(true, 'partita', '')",
    "message.prefix.exclude.list": "partita",
    # A killed worker's connection may hold the slot for a moment.
    "slot.max.retries": "60",
    "slot.retry.delay.ms": "1000",
    # The default waits half a second between two polls.
    "poll.interval.ms": "5",
    "max.batch.size": "8192",
    "max.queue.size": "32768",
}
ROUTING = {
    "transforms": "outbox,bare",
    "transforms.outbox.type": "io.debezium.transforms.outbox.EventRouter",
    "transforms.outbox.route.by.field": "aggregatetype",
    "transforms.outbox.route.topic.replacement": "${routedByValue}",
    "transforms.outbox.table.field.event.id": "id",
    "transforms.outbox.table.field.event.key": "aggregateid",
    "transforms.outbox.table.field.event.payload": "payload",
    "transforms.outbox.table.fields.additional.placement": f"headers:header:{ENVELOPE_HEADER}",
    "transforms.outbox.table.op.invalid.behavior": "error",
    # The converter that leaves the envelope's bytes alone accepts no text: the router's `id`, and the connector's own
    # headers, are dropped. The id is in the envelope.
    "transforms.bare.type": "org.apache.kafka.connect.transforms.DropHeaders",
    "transforms.bare.headers": "id",
    "extended.headers.enabled": "false",
}
WRITING = {
    "key.converter": "org.apache.kafka.connect.storage.StringConverter",
    "header.converter": "org.apache.kafka.connect.converters.ByteArrayConverter",
    "value.converter": "io.debezium.converters.BinaryDataConverter",
    "value.converter.delegate.converter.type": "org.apache.kafka.connect.json.JsonConverter",  # of heartbeats
    "value.converter.delegate.converter.type.schemas.enable": "false",
    "producer.override.acks": "all",
    "producer.override.enable.idempotence": "true",
    "producer.override.compression.type": "lz4",
    "producer.override.linger.ms": "1",
    "producer.override.max.request.size": str(RECORD_BYTES_MAX + 65_536),
    # Nothing is skipped: a message that cannot be sent stops the connector, and `doctor` reports that there is no reader.
    "errors.tolerance": "none",
}


def as_json(settings: Mapping[str, str], name: str) -> str:
    """As Connect's REST API takes it: `POST /connectors`."""
    return json.dumps({"name": name, "config": dict(settings)}, indent=2)


def as_properties(settings: Mapping[str, str], name: str) -> str:
    """As a file for `connect-standalone`."""
    lines = {"name": name, **settings}.items()
    return "\n".join(f"{key}={value.replace(chr(92), chr(92) * 2)}" for key, value in lines)
