"""Apache Kafka in KRaft mode from its published Java artifacts: one broker, or a cluster of combined nodes."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from servers.class_archive import class_options
from servers.maven import artifacts, java
from servers.process import ServerFailed, ServerProcess, free_port

VERSION = "4.1.1"
MISSING = "no Kafka here; to have it: apt-get install default-jre-headless maven"
ARTIFACTS = (f"org.apache.kafka:kafka_2.13:{VERSION}", f"org.apache.kafka:kafka-tools:{VERSION}")
SETTINGS = """\
process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={folder}/data
num.partitions=4
default.replication.factor={copies}
min.insync.replicas={insync}
offsets.topic.replication.factor={copies}
offsets.topic.num.partitions=4
transaction.state.log.replication.factor={copies}
transaction.state.log.min.isr={insync}
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
# Tests that wait until a member is missed need not wait for six seconds.
group.min.session.timeout.ms=1000
auto.create.topics.enable=false
# A killed broker is let in again only when its old session has ended.
broker.session.timeout.ms={session}
broker.heartbeat.interval.ms=200
controller.quorum.election.timeout.ms=500
controller.quorum.fetch.timeout.ms=1000
"""


@dataclass(frozen=True, slots=True)
class KafkaCluster:
    """The nodes of a cluster, each broker and controller, and where clients find them."""

    nodes: tuple[ServerProcess, ...]
    ports: tuple[int, ...]

    @property
    def url(self) -> str:
        """As Partita's settings name it."""
        return f"kafka://{self.servers}"

    @property
    def servers(self) -> str:
        """As Kafka's clients name it."""
        return ",".join(f"127.0.0.1:{port}" for port in self.ports)

    def start(self) -> None:
        """Start all nodes together; ready when a record was acknowledged."""
        until = time.monotonic() + 60
        try:
            for node in self.nodes:
                node.start()
            while not acknowledges(self.servers):
                if time.monotonic() > until:
                    raise ServerFailed(f"{self.servers} acknowledges nothing; see {self.nodes[0].folder}/log")
        except ServerFailed:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop all nodes. Of several the last would wait for a majority that is gone: they are killed."""
        for node in self.nodes:
            node.stop() if len(self.nodes) == 1 else node.kill()


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaOptions:
    """What a cluster has beside the usual: lines for its settings, which may name {port} and {controller} and may
    replace any of ours; and users (name to password) that SCRAM-SHA-256 knows from the start."""

    more: str = ""
    users: Mapping[str, str] = field(default_factory=dict)


def kafka(
    folder: Path, ports: Sequence[int], *, session_ms: int = 1_000, options: KafkaOptions | None = None
) -> KafkaCluster:
    """A cluster of as many nodes as there are ports, its data in `folder`, formatted where it is new.

    Raises:
        ServerFailed: there is no Java, no Maven, or the folder cannot be formatted.
    """
    program = java()
    if program is None:
        raise ServerFailed(MISSING)
    jars = artifacts("kafka", VERSION, ARTIFACTS, MISSING)
    java_options = class_options(jars, program, lambda more: _once(_Jvm(program, jars, more)))
    return _cluster(_Jvm(program, jars, java_options), folder, ports, session_ms, options or KafkaOptions())


@dataclass(frozen=True, slots=True)
class _Jvm:
    program: str
    jars: Path
    options: Sequence[str] = ()

    def command(self, *words: str, options: Sequence[str] = ()) -> list[str]:
        return [self.program, *options, "-cp", f"{self.jars}/libs/*", *words]


def _once(jvm: _Jvm) -> None:
    """A broker that starts and stops."""
    with tempfile.TemporaryDirectory() as folder:
        cluster = _cluster(jvm, Path(folder), [free_port()], 1_000, KafkaOptions())
        cluster.start()
        cluster.stop()


def _cluster(jvm: _Jvm, folder: Path, ports: Sequence[int], session_ms: int, options: KafkaOptions) -> KafkaCluster:
    controllers = _controllers(folder, len(ports))
    voters = ",".join(f"{n}@127.0.0.1:{port}" for n, port in enumerate(controllers, 1))
    nodes = []
    for number, (port, controller) in enumerate(zip(ports, controllers, strict=True), 1):
        place = folder if len(ports) == 1 else folder / f"node-{number}"
        place.mkdir(parents=True, exist_ok=True)
        many = len(ports) > 2
        text = SETTINGS.format(
            node=number, voters=voters, port=port, controller=controller, folder=place,
            copies=3 if many else 1, insync=2 if many else 1, session=session_ms,
        )  # fmt: skip
        text += options.more.format(port=port, controller=controller)
        (place / "server.properties").write_text(text, encoding="utf-8")
        if not (place / "data" / "meta.properties").exists():
            _format(jvm, place, number, options.users)
        command = jvm.command(
            "kafka.Kafka", str(place / "server.properties"),
            options=[
                "-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", *jvm.options,
                f"-Dlog4j2.configurationFile={jvm.jars}/log4j2.xml",
            ],
        )  # fmt: skip
        # One node of several serves nothing until the others vote: only the whole cluster can be asked.
        ready = (lambda p=port: acknowledges(f"127.0.0.1:{p}")) if len(ports) == 1 else (lambda: True)
        nodes.append(ServerProcess(f"Kafka {number}", place, command, ready))
    return KafkaCluster(tuple(nodes), tuple(ports))


def _controllers(folder: Path, count: int) -> list[int]:
    """The controllers' ports: kept with the data, since the voters are written there."""
    kept = folder / "controllers"
    if not kept.exists():
        folder.mkdir(parents=True, exist_ok=True)
        kept.write_text(" ".join(str(free_port()) for _ in range(count)), encoding="utf-8")
    return [int(port) for port in kept.read_text(encoding="utf-8").split()]


