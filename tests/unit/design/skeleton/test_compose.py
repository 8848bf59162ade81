"""The compose file of a project: two servers on loopback, at the addresses that its README gives to the app."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.unit.design.skeleton.sample import orders
from tests.unit.design.skeleton.test_project import texts

yaml = pytest.importorskip("yaml")


def compose() -> dict[str, Any]:
    """The parsed file. Any: it is plain YAML."""
    found: dict[str, Any] = yaml.safe_load(texts(orders())["compose.yaml"])
    return found


def test_each_server_has_a_version_a_health_check_and_a_volume_that_is_declared() -> None:
    """`docker compose up --wait` returns when the servers are ready, and that is known by health checks alone."""
    file = compose()
    assert set(file["services"]) == {"postgres", "kafka"}
    for server in file["services"].values():
        assert re.fullmatch(r"[a-z/]+:\d+(\.\d+)*", server["image"])
        assert server["healthcheck"]["test"][0] == "CMD" and server["healthcheck"]["retries"] >= 20
        assert {volume.partition(":")[0] for volume in server["volumes"]} <= set(file["volumes"])


def test_servers_listen_on_this_machine_alone() -> None:
    """Neither server asks for a password."""
    for server in compose()["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in server["ports"])


def test_the_readme_gives_the_app_the_addresses_of_the_servers() -> None:
    """The user, the database and the ports are those of the compose file: a copied line connects."""
    servers, readme = compose()["services"], texts(orders())["README.md"]
    postgres, kafka = servers["postgres"], servers["kafka"]
    user, database = (postgres["environment"][f"POSTGRES_{word}"] for word in ("USER", "DB"))
    port = postgres["ports"][0].rpartition(":")[0]
    assert f"PARTITA_STORE=postgresql://{user}@{port}/{database} " in readme
    assert f"PARTITA_BUS=kafka://{kafka['ports'][0].rpartition(':')[0]}\n" in readme
    assert f"export KAFKA_BROKERS={sum(name == 'kafka' for name in servers)} " in readme
    assert f"PLAINTEXT://{kafka['ports'][0].rpartition(':')[0]}" in kafka["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert user in postgres["healthcheck"]["test"] and database in postgres["healthcheck"]["test"]
