"""The peer with Kafka between its services: the same checkout on FastStream and PostgreSQL, with an inbox, an outbox, a relay
and a saga written by hand as their textbooks have them: a transaction per message, acks=all, offsets after the commit."""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
import uuid
from typing import Any

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from faststream.kafka import KafkaBroker
from faststream.middlewares import AckPolicy

SERVICES = ("orders", "inventory", "payments")
LEDGERS = """
CREATE SCHEMA {0};
CREATE TABLE {0}.inbox (message_id UUID PRIMARY KEY, at TIMESTAMPTZ NOT NULL DEFAULT now());
CREATE TABLE {0}.outbox (seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id UUID NOT NULL, topic TEXT NOT NULL,
                         key TEXT NOT NULL, payload BYTEA NOT NULL);
"""
TABLES = """
CREATE TABLE orders.orders (order_id TEXT PRIMARY KEY, cents BIGINT NOT NULL, status TEXT NOT NULL);
CREATE TABLE orders.saga (order_id TEXT PRIMARY KEY, step TEXT NOT NULL, at TIMESTAMPTZ NOT NULL DEFAULT now());
CREATE TABLE inventory.reservation (order_id TEXT PRIMARY KEY, state TEXT NOT NULL);
CREATE TABLE payments.payment (order_id TEXT PRIMARY KEY, cents BIGINT NOT NULL);
"""
PARTITIONS = 8
WARM = 50
RELAY_BATCH = 500
Message = dict[str, Any]


class Service:
    """One service's database work: what it handles, it handles in one transaction with its inbox and outbox."""

    def __init__(self, name: str, pool: asyncpg.Pool) -> None:
        self.name = name
        self.pool = pool
        self.seen = f"INSERT INTO {name}.inbox (message_id) VALUES ($1) ON CONFLICT DO NOTHING"
        self.leave = f"INSERT INTO {name}.outbox (id, topic, key, payload) VALUES ($1, $2, $3, $4)"
        self.waiting = f"SELECT seq, topic, key, payload FROM {name}.outbox ORDER BY seq LIMIT {RELAY_BATCH} FOR UPDATE"
        self.sent = f"DELETE FROM {name}.outbox WHERE seq = ANY($1)"

    async def send(self, database: asyncpg.Connection, topic: str, kind: str, message: Message) -> None:
        name = uuid.uuid4()
        content = {**message, "id": str(name), "kind": kind}
        await database.execute(self.leave, name, topic, message["order"], json.dumps(content).encode())

    async def new(self, database: asyncpg.Connection, message: Message) -> bool:
        return str(await database.execute(self.seen, uuid.UUID(message["id"]))) == "INSERT 0 1"

    async def relay(self, broker: KafkaBroker) -> int:
        """Send what waits, in order; it is taken out when the broker has acknowledged it."""
        async with self.pool.acquire() as database, database.transaction():
            rows = await database.fetch(self.waiting)
            if rows:
                # Handed over in order without waiting for each, acknowledged together.
                sending = [
                    await broker.publish(row["payload"], topic=row["topic"], key=row["key"].encode(), no_confirm=True)
                    for row in rows
                ]
                await asyncio.gather(*sending)
                await database.execute(self.sent, [row["seq"] for row in rows])
        return len(rows)


async def participant(service: Service, database: asyncpg.Connection, message: Message) -> None:
    """Inventory and payments."""
    order, kind = message["order"], message["kind"]
    if kind == "reserve":
        await database.execute("INSERT INTO inventory.reservation VALUES ($1, 'RESERVED')", order)
        await service.send(database, "orders.replies", "reserved", {"order": order, "cents": message["cents"]})
    elif kind == "release":
        await database.execute("UPDATE inventory.reservation SET state = 'RELEASED' WHERE order_id = $1", order)
        await service.send(database, "orders.replies", "released", {"order": order})
    elif message["cents"] % 10 == 0:
        await service.send(database, "orders.replies", "declined", {"order": order})
    else:
        await database.execute("INSERT INTO payments.payment VALUES ($1, $2)", order, message["cents"])
        await service.send(database, "orders.replies", "charged", {"order": order})


async def saga(service: Service, database: asyncpg.Connection, message: Message) -> None:
    """The orders: each reply moves the saga on."""
    order, kind = message["order"], message["kind"]
    if kind == "reserved":
        await database.execute("UPDATE orders.saga SET step = 'charge', at = now() WHERE order_id = $1", order)
        await service.send(database, "payments.commands", "charge", {"order": order, "cents": message["cents"]})
    elif kind == "declined":
        await database.execute("UPDATE orders.saga SET step = 'release', at = now() WHERE order_id = $1", order)
        await service.send(database, "inventory.commands", "release", {"order": order})
    else:
        status = "CONFIRMED" if kind == "charged" else "CANCELLED"
        await database.execute("UPDATE orders.saga SET step = $2, at = now() WHERE order_id = $1", order, status)
        await database.execute("UPDATE orders.orders SET status = $2 WHERE order_id = $1", order, status)


async def place(service: Service, order: str, cents: int) -> None:
    """Accept an order, and begin its saga."""
    async with service.pool.acquire() as database, database.transaction():
        await database.execute("INSERT INTO orders.orders VALUES ($1, $2, 'PLACED')", order, cents)
        await database.execute("INSERT INTO orders.saga VALUES ($1, 'reserve')", order)
        await service.send(database, "inventory.commands", "reserve", {"order": order, "cents": cents})