_formatted: dict[object, dict[str, bytes]] = {}


def _format(jvm: _Jvm, place: Path, number: int, users: Mapping[str, str]) -> None:
    """What the tool writes names the node and the users and nothing of this cluster: it is asked once for each."""
    which = (jvm.jars, number, tuple(users.items()))
    data = place / "data"
    if which not in _formatted:
        _format_by_tool(jvm, place, users)
        _formatted[which] = {file.name: file.read_bytes() for file in data.iterdir()}
    data.mkdir(exist_ok=True)
    for name, content in _formatted[which].items():
        (data / name).write_bytes(content)


def _format_by_tool(jvm: _Jvm, place: Path, users: Mapping[str, str]) -> None:
    cluster_id = "cGFydGl0YS1kZXYtMDAwMQ"  # any 16 bytes in base64; the nodes of a cluster share it
    words = ["kafka.tools.StorageTool", "format", "--cluster-id", cluster_id]
    for name, password in users.items():
        words += ["--add-scram", f"SCRAM-SHA-256=[name={name},password={password}]"]
    tool = jvm.command(*words, "-c", str(place / "server.properties"))
    made = subprocess.run(tool, capture_output=True, check=False, timeout=60)
    if made.returncode:
        raise ServerFailed(f"Kafka's storage in {place}: {made.stderr.decode('utf-8', 'replace')[-1_000:]}")


def acknowledges(servers: str) -> bool:
    """Whether a record is acknowledged there: that a port accepts says nothing."""
    from confluent_kafka import KafkaException, Producer
    from confluent_kafka.admin import AdminClient, NewTopic

    quiet = {
        "bootstrap.servers": servers, "log_level": 0, "socket.timeout.ms": 3_000, "logger": _silent(),
        "reconnect.backoff.max.ms": 100,
    }  # fmt: skip
    admin = AdminClient(quiet)
    try:
        if "_ready" not in admin.list_topics(timeout=1.0).topics:
            # Without waiting: who asks first makes it.
            for made in admin.create_topics([NewTopic("_ready", 1)], operation_timeout=3).values():
                made.result(timeout=5)
    except (KafkaException, TimeoutError):
        return False
    said: list[object] = []
    producer = Producer(quiet | {"message.timeout.ms": 2_000, "acks": "all"})
    producer.produce("_ready", b"", on_delivery=lambda error, _: said.append(error))
    producer.flush(3)
    return said == [None]


def _silent() -> object:
    import logging

    logger = logging.getLogger("servers.kafka")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    return logger
