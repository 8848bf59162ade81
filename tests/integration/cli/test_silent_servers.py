"""Commands that only ask, while a server is down or does not answer: they show the known parts, name the unknown
ones, and end soon."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from partita import Settings
from partita.examples.shop.app import app as shop

pytestmark = [pytest.mark.slow]
ASK_S = 1.0
START_S = 30.0
"""For Python's own start on a busy machine, where twenty processes share two cores; without a limit they waited for minutes."""


@pytest.fixture(params=["closed", "silent"])
def port(request: pytest.FixtureRequest) -> Iterator[int]:
    """The port of a server that is not there, or of one that accepts a connection and does not answer."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if request.param == "silent":
            server.listen(128)
        yield server.getsockname()[1]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the shop's databases."""
    folder = tmp_path_factory.mktemp("silent") / "data"

    async def made() -> None:
        async with shop.configured(Settings(data=folder)).running(roles=()):
            pass

    asyncio.run(made())
    return folder


def said(words: str, data: Path, **variables: str) -> tuple[int, str, str, float]:
    """Exit code, outputs and seconds of a command."""
    began = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-c", "from partita.cli.main import main; main()", *words.split()],
        env={**os.environ, "PARTITA_DATA": str(data), "PARTITA_ASK_S": str(ASK_S), **variables},
        capture_output=True, text=True, timeout=110,
    )  # fmt: skip
    return ended.returncode, ended.stdout, ended.stderr, time.monotonic() - began


def of_json(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return found


SECRET = "S3CRET"


def test_without_one_database_the_others_are_told(port: int, data: Path) -> None:
    """The order service's server is gone; the other four, and the log, are in the folder."""
    away = {"PARTITA_STORE_ORDER_SERVICE": f"postgresql://u:{SECRET}@127.0.0.1:{port}/x"}
    name = "order-service"

    code, out, error, took = said("alerts list -o json", data, **away)
    assert code == 3 and [each["source"] for each in of_json(out)["unknown"]] == [name] and took < START_S
    code, out, error, took = said("outbox status -o json", data, **away)
    items = {item["service"] for item in of_json(out)["items"]}
    assert code == 6 and len(items) == 4 and name not in items and f"unknown: {name}: " in error and took < START_S
    code, out, error, took = said("consumers list -o json", data, **away)
    assert code == 6 and len(of_json(out)["groups"]) == 4 and f"unknown: {name}: " in error and took < START_S
    code, out, error, took = said("why", data, **away)
    assert code == 6 and f"unknown: {name}: " in error and "nothing is stuck" not in out and took < START_S
    code, out, error, took = said("metrics", data, **away)
    assert code == 0 and f'partita_store_up{{service="{name}"}} 0.0' in out and took < START_S
    assert 'partita_store_up{service="payment-service"} 1.0' in out and "partita_bus_up 1.0" in out
    code, out, error, took = said("doctor -o json", data, **away)
    found = {item["what"]: item["level"] for item in of_json(out)["items"]}
    assert code == 3 and found[name] == "bad" and found["payment-service"] == "ok" and took < START_S
    assert SECRET not in out + error


@pytest.mark.parametrize("scheme", ["kafka", "postgresql"])
def test_without_the_bus_the_databases_are_told(scheme: str, port: int, data: Path) -> None:
    """On each bus that is on a server."""
    where = f"kafka://127.0.0.1:{port}" if scheme == "kafka" else f"postgresql://u:{SECRET}@127.0.0.1:{port}/x"
    away = {"PARTITA_BUS": where}

    code, out, error, took = said("alerts list", data, **away)
    assert code == 3 and "unknown" in out and "bus: " in out and took < START_S
    code, out, error, took = said("consumers list", data, **away)
    assert code == 6 and "unknown: bus: " in error and "no groups yet" not in out and took < START_S
    code, out, error, took = said("metrics", data, **away)
    assert code == 0 and "partita_bus_up 0.0" in out and "partita_consumer_lag_messages" not in out and took < START_S
    assert 'partita_outbox_pending_rows{service="order-service"} 0.0' in out
    code, out, error, took = said("outbox status", data, **away)
    assert code == 0 and "order-service" in out and took < START_S
    code, out, error, took = said("why", data, **away)
    assert (
        (code, out) == (6, "") and "unknown: bus: " in error and took < START_S
    )  # nor is it known which members there are
    code, out, error, took = said("doctor -o json", data, **away)
    found = {item["what"]: item["level"] for item in of_json(out)["items"]}
    assert code == 3 and found["bus"] == "bad" and found["order-service"] == "ok" and took < START_S
    assert SECRET not in out + error
    if scheme == "kafka":
        code, out, error, took = said("topics plan", data, **away)
        assert code == 6 and str(port) in error and took < START_S
