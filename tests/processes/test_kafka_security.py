"""A real broker that asks for a user, a password and ACLs, in plain text and over TLS: what works, the error texts,
and that no text shows the password."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from servers.kafka import KafkaOptions
from servers.process import free_port
from tests.certificates import certified
from tests.servers import kafka_cluster
from tests.waiting import until_blocking

from partita import App, Command, Event, Key, Service, Settings, Tx
from partita.bus.kafka.address import KafkaAddress
from partita.bus.kafka.topics import ASK_S
from partita.bus.port import Outgoing
from partita.errors import BusError, BusRefused, BusUnavailable
from partita.machine.system import this_machine

kafka = pytest.importorskip("confluent_kafka", reason="no Kafka client; to run these: pip install 'partita[kafka]'")
pytestmark = [pytest.mark.slow]
CANARY = "canary-5ecret"
USERS = {"app": CANARY, "bare": CANARY}
MORE = """
listeners=PLAINTEXT://127.0.0.1:{{port}},SASL://127.0.0.1:{sasl},TLS://127.0.0.1:{tls},CONTROLLER://127.0.0.1:{{controller}}
advertised.listeners=PLAINTEXT://127.0.0.1:{{port}},SASL://127.0.0.1:{sasl},TLS://127.0.0.1:{tls}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL:SASL_PLAINTEXT,TLS:SASL_SSL
sasl.enabled.mechanisms=SCRAM-SHA-256
listener.name.sasl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.tls.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.tls.ssl.keystore.type=PEM
listener.name.tls.ssl.keystore.location={keystore}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
# Whoever comes by the plain listeners is the test itself.
super.users=User:ANONYMOUS
"""
WITHIN_S = 30.0

vault = Service(
    "secure-vault",
    namespace="secure.vault",
    tables="CREATE TABLE IF NOT EXISTS kept (number BIGINT NOT NULL);",
)


class Put(Event, of=vault):
    key: Key[str]
    number: int


class Keep(Command[Put], of=vault):
    key: Key[str]
    number: int


@vault.handles(Keep)
async def keep(cmd: Keep) -> Put:
    return Put(key=cmd.key, number=cmd.number)


@vault.on
async def kept(event: Put, tx: Tx) -> None:
    await tx.execute("INSERT INTO kept (number) VALUES (:n)", n=event.number)


app = App(vault)


@dataclass(frozen=True)
class Secured:
    """The broker's addresses."""

    sasl: int
    tls: int
    authority: Path

    def url(self, user: str, password: str = CANARY, *, tls: bool = False) -> str:
        """As a user writes it."""
        if tls:
            return f"kafka://{user}:{password}@127.0.0.1:{self.tls}?ssl.ca.location={self.authority}"
        return f"kafka://{user}:{password}@127.0.0.1:{self.sasl}?security.protocol=SASL_PLAINTEXT"


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    authority, keystore = certified(tmp_path_factory.mktemp("certificates"))
    found = Secured(free_port(), free_port(), authority)
    more = MORE.format(sasl=found.sasl, tls=found.tls, keystore=keystore)
    with kafka_cluster(options=KafkaOptions(more=more, users=USERS)) as cluster:
        allow(cluster.servers)
        in_force(found)
        yield found


def allow(servers: str) -> None:
    """The user `app` may do everything that an app needs with its own names; `bare` may log in and nothing else."""
    from confluent_kafka.admin import (
        AclBinding,
        AclOperation,
        AclPermissionType,
        AdminClient,
        ResourcePatternType,
        ResourceType,
    )

    names = [(ResourceType.TOPIC, "secure."), (ResourceType.TOPIC, "_partita."), (ResourceType.GROUP, "secure-")]
    names.append((ResourceType.GROUP, "partita-schemas"))
    bindings = [
        AclBinding(kind, name, ResourcePatternType.PREFIXED, "User:app", "*", AclOperation.ALL, AclPermissionType.ALLOW)
        for kind, name in names
    ]
    admin = AdminClient({"bootstrap.servers": servers})
    for made in admin.create_acls(bindings).values():
        made.result(WITHIN_S)


