"""The limits of the machine beside which all else is read: pgbench, COPY and unnest, librdkafka, Kafka's own tools."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import time
import uuid
from pathlib import Path
from typing import Any

import asyncpg
from confluent_kafka import Producer
from place import Stage
from servers.kafka import ARTIFACTS, MISSING, VERSION
from servers.maven import artifacts, java
from servers.postgres import programs

TABLE = "CREATE TABLE raw (id UUID PRIMARY KEY, key TEXT NOT NULL, payload BYTEA NOT NULL)"
UNNEST = "INSERT INTO raw SELECT * FROM unnest($1::uuid[], $2::text[], $3::bytea[])"
SCRIPT = """\\set id random(1, 1000000000)
BEGIN;
INSERT INTO entry (id, text) VALUES (:id, 'x') ON CONFLICT DO NOTHING;
UPDATE counter SET n = n + 1 WHERE id = :client_id;
COMMIT;
"""
HEADERS: list[tuple[str, str | bytes | None]] = [(f"ce_{n}", b"0123456789abcdef") for n in range(10)]


def limits(stage: Stage, seconds: int) -> dict[str, float]:
    """Each limit, per second."""
    if stage.kafka:
        return {**_librdkafka(stage.kafka, seconds), **_tools(stage.kafka, 200_000 * seconds)}
    with stage.database() as url:
        found = _pgbench(url, seconds)
        return {**found, **asyncio.run(_rows(url, seconds))}


def _pgbench(url: str, seconds: int) -> dict[str, float]:
    where = programs()
    assert where is not None
    tables = (
        "CREATE TABLE entry (id BIGINT PRIMARY KEY, text TEXT); CREATE TABLE counter (id INT PRIMARY KEY, n BIGINT); "
    )
    fill = "INSERT INTO counter SELECT n, 0 FROM generate_series(0, 99) AS n"
    subprocess.run([where / "psql", "-X", "-q", "-c", tables + fill, url], check=True)
    found = {}
    for clients in (1, 8, 32):
        words = ["-n", "-f", "-", "-M", "prepared", "-T", str(seconds), "-c", str(clients), "-j", "2", url]
        done = subprocess.run([where / "pgbench", *words], input=SCRIPT, capture_output=True, text=True, check=True)
        tps = re.search(r"tps = ([\d.]+)", done.stdout)
        assert tps is not None, done.stdout
        found[f"transactions of an INSERT and an UPDATE, pgbench, {clients} clients"] = float(tps[1])
    return found


async def _rows(url: str, seconds: float) -> dict[str, float]:
    database = await asyncpg.connect(url)
    await database.execute(TABLE)
    found = {}
    for size in (100, 1_000):
        for name in ("unnest", "COPY"):
            written, begun = 0, time.perf_counter()
            while time.perf_counter() - begun < seconds:
                rows = [(uuid.uuid1(), "key", b"x" * 200) for _ in range(size)]
                if name == "COPY":
                    await database.copy_records_to_table("raw", records=rows)
                else:
                    await database.execute(UNNEST, *(list(column) for column in zip(*rows, strict=True)))
                written += size
            found[f"rows by {name} through asyncpg, {size:,} a transaction"] = written / (time.perf_counter() - begun)
    await database.close()
    return found


def _librdkafka(servers: str, seconds: float) -> dict[str, float]:
    from confluent_kafka.admin import AdminClient, NewTopic

    admin = AdminClient({"bootstrap.servers": servers, "log_level": 0})
    for made in admin.create_topics([NewTopic("raw", 4), NewTopic("tools", 4)]).values():
        made.result()
    found = {}
    for name, headers in (("without headers", None), ("with 10 headers", HEADERS)):
        settings: dict[str, Any] = {"bootstrap.servers": servers, "acks": "all", "enable.idempotence": True}
        producer = Producer({**settings, "linger.ms": 1, "compression.type": "lz4", "log_level": 0})
        answers: list[object] = []

        def acknowledged(error: object, _: object, answers: list[object] = answers) -> None:
            answers.append(error)

        begun, n = time.perf_counter(), 0
        while time.perf_counter() - begun < seconds:
            try:
                producer.produce("raw", b"x" * 200, f"key{n}", headers=headers, on_delivery=acknowledged)
                n += 1
            except BufferError:
                producer.poll(0.01)
            if not n % 500:
                producer.poll(0)
        producer.flush(60)
        assert answers == [None] * n, "not all were acknowledged"
        found[f"records by librdkafka from Python, acks=all, {name}"] = n / (time.perf_counter() - begun)
    return found


def _tools(servers: str, count: int) -> dict[str, float]:
    """Kafka's own tools, which are Java."""
    program, jars = java(), artifacts("kafka", VERSION, ARTIFACTS, MISSING)
    assert program is not None
    run = [program, "-Xmx256m", "-cp", f"{jars}/libs/*"]
    produce = ["org.apache.kafka.tools.ProducerPerformance", "--topic", "tools", "--num-records", str(count)]
    produce += ["--record-size", "200", "--throughput", "-1", "--producer-props", f"bootstrap.servers={servers}"]
    settings = ["acks=all", "enable.idempotence=true", "linger.ms=1", "compression.type=lz4"]
    said = _said([*run, *produce, *settings])
    rate = re.findall(r"([\d.]+) records/sec", said)
    consume = ["org.apache.kafka.tools.ConsumerPerformance", "--bootstrap-server", servers, "--topic", "tools"]
    heard = _said([*run, *consume, "--messages", str(count), "--timeout", "60000"])
    rows = [line.split(",") for line in heard.splitlines() if line.count(",") > 5]
    column = [name.strip() for name in rows[0]].index("fetch.nMsg.sec")
    return {
        "records by Kafka's ProducerPerformance, acks=all": float(rate[-1]),
        "records by Kafka's ConsumerPerformance": float(rows[-1][column]),
    }


def _said(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, cwd=Path("/tmp"), env=dict(os.environ))
    assert done.returncode == 0, done.stderr[-2_000:]
    return done.stdout
