"""The relay, PostgreSQL to Kafka, beside Debezium's outbox router (tuned) and the raw limits, in one run on real servers.

Backlog: rows that wait are drained; the time is the broker's, from the first record appended to the last, so that
the start of a process does not count; and each has drained a part before, so that no program is cold. Raw claim is the relay's own
query and its marks without a bus; raw produce is the same records with the same headers and callbacks without a
database. Latency: rows committed at a rate by one writer, each until a consumer has it. Every run's records are counted:
all rows, each once.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from servers.debezium import debezium
from servers.kafka import KafkaCluster, kafka
from servers.postgres import postgres, url
from servers.process import free_port

from partita import App, Event, Key, Service, Settings
from partita.bus.kafka.address import KafkaAddress
from partita.bus.kafka.wire import headers_of
from partita.bus.port import Outgoing
from partita.clock import SystemClock, SystemIds
from partita.machine.system import this_machine
from partita.message import Envelope, envelope_to_bytes
from partita.outbox.debezium import as_json, connector, heartbeat_topic
from partita.store.connect import connect_handover, connect_store
from partita.store.outbox import SLOTS, OutboxRow
from partita.store.port import Store
from partita.texts.key_hash import slot_of

SERVICE, SLOT, KEYS, BATCH = "relayed", "relay_bench", 1_000, 1_000
WARM = 4  # each relay first drains so small a part of the backlog: a virtual machine that is cold is no peer
service = Service(SERVICE, namespace="bench.relay")


class Happened(Event, of=service):
    key: Key[str]


TOPIC = service.events_topic
app = App(service)


def rows_of(count: int, run: str) -> list[OutboxRow]:
    """Rows as handlers leave them: an envelope of its usual size and a value of 200 bytes."""
    ids, clock = SystemIds(SystemClock()), SystemClock()
    made = []
    for number in range(count):
        key, name = f"{run}-{number % KEYS}", ids.new()
        envelope = Envelope(
            id=name, source="relayed/1a2b3c4d.1", type="bench.relay.happened.v1", time_us=clock.now_us(),
            correlation_id=ids.new(), causation_id=ids.new(), schema="9f0e8d7c6b5a4f3e", key_sequence=number // KEYS + 1,
        )  # fmt: skip
        made.append(
            OutboxRow(name, TOPIC, key, envelope.type, os.urandom(200), envelope_to_bytes(envelope),
                      envelope.correlation_id, envelope.causation_id, slot_of(key, SLOTS), envelope.time_us)
        )  # fmt: skip
    return made


class Worker(NamedTuple):
    """The process of a relay."""

    pid: int

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """The program is stopped meanwhile: the rows written then are a backlog for a program that is warm."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)


class Ground:
    """The servers of a benchmark, its store and its topic."""

    def __init__(self, folder: Path, cluster: KafkaCluster, where: str) -> None:
        self.folder, self.cluster, self.url = folder, cluster, where
        self.store: Store = connect_store(where, this_machine(), service=SERVICE, tables="")
        self.handover = connect_handover(where, this_machine(), [SERVICE], SLOT)

    def topics(self, *names: str) -> None:
        admin = AdminClient({"bootstrap.servers": self.cluster.servers})
        settings = {"message.timestamp.type": "LogAppendTime", "max.message.bytes": "2200000"}
        for made in admin.create_topics([NewTopic(n, 4, 1, config=settings) for n in names]).values():
            with contextlib.suppress(Exception):  # it is there from the run before
                made.result(10)

    async def fill(self, rows: list[OutboxRow]) -> None:
        for start in range(0, len(rows), 5_000):
            async with self.store.transaction() as session:
                await session.outbox.add(rows[start : start + 5_000])

    async def waiting(self) -> int:
        async with self.store.reading() as session:
            return (await session.outbox.status()).pending

    @contextlib.contextmanager
    def relay(self) -> Iterator[Worker]:
        """A process with this app's relay, as `partita run --roles relay` starts it."""
        environment = {**os.environ, "PARTITA_STORE": self.url, "PARTITA_BUS": self.cluster.url}
        command = [sys.executable, __file__, "--relay", str(self.folder / "data")]
        child = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert child.stdout is not None
        try:
            assert child.stdout.readline() == b"ready\n"
            yield Worker(child.pid)
        finally:
            child.kill()
            child.wait()

    @contextlib.contextmanager
    def debezium(self) -> Iterator[Worker]:
        """A Connect with the connector that `partita outbox debezium` prints, and offsets of its own: its slot is new."""
        printed = as_json(connector(self.handover.place, SLOT), SLOT)
        access = {"PARTITA_DEBEZIUM_USER": "postgres", "PARTITA_DEBEZIUM_PASSWORD": "-"}
        worker = debezium(Path(tempfile.mkdtemp(dir=self.folder)), free_port(), self.cluster.servers, printed, access)
        worker.start()
        assert worker.child is not None
        try:
            yield Worker(worker.child.pid)
        finally:
            worker.stop()