class Process:
    """One process of the peer: some services' consumers, some services' relays."""

    def __init__(self, url: str, kafka: str, workers: int) -> None:
        self.url, self.workers = url, workers
        # acks=all by idempotence; a linger lets its batches form while a relay hands rows over.
        self.broker = KafkaBroker(kafka, enable_idempotence=True, acks="all", linger_ms=1, logger=None)
        self.relays: list[asyncio.Task[None]] = []
        self.stopping = False

    async def start(self, consumers: tuple[str, ...], relays: tuple[str, ...]) -> dict[str, Service]:
        self.pool = await asyncpg.create_pool(self.url, min_size=2, max_size=20)
        services = {name: Service(name, self.pool) for name in SERVICES}
        for name in consumers:
            self._consume(services[name])
        await self.broker.start()
        self.relays = [asyncio.create_task(self._relaying(services[name])) for name in relays]
        return services

    def _consume(self, service: Service) -> None:
        topic = "orders.replies" if service.name == "orders" else f"{service.name}.commands"
        work = saga if service.name == "orders" else participant

        @self.broker.subscriber(
            topic,
            group_id=service.name,
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.ACK,
            max_workers=self.workers,
        )
        async def handle(message: Message) -> None:
            async with service.pool.acquire() as database, database.transaction():
                if await service.new(database, message):
                    await work(service, database, message)

    async def _relaying(self, service: Service) -> None:
        while not self.stopping:
            if not await service.relay(self.broker):
                await asyncio.sleep(0.005)

    async def stop(self) -> None:
        self.stopping = True
        await asyncio.gather(*self.relays)
        await self.broker.stop()
        await self.pool.close()


async def prepare(url: str, kafka: str) -> None:
    """Tables and topics."""
    database = await asyncpg.connect(url)
    for name in SERVICES:
        await database.execute(LEDGERS.format(name))
    await database.execute(TABLES)
    await database.close()
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    topics = ("orders.replies", "inventory.commands", "payments.commands")
    await admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in topics])
    await admin.close()


async def run(options: argparse.Namespace, workers: int, number: int) -> float:
    """Checkouts per second, from the first order to the last decided, after some to warm up."""
    here = Process(options.url, options.kafka, workers)
    services = await here.start(("orders",), ())
    try:
        before = await here.pool.fetchval("SELECT count(*) FROM orders.orders")
        await _place(services["orders"], f"w{number}-", WARM)
        await _decided(here.pool, before + WARM)
        begun = time.perf_counter()
        placing = asyncio.create_task(_place(services["orders"], f"o{number}-", options.count))
        await _decided(here.pool, before + WARM + options.count)
        await placing
        return float(options.count / (time.perf_counter() - begun))
    finally:
        await here.stop()


async def _place(service: Service, name: str, count: int) -> None:
    at_once = asyncio.Semaphore(16)

    async def one(n: int) -> None:
        async with at_once:
            await place(service, f"{name}{n}", n)

    await asyncio.gather(*(one(n) for n in range(count)))


async def _decided(pool: asyncpg.Pool, count: int) -> None:
    until, decided = time.monotonic() + 240, -1
    while decided < count:
        decided = await pool.fetchval("SELECT count(*) FROM orders.orders WHERE status <> 'PLACED'")
        if time.monotonic() > until:
            raise SystemExit(f"{decided} of {count} orders are decided after 240 s")
        await asyncio.sleep(0.03)


async def verify(url: str, counts: list[int]) -> None:
    """Confirmed = paid = reserved, cancelled = released."""
    declined = sum(len(range(0, count, 10)) for count in counts)
    confirmed = sum(counts) - declined
    database = await asyncpg.connect(url)
    for question, expected in (
        ("SELECT count(*) FROM orders.orders WHERE status = 'CONFIRMED'", confirmed),
        ("SELECT count(*) FROM payments.payment", confirmed),
        ("SELECT count(*) FROM inventory.reservation WHERE state = 'RESERVED'", confirmed),
        ("SELECT count(*) FROM orders.orders WHERE status = 'CANCELLED'", declined),
        ("SELECT count(*) FROM inventory.reservation WHERE state = 'RELEASED'", declined),
    ):
        found = await database.fetchval(question)
        assert found == expected, (question, found, expected)
    await database.close()


async def serve(options: argparse.Namespace) -> None:
    """A process beside the orders: the participants with their relays, or the relay of the orders."""
    here = Process(options.url, options.kafka, int(options.at))
    both = ("inventory", "payments")
    await (here.start((), ("orders",)) if options.serve == "relay" else here.start(both, both))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)
    await here.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="an empty database")
    parser.add_argument("kafka", help="a broker without these topics: host:port")
    parser.add_argument("--count", type=int, default=1_000)
    parser.add_argument("--at", default="1,4,8", help="workers of each consumer; the best of them counts")
    parser.add_argument("--serve", choices=("participants", "relay"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve(options))
        return
    asyncio.run(prepare(options.url, options.kafka))
    rates: dict[str, float] = {}
    for number, workers in enumerate(options.at.split(",")):
        rates[workers] = _measured(options, workers, number)
        sys.stderr.write(f"{workers}: {rates[workers]:.1f}\n")
    asyncio.run(verify(options.url, [WARM, options.count] * len(rates)))
    best = max(rates, key=lambda at: rates[at])
    sys.stdout.write(f"{best} {rates[best]:.1f}\n")


def _measured(options: argparse.Namespace, workers: str, number: int) -> float:
    command = [sys.executable, __file__, options.url, options.kafka, "--at", workers]
    children = [
        subprocess.Popen([*command, "--serve", what], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for what in ("participants", "relay")
    ]
    try:
        for child in children:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n", f"a process of the peer ended with {child.wait()}"
        return asyncio.run(run(options, int(workers), number))
    finally:
        for child in children:
            child.communicate("stop\n", timeout=60)


if __name__ == "__main__":
    main()
