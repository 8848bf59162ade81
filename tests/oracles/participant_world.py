"""The world of a participant in another language: a broker, a registry, its provider, and a saga that sends commands and sees answers."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

import fastavro
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from servers.participants import Participant, registry
from servers.programs import Program
from tests.servers import kafka_cluster
from tests.waiting import until

from partita.clock import SystemClock
from partita.schemas.confluent.client import RegisteredSchema, RegistryClient
from partita.schemas.confluent.framing import framed, indexed

kafka = pytest.importorskip("confluent_kafka", reason="no Kafka client; to run these: pip install 'partita[kafka]'")
from confluent_kafka.admin import AdminClient  # noqa: E402  # needs the client
from confluent_kafka.cimpl import NewTopic  # noqa: E402

COMMANDS, EVENTS, TYPES = "shop.payment.commands", "shop.payment.events", "shop.payment.v1."
TEXT, PARTITIONS, PATIENCE_S = "string", 4, 120.0
# A later revision than the programs know: the fields have another order, and one is new.
AVRO: dict[str, Any] = {
    name: {
        "type": "record",
        "name": name,
        "namespace": "shop.payment.v1",
        "fields": [{"name": field, "type": kind} for field, kind in fields],
    }
    for name, fields in {
        "ChargePayment": [("new", ["null", TEXT]), ("customerId", TEXT), ("totalCents", "long"), ("orderId", TEXT)],
        "RefundPayment": [("new", ["null", TEXT]), ("orderId", TEXT)],
    }.items()
}

PROTOBUF = {
    "ChargePayment": {"new": 4, "customer_id": 2, "total_cents": 3, "order_id": 1},
    "RefundPayment": {"new": 2, "order_id": 1},
}
"""The numbers are the owner's: a new field has a new one."""