class Log:
    """Reads the topic from where it ended when this was made."""

    def __init__(self, ground: Ground) -> None:
        self._consumer = Consumer(
            {"bootstrap.servers": ground.cluster.servers, "group.id": "bench", "enable.auto.commit": False,
             "fetch.wait.max.ms": 5, "fetch.min.bytes": 1}
        )  # fmt: skip
        ends = [TopicPartition(TOPIC, p) for p in range(4)]
        for place in ends:
            place.offset = self._consumer.get_watermark_offsets(place)[1]
        self._consumer.assign(ends)

    def read(self, count: int, within_s: float, on_id: Any = None) -> dict[str, int]:
        """The ids that came, each with the broker's time in milliseconds; until there are so many, or time is up."""
        found: dict[str, int] = {}
        until = time.monotonic() + within_s
        while len(found) < count and time.monotonic() < until:
            for message in self._consumer.consume(1_000 if on_id is None else 100, 0.002):
                if message.error() is None:
                    envelope = dict(message.headers())["partita"]
                    name = json_id(envelope)
                    found.setdefault(name, message.timestamp()[1])
                    if on_id is not None:
                        on_id(name)
        return found

    def close(self) -> None:
        self._consumer.close()


def json_id(envelope: bytes) -> str:
    """The id of an envelope without decoding it all: `id` is its first field."""
    start = envelope.index(b"\xa2id") + 3
    return envelope[start + 2 : start + 2 + envelope[start + 1]].decode() if envelope[start] == 0xD9 else (
        envelope[start + 1 : start + 1 + (envelope[start] & 0x1F)].decode()
    )  # fmt: skip


def drained(log: Log, rows: list[OutboxRow], who: str) -> float:
    """Events per second of a drain, by the broker's clock; all rows must be there."""
    found = log.read(len(rows), 240)
    missing = {row.id for row in rows} - found.keys()
    if missing:
        raise SystemExit(f"{who}: {len(missing):,} of {len(rows):,} rows did not come")
    times = found.values()
    return len(rows) / max(0.001, (max(times) - min(times)) / 1_000)


def cpu_s(pid: int) -> float:
    """Processor time of a process so far: what it costs whatever else the machine does."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


async def raw_claim(ground: Ground, count: int) -> float:
    """The relay's query and its marks, alone."""
    began, taken = time.perf_counter(), 0
    while taken < count:
        for slot in range(SLOTS):
            async with ground.store.reading() as session:
                rows = await session.outbox.unsent([slot], BATCH)
            await ground.store.sent([(slot, row.seq) for _, row in rows])
            taken += len(rows)
    return count / (time.perf_counter() - began)


def raw_produce(ground: Ground, rows: list[OutboxRow]) -> float:
    """The producer alone: the same settings, headers made before, a callback per record."""
    producer = Producer(KafkaAddress.parse(ground.cluster.url).producer())
    records = [
        (r.aggregateid, r.payload, headers_of(Outgoing("raw", r.aggregateid, r.headers, r.payload, r.id))) for r in rows
    ]
    answered: list[Any] = []
    began = time.perf_counter()
    for key, value, headers in records:
        while True:
            try:
                producer.produce(
                    "raw", value=value, key=key, headers=headers, on_delivery=lambda e, _: answered.append(e)
                )
                break
            except BufferError:
                producer.poll(0.01)
        producer.poll(0)
    producer.flush(60)
    took = time.perf_counter() - began
    assert answered.count(None) == len(rows)
    return len(rows) / took


