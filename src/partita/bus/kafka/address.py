"""The address of a Kafka cluster and the settings of its clients: from a URL, with the settings that our guarantees need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from partita.errors import SettingsError
from partita.size import RECORD_BYTES_MAX

QUOTED = "In a user name or password, write # / ? @ [ ] as %23 %2F %3F %40 %5B %5D."
EXAMPLE = "kafka://broker-1:9092,broker-2:9092?security.protocol=SASL_SSL&sasl.mechanism=SCRAM-SHA-512"
PRODUCER: Mapping[str, Any] = {
    "acks": "all",
    "enable.idempotence": True,
    # If a message were given up while a later one of its key was taken, their order would turn. So none is given up (0 =
    # wait for ever), and an error that leaves a gap ends the producer.
    "enable.gapless.guarantee": True,
    "message.timeout.ms": 0,
    "partitioner": "murmur2_random",  # as Java's clients place keys, so that their joins find ours
    "linger.ms": 1,
    "compression.type": "lz4",
    "message.max.bytes": RECORD_BYTES_MAX + 65_536,
}
CONSUMER: Mapping[str, Any] = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    # The start of a group is decided when it gets a partition; a missing offset is a loss that must be reported.
    "auto.offset.reset": "error",
    "partition.assignment.strategy": "cooperative-sticky",
    "isolation.level": "read_committed",
    "session.timeout.ms": 10_000,
    "heartbeat.interval.ms": 1_000,
    "max.poll.interval.ms": 300_000,
    "fetch.wait.max.ms": 100,
    "queued.min.messages": 10_000,
    "queued.max.messages.kbytes": 16_384,
    "topic.metadata.refresh.interval.ms": 30_000,
}
COMMON: Mapping[str, Any] = {
    "client.id": "partita",
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 1_000,
}
# Settings that a user must not change, by each of their names: else messages are lost, doubled or reordered.
OURS = ("acks", "request.required.acks", "enable.idempotence", "enable.auto.commit", "auto.commit.enable",
        "enable.auto.offset.store", "auto.offset.reset", "enable.gapless.guarantee", "message.timeout.ms",
        "delivery.timeout.ms", "partitioner", "partition.assignment.strategy", "group.id", "group.instance.id",
        "transactional.id", "bootstrap.servers", "metadata.broker.list")  # fmt: skip
CONSUMERS_ONLY = ("session.timeout.ms", "heartbeat.interval.ms", "max.poll.interval.ms", "fetch.", "queued.")
PRODUCERS_ONLY = ("linger.ms", "batch.", "compression.", "queue.buffering.")


@dataclass(frozen=True, slots=True)
class KafkaAddress:
    """Servers and settings of a cluster; neither its `repr` nor `shown` contains a secret."""

    servers: str
    given: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, url: str) -> KafkaAddress:
        """`kafka://[user:password@]host:port[,host:port]?librdkafka.setting=value`; the setting `config` names a file of
        `name=value` lines, a better place for secrets than a URL.

        Raises:
            SettingsError: it names no server, the file cannot be read, or a setting must not be changed.
        """
        credentials, servers, query = _parts(url)
        given: dict[str, str] = {}
        path = query.pop("config", "")
        if path:
            given.update(_properties(Path(path)))
        given.update(query)
        if credentials:
            user, _, password = credentials.partition(":")
            given |= {"sasl.username": unquote(user), "sasl.password": unquote(password)}
            given.setdefault("sasl.mechanism", "SCRAM-SHA-256")
            given.setdefault("security.protocol", "SASL_SSL")
        for name in given:
            if name in OURS:
                raise SettingsError(f"The Kafka setting {name} must not be changed: our guarantees depend on it.")
        return cls(servers, given)

    @property
    def shown(self) -> str:
        """For people and logs."""
        return f"kafka://{self.servers}"

    def producer(self) -> dict[str, Any]:
        """Librdkafka's settings of a producer."""
        return self._client(PRODUCER, CONSUMERS_ONLY)

    def consumer(self, group: str, instance: str = "") -> dict[str, Any]:
        """Librdkafka's settings of a consumer in a group; with `instance` a static member of it."""
        static = {"group.instance.id": f"{group}-{instance}"} if instance else {}
        return self._client(CONSUMER, PRODUCERS_ONLY) | {"group.id": group} | static

    def admin(self) -> dict[str, Any]:
        """Librdkafka's settings of an administrator."""
        return self._client({}, (*CONSUMERS_ONLY, *PRODUCERS_ONLY))

    def _client(self, ours: Mapping[str, Any], without: tuple[str, ...]) -> dict[str, Any]:
        given = {name: value for name, value in self.given.items() if not name.startswith(without)}
        return {**COMMON, **ours, **given, "bootstrap.servers": self.servers}


def _parts(url: str) -> tuple[str, str, dict[str, str]]:
    """Credentials, servers and settings. A wrong part is not quoted: it may be the rest of a password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise SettingsError("The Kafka URL cannot be read.", hint=QUOTED) from None
    credentials, _, servers = parts.netloc.rpartition("@")
    if not servers:
        raise SettingsError("The Kafka URL names no server.", hint=EXAMPLE)
    if parts.path.strip("/") or parts.fragment or "#" in url:
        raise SettingsError(
            "The part after the servers in the Kafka URL has no meaning.", hint=f"{QUOTED} An example: {EXAMPLE}"
        )
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    if not all(map(_is_server, servers.split(","))) or any("@" in name for name in query):
        raise SettingsError("A server in the Kafka URL is not a host:port.", hint=f"{QUOTED} An example: {EXAMPLE}")
    return credentials, servers, query


def _is_server(text: str) -> bool:
    host, colon, port = text.rpartition(":")
    return bool(host) and port.isdecimal() if colon and not text.endswith("]") else bool(text)


def _properties(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not UTF-8 text.", hint="config= names a file of name=value lines.") from error
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}.", hint="config= names a file of name=value lines.") from error
    found: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        name, mark, value = line.partition("=")
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not mark or not name.strip():  # not quoted: it may be the rest of a password
            raise SettingsError(f"{path}: line {number} is not a name=value.", hint="A comment begins with #.")
        found[name.strip()] = value.strip()
    return found