@pytest.mark.parametrize("tls", [False, True], ids=["clear", "tls"])
async def test_with_the_right_password_all_works(secured: Secured, tls: bool, tmp_path: Path) -> None:
    """Topics are made, schemas kept, messages sent and handled."""
    mine = app.configured(Settings(data=tmp_path, bus=secured.url("app", tls=tls)))
    async with mine.running():
        for number in range(20):
            await mine.send(Keep(key="a", number=number))
        await mine.settled(WITHIN_S)  # also when the group has not joined yet
        # The database of the other case's group is gone: its handled messages come again, and first.
        assert (await rows(mine))[-20:] == list(range(20))


async def rows(mine: App) -> list[int]:
    """The kept messages, in the order handled."""
    async with mine.store("secure-vault").reading() as session:
        return [row["number"] for row in await session.fetch("SELECT number FROM kept ORDER BY rowid", {})]


def in_force(secured: Secured) -> None:
    """ACLs are not in force when the call that makes them returns: return when this user can make a topic."""
    from confluent_kafka.admin import AdminClient, NewTopic

    admin = AdminClient({**KafkaAddress.parse(secured.url("app")).admin(), "logger": logging.getLogger("quiet")})

    def are_in_force() -> bool:
        try:
            admin.create_topics([NewTopic("secure.in-force", 1)])["secure.in-force"].result(WITHIN_S)
        except kafka.KafkaException:
            return False
        return True

    until_blocking(are_in_force, WITHIN_S)


CASES = {
    "password": ("app", "wrong-" + CANARY, "The user name or the password is not accepted."),
    "acl": ("bare", CANARY, "ask for an ACL"),
}


@pytest.mark.parametrize("case", CASES)
async def test_what_is_refused_is_told_within_seconds(
    secured: Secured, case: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """The error has cause, place and remedy: from an append, from the app's own start, from doctor and topics; none
    of them shows the password."""
    caplog.set_level(logging.DEBUG)
    user, password, hint = CASES[case]
    url = secured.url(user, password)
    mine = app.configured(Settings(data=tmp_path, bus=url))

    began = time.monotonic()
    bus = mine.connect_bus(this_machine(), None).bus
    await bus.open()
    with pytest.raises(BusUnavailable) as told:
        await bus.append([Outgoing("secure.vault.events", "k", b"", b"", "one")])
    await bus.close()
    took = time.monotonic() - began
    started: Any = None
    try:
        async with mine.running():
            pass
    except BusError as error:
        started = error
    assert hint in str(told.value) and f"127.0.0.1:{secured.sasl}" in str(told.value)
    assert took < ASK_S, "the refusal is told when it is known, and not when the time is over"
    assert hint in caplog.text + str(started), "who starts an app reads why its messages wait, or why it does not start"
    if case == "password":
        assert isinstance(started, BusRefused) and started.exit_code == 2, "no waiting mends it"
    said = caplog.text + "".join(capfd.readouterr()) + str(told.value) + repr(told.value)
    said += repr(bus.address) + repr(mine.settings) + repr(KafkaAddress.parse(url))
    assert CANARY not in said


@pytest.mark.parametrize(
    ("case", "words"),
    [("password", ["doctor"]), ("password", ["topics", "plan"]), ("acl", ["topics", "apply", "--yes"])],
)
def test_no_command_shows_the_password(secured: Secured, case: str, words: list[str], tmp_path: Path) -> None:
    """Also when it is refused: no output has it, only the reason."""
    user, password, hint = CASES[case]
    told = {"PARTITA_BUS": secured.url(user, password), "PARTITA_DATA": str(tmp_path)}
    command = [sys.executable, "-c", "from partita.cli.main import main; main()", *words]
    spec = "tests.processes.test_kafka_security:app"
    done = subprocess.run(
        [*command, *(["--app", spec] if words == ["doctor"] else [spec])],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2]), **told},
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert CANARY not in said
    # Only `apply` reports a missing ACL: a plan takes topics without rights for missing ones.
    assert hint in said, said