async def latency(ground: Ground, rate: int, seconds: float) -> list[float]:
    """Milliseconds from the commit of a row to its arrival at a consumer, sorted; one row per transaction."""
    rows = rows_of(int(rate * seconds), f"lat{time.monotonic_ns()}")
    log = Log(ground)
    arrived: dict[str, float] = {}
    reader = threading.Thread(
        target=log.read, args=(len(rows), seconds + 30, lambda name: arrived.setdefault(name, time.perf_counter()))
    )
    reader.start()
    committed: dict[str, float] = {}

    async def commit(row: OutboxRow) -> None:
        async with ground.store.transaction() as session:
            await session.outbox.add([row])
        committed[row.id] = time.perf_counter()

    began, tasks = time.perf_counter(), []
    for number, row in enumerate(rows):
        await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
        tasks.append(asyncio.create_task(commit(row)))
    await asyncio.gather(*tasks)
    await asyncio.to_thread(reader.join)
    log.close()
    assert len(arrived) == len(rows), f"{len(rows) - len(arrived)} rows did not come"
    # A commit is known a moment after it happened: what was read before counts as at once.
    return sorted(max(0.0, (arrived[name] - at) * 1_000) for name, at in committed.items())


async def our_turn(ground: Ground, count: int, seconds: float) -> dict[str, Any]:
    rows = rows_of(count, f"claim{time.monotonic_ns()}")
    await ground.fill(rows)
    found: dict[str, Any] = {"claim": await raw_claim(ground, count), "produce": raw_produce(ground, rows)}
    rows = rows_of(count // WARM, f"warm{time.monotonic_ns()}")
    await ground.fill(rows)
    log = Log(ground)
    with ground.relay() as worker:
        await asyncio.to_thread(drained, log, rows, "our relay, to warm up")
        rows = rows_of(count, f"ours{time.monotonic_ns()}")
        while await ground.waiting():
            await asyncio.sleep(0.05)
        with worker.frozen():
            await ground.fill(rows)
        before = cpu_s(worker.pid)
        found["ours"] = await asyncio.to_thread(drained, log, rows, "our relay")
        while await ground.waiting():
            await asyncio.sleep(0.05)
        found["ours_cpu_us"] = (cpu_s(worker.pid) - before) / count * 1e6
        for rate in (200, 1_000):
            found[f"ours_{rate}"] = await latency(ground, rate, seconds)
    log.close()
    return found


async def debezium_turn(ground: Ground, count: int, seconds: float) -> dict[str, Any]:
    await ground.handover.prepare()
    await ground.handover.hand_over()
    rows = rows_of(count // WARM, f"warm{time.monotonic_ns()}")
    await ground.fill(rows)
    log = Log(ground)
    found: dict[str, Any] = {}
    with ground.debezium() as worker:
        await asyncio.to_thread(drained, log, rows, "Debezium, to warm up")
        rows = rows_of(count, f"dbz{time.monotonic_ns()}")
        with worker.frozen():
            await ground.fill(rows)
        found["debezium"] = await asyncio.to_thread(drained, log, rows, "Debezium")
        for rate in (200, 1_000):
            found[f"debezium_{rate}"] = await latency(ground, rate, seconds)
    log.close()
    await ground.handover.hold()
    await ground.handover.release()
    await ground.handover.forget()
    return found


async def measure(options: argparse.Namespace) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    with tempfile.TemporaryDirectory(prefix="partita-bench-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        port = free_port()
        database, cluster = (
            postgres(folder / "postgres", port, max_wal_size="2GB"),
            kafka(folder / "kafka", [free_port()]),
        )
        try:
            database.start()
            cluster.start()
            ground = Ground(folder, cluster, url(port))
            ground.topics(TOPIC, "raw", heartbeat_topic(SLOT))
            await ground.store.open()
            await ground.handover.open()
            for turn in range(options.runs):
                say(f"run {turn + 1} of {options.runs} ...")
                said = await our_turn(ground, options.rows, options.seconds)
                if not options.ours:
                    said |= await debezium_turn(ground, options.rows, options.seconds)
                for what, value in said.items():
                    found.setdefault(what, []).append(value)
                say(
                    "  " + ", ".join(f"{what} {value:,.0f}" for what, value in said.items() if isinstance(value, float))
                )
            await ground.store.close()
            await ground.handover.close()
        finally:
            cluster.stop()
            database.stop()
    return found


async def be_relay(data: Path) -> None:
    """Run this app's relay until the parent ends."""
    mine = app.configured(Settings.from_environment(data=data))
    async with mine.running(roles=("relay",)):
        os.write(1, b"ready\n")
        await asyncio.to_thread(sys.stdin.buffer.read)


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def percentile(values: list[float], percent: float) -> float:
    return values[min(len(values) - 1, int(len(values) * percent / 100))]


def table_of(found: dict[str, list[Any]]) -> list[tuple[str, str, str]]:
    middle = {what: statistics.median(values) for what, values in found.items() if isinstance(values[0], float)}
    limit = [min(c, p) for c, p in zip(found["claim"], found["produce"], strict=True)]
    share = statistics.median(o / x for o, x in zip(found["ours"], limit, strict=True))
    lines = [
        ("backlog, our relay, events/s (median)", f"{middle['ours']:,.0f}", ""),
        ("raw claim, rows/s", f"{middle['claim']:,.0f}", ""),
        ("raw produce, records/s", f"{middle['produce']:,.0f}", ""),
        ("our relay of the slower of both", f"{share:.0%}", ">= 50 %"),
        ("our relay's processor time for a row, us (least)", f"{min(found['ours_cpu_us']):.1f}", ""),
    ]
    if "debezium" in found:
        ratio = statistics.median(o / d for o, d in zip(found["ours"], found["debezium"], strict=True))
        lines.insert(1, ("backlog, Debezium tuned, events/s", f"{middle['debezium']:,.0f}", ""))
        lines.insert(2, ("our relay beside Debezium", f"{ratio:.2f}x", ">= 1.5x"))
    for who, name in (("ours", "our relay"), ("debezium", "Debezium tuned")):
        for rate in (200, 1_000):
            runs = found.get(f"{who}_{rate}")
            if runs:
                p50, p95 = (statistics.median(percentile(run, p) for run in runs) for p in (50, 95))
                aim = "p50 <= 5" if who == "ours" else ""
                lines.append((f"commit to consumer at {rate}/s, {name}, p50 / p95 ms", f"{p50:.1f} / {p95:.1f}", aim))
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     epilog="Example: .venv/bin/python bench/relay.py --quick")  # fmt: skip
    parser.add_argument("--rows", type=int, default=200_000, help="rows of a backlog")
    parser.add_argument("--runs", type=int, default=5, help="runs, all sides in turn")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each rate is held")
    parser.add_argument("--quick", action="store_true", help="three runs of a tenth of the work, for a look")
    parser.add_argument("--ours", action="store_true", help="without Debezium")
    parser.add_argument("--relay", type=Path, metavar="DIR", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.relay:
        asyncio.run(be_relay(options.relay))
        return
    if options.quick:
        options.rows, options.runs, options.seconds = options.rows // 10, 3, 3.0
    found = asyncio.run(measure(options))
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    short = {
        what: values
        if isinstance(values[0], float)
        else [{"p50": percentile(v, 50), "p95": percentile(v, 95)} for v in values]
        for what, values in found.items()
    }
    results = {"at": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime()), "machine": machine, "quick": options.quick,
               "rows": options.rows, "runs": short}  # fmt: skip
    target = ROOT / "bench" / "results" / "relay.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(results, indent=2) + "\n")
    lines = table_of(found)
    width = max(len(row[0]) for row in lines)
    sys.stdout.write("\n".join([machine, "", *(f"{a:<{width}}  {b:>16}  {c}" for a, b, c in lines)]) + "\n")


if __name__ == "__main__":
    main()
