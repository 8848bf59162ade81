"""Kafka Connect with Debezium's PostgreSQL connector, standalone, from their published Java artifacts."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from servers.maven import artifacts, java
from servers.process import ServerFailed, ServerProcess

VERSION = "3.3.1.Final"
KAFKA = "4.1.1"
MISSING = "no Kafka Connect here; to have it: apt-get install default-jre-headless maven"
ARTIFACTS = (
    f"io.debezium:debezium-connector-postgres:{VERSION}",
    f"org.apache.kafka:connect-runtime:{KAFKA}",
    f"org.apache.kafka:connect-json:{KAFKA}",
)
# Offsets are flushed often: what was sent since the last flush is sent again after a kill.
WORKER = """\
bootstrap.servers={brokers}
listeners=http://127.0.0.1:{port}
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.storage.StringConverter
offset.storage.file.filename={folder}/offsets
offset.flush.interval.ms=1000
plugin.discovery=service_load
config.providers=env
config.providers.env.class=org.apache.kafka.common.config.provider.EnvVarConfigProvider
"""


def debezium(
    folder: Path, port: int, brokers: str, connector: str, environment: Mapping[str, str] | None = None
) -> ServerProcess:
    """A worker with one connector, given as the JSON that Connect's REST API takes; its offsets lie in `folder`, and
    `environment` is what the connector's `${env:NAME}` read. Ready when the connector and its task run.

    Raises:
        ServerFailed: there is no Java or no Maven.
    """
    program = java()
    if program is None:
        raise ServerFailed(MISSING)
    jars = artifacts("debezium", VERSION, ARTIFACTS, MISSING)
    folder.mkdir(parents=True, exist_ok=True)
    worker = WORKER.format(brokers=brokers, port=port, folder=folder)
    (folder / "worker.properties").write_text(worker, encoding="utf-8")
    (folder / "connector.json").write_text(connector, encoding="utf-8")
    command = [
        program, "-Xmx768m", f"-Dlog4j2.configurationFile={jars}/log4j2.xml", "-cp", f"{jars}/libs/*",
        "org.apache.kafka.connect.cli.ConnectStandalone",
        str(folder / "worker.properties"), str(folder / "connector.json"),
    ]  # fmt: skip
    name = json.loads(connector)["name"]
    where = f"http://127.0.0.1:{port}/connectors/{name}/status"
    return ServerProcess("Debezium", folder, command, lambda: runs(where), environment=dict(environment or {}))


def runs(where: str) -> bool:
    """Whether a connector's status says that it runs, and so does its task."""
    try:
        with urllib.request.urlopen(where, timeout=3) as answer:
            said = json.load(answer)
    except (OSError, ValueError):
        return False
    return [part["state"] for part in (said["connector"], *said["tasks"])] == ["RUNNING", "RUNNING"]