class Provider:
    """A payment provider that keeps each request. While it is away, it answers 503."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.is_away = False

    def asked(self, kind: str) -> list[tuple[str, str]]:
        """The orders and the keys of the requests that were answered."""
        return [(body["order_id"], body["key"]) for path, body in self.requests if path == f"/{kind}"]

    def asked_in_vain(self, kind: str) -> list[str]:
        """The keys of the requests that had no answer."""
        return [body["key"] for path, body in self.requests if path == f"/{kind} away"]

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Its address, for as long as it runs."""
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                provider.requests.append((f"{self.path}{' away' * provider.is_away}", body))
                said = json.dumps({"answer": "away" if provider.is_away else "ok"}).encode()
                self.send_response(503 if provider.is_away else 200)
                self.send_header("content-length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class Answer(NamedTuple):
    """A record on the topic of events."""

    headers: dict[str, str]
    key: str | None
    value: bytes


class Saga:
    """Sends commands and sees answers, as any program on the broker does."""

    def __init__(
        self,
        brokers: str,
        ids: dict[str, int],
        program: str,
        language: str,
        participant: Participant,
        provider: Provider,
    ) -> None:
        self._producer = kafka.Producer({"bootstrap.servers": brokers})
        self._consumer = kafka.Consumer(
            {"bootstrap.servers": brokers, "group.id": "test", "auto.offset.reset": "earliest"}
        )
        self._consumer.subscribe([EVENTS])
        self._ids, self.program, self._language = ids, program, language
        self.json_id = ids["json"]
        self.participant, self.provider = participant, provider
        self.answers: list[Answer] = []

    def value(self, kind: str, fields: dict[str, Any], path: tuple[int, ...] = (0,)) -> bytes:
        """A command with these fields, in the language of the test, behind its frame."""
        if self._language == "protobuf":
            return framed(self._ids[kind], indexed(path, in_protobuf(kind, fields)))
        out = io.BytesIO()
        fastavro.schemaless_writer(out, fastavro.parse_schema(AVRO[kind]), fields)
        return framed(self._ids[kind], out.getvalue())

    def fields(self, order: str) -> dict[str, Any]:
        """All fields of a command."""
        return {"new": "n", "customerId": "c", "totalCents": 250, "orderId": order}

    def send(self, kind: str, order: str, id_: str, value: bytes | None = None, content_type: str = "") -> None:
        """Send a command."""
        headers = {
            "ce_specversion": "1.0", "ce_id": id_, "ce_source": "shop", "ce_type": TYPES + kind,
            "ce_correlationid": f"of {order}", "content-type": content_type or f"application/{self._language}",
        }  # fmt: skip
        if value is None:
            value = self.value(kind if kind in AVRO else "RefundPayment", self.fields(order))
        self._producer.produce(COMMANDS, value, key=order, headers=[(n, t.encode()) for n, t in headers.items()])
        self._producer.flush(30)

    def strangers(self) -> None:
        """Records that are no commands: without headers, without a key, without a value."""
        for key, value in ((None, b"x"), ("twice", b"x"), ("twice", None), (None, None)):
            headers = [("ce_type", f"{TYPES}ChargePayment".encode())] if value is None else []
            for partition in range(PARTITIONS):
                self._producer.produce(COMMANDS, value, key=key, headers=headers, partition=partition)
        self._producer.flush(30)

    async def answered(self, count: int, within_s: float = PATIENCE_S) -> list[Answer]:
        """So many answers."""
        await until(self._look, within_s, holds=lambda found: len(found) >= count)
        return self.answers

    async def _look(self) -> list[Answer]:
        for message in await asyncio.to_thread(self._consumer.consume, 100, 0.2):
            headers = {name: held.decode() for name, held in message.headers()}
            key = message.key()
            self.answers.append(Answer(headers, None if key is None else key.decode(), message.value()))
        return self.answers

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()


def proto_file(kind: str) -> descriptor_pb2.FileDescriptorProto:
    """The file of a command."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{kind}.proto", package="shop.payment.v1", syntax="proto3")
    message = file.message_type.add(name=kind)
    for place, (name, number) in enumerate(PROTOBUF[kind].items()):
        type_ = "TYPE_INT64" if name == "total_cents" else "TYPE_STRING"
        field = message.field.add(name=name, number=number, label="LABEL_OPTIONAL", proto3_optional=True, type=type_)
        message.oneof_decl.add(name=f"_{name}")
        field.oneof_index = place
    return file


def proto_text(kind: str) -> str:
    """The file of a command as its text."""
    fields = "".join(
        f"  optional {'int64' if name == 'total_cents' else TEXT} {name} = {number};\n"
        for name, number in PROTOBUF[kind].items()
    )
    return f'syntax = "proto3";\npackage shop.payment.v1;\nmessage {kind} {{\n{fields}}}\n'


def in_protobuf(kind: str, fields: dict[str, Any]) -> bytes:
    """A command as Google's library writes it."""
    pool = descriptor_pool.DescriptorPool()
    pool.Add(proto_file(kind))
    made = message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{TYPES}{kind}"))()
    return json_format.ParseDict(fields, made, ignore_unknown_fields=True).SerializeToString()


async def registered(client: RegistryClient, language: str) -> dict[str, int]:
    """The ids of the commands' schemas."""
    ids = {}
    for kind in AVRO:
        schema = (
            RegisteredSchema(proto_text(kind), "PROTOBUF")
            if language == "protobuf"
            else RegisteredSchema(json.dumps(AVRO[kind]))
        )
        ids[kind] = await client.register(f"{COMMANDS}-{TYPES}{kind}", schema)
    ids["json"] = await client.register("in-json", RegisteredSchema('{"type": "object"}', "JSON"))
    return ids


@contextmanager
def servers(folder: Path) -> Iterator[tuple[str, str]]:
    """The addresses of a broker with the topics, and of a registry. A killed static member of another program would still be in a
    group that is shared, and clients of two kinds agree on no way to share partitions."""
    with kafka_cluster() as cluster, registry(folder / "registry") as schemas:
        admin = AdminClient({"bootstrap.servers": cluster.servers})
        made = admin.create_topics([NewTopic(topic, num_partitions=PARTITIONS) for topic in (COMMANDS, EVENTS)])
        for each in made.values():
            each.result(30)
        yield cluster.servers, schemas


@asynccontextmanager
async def saga_with(program: Program, language: str, folder: Path) -> AsyncIterator[Saga]:
    """A saga's view of a running program."""
    provider = Provider()
    with servers(folder) as (brokers, schemas), provider.serving() as address:
        ids = await registered(RegistryClient(schemas, SystemClock()), language)
        places = {"KAFKA": brokers, "REGISTRY": schemas, "PROVIDER": address, "JOURNAL": str(folder / "journal.jsonl")}
        participant = Participant(program.command, places, folder / "participant.log")
        await participant.start()
        saga = Saga(brokers, ids, program.name, language, participant, provider)
        try:
            yield saga
        finally:
            saga.close()
            await participant.kill()
