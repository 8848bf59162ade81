"""The address of a cluster, and the settings that its clients accept."""

from __future__ import annotations

from pathlib import Path

import pytest

from partita.clock import SystemClock
from partita.errors import SettingsError

pytest.importorskip("confluent_kafka", reason="no Kafka client; to run these: pip install 'partita[kafka]'")
from partita.bus.kafka.address import OURS, KafkaAddress
from partita.bus.kafka.administration import KafkaAdministration
from partita.bus.kafka.bus import KafkaBus

SERVER = "kafka://127.0.0.1:1"


@pytest.mark.parametrize("setting", OURS)
def test_what_our_guarantees_stand_on_is_refused_by_each_of_its_names(setting: str) -> None:
    assert {"delivery.timeout.ms", "request.required.acks", "metadata.broker.list"} <= set(OURS)
    with pytest.raises(SettingsError, match="must not be changed"):
        KafkaAddress.parse(f"{SERVER}?{setting}=1")


@pytest.mark.parametrize("sign", "#/?[")
def test_a_sign_in_a_password_that_ends_the_server_is_not_taken_for_one(sign: str) -> None:
    """The error shows neither half of the password, and says how to write it."""
    with pytest.raises(SettingsError, match="%23") as told:
        KafkaAddress.parse(f"kafka://svc:S3cr{sign}c4nary@broker:9092")
    assert "S3cr" not in str(told.value) and "c4nary" not in str(told.value)


@pytest.mark.parametrize("server", ["broker", "broker:9092", "a:1,b:2", "[::1]:9092", "[::1]"])
def test_servers_are_hosts_with_or_without_a_port(server: str) -> None:
    assert KafkaAddress.parse(f"kafka://svc:S3cr%23t@{server}?linger.ms=2").servers == server


@pytest.mark.parametrize(
    ("setting", "said"),
    [("sasl.mecanism=x", "sasl.mecanism"), ("retries=0", "retries"), ("security.protocol=XX", "security.protocol")],
)
async def test_a_setting_that_the_client_refuses_is_named(setting: str, said: str) -> None:
    """It is neither a defect of ours nor a missing broker."""
    for made in (KafkaBus, KafkaAdministration):
        if made is KafkaAdministration and setting == "retries=0":
            continue  # the producer's only
        with pytest.raises(SettingsError, match=said):
            await made(f"{SERVER}?{setting}", clock=SystemClock()).open()


async def test_a_consumers_setting_is_named_where_it_joins() -> None:
    bus = KafkaBus(f"{SERVER}?fetch.max.bytes=many", clock=SystemClock())
    await bus.open()
    try:
        with pytest.raises(SettingsError, match=r"fetch\.max\.bytes"):
            bus.subscribe("group", ["t.events"], "one")
    finally:
        await bus.close()


def test_a_file_of_settings_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "kafka").write_bytes(b"sasl.password=\xff\xfe")
    with pytest.raises(SettingsError, match="UTF-8"):
        KafkaAddress.parse(f"{SERVER}?config={tmp_path / 'kafka'}")


def test_a_line_of_the_file_that_is_no_setting_is_not_quoted(tmp_path: Path) -> None:
    """It may be the rest of a password that contains a line end."""
    path = tmp_path / "client.properties"
    path.write_text("# a comment = of ours\n\nclient.rack=a\nS3CRET\n")

    with pytest.raises(SettingsError, match="line 4 is not a name=value") as told:
        KafkaAddress.parse(f"{SERVER}?config={path}")

    assert "S3CRET" not in str(told.value)
