"""The official parser of AsyncAPI and the published schema of its documents accept what we export, and see what is wrong in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.oracles.node import module_file, run_node
from tests.unit.exports.apps import every_kind, generated, hostile, starter

from partita.examples.claims.app import app as claims
from partita.examples.rides.app import app as rides
from partita.examples.shop.app import app as shop
from partita.exports.asyncapi.document import asyncapi_document
from partita.exports.json_text import json_text

pytestmark = [pytest.mark.oracles, pytest.mark.timeout(600)]
APPS: dict[str, Any] = {
    "shop": lambda: shop,
    "rides": lambda: rides,
    "claims": lambda: claims,
    "starter": starter,
    "every-kind": every_kind,
    "hostile": hostile,
    "generated-avro": lambda: generated(60, "avro"),
    "generated-json": lambda: generated(60, "json"),
}


def documents() -> dict[str, Any]:
    return {name: asyncapi_document(make(), title=name, version="1.0.0") for name, make in APPS.items()}


def parsed(folder: Path, found: dict[str, Any]) -> dict[str, Any]:
    """The parser's answer about each document."""
    files = []
    for name, document in found.items():
        files.append(folder / f"{name}.json")
        files[-1].write_text(json_text(document), "utf-8")
    lines = run_node("asyncapi.cjs", *map(str, files)).splitlines()
    assert len(lines) == len(files), lines
    return dict(zip(found, map(json.loads, lines), strict=True))


def test_the_official_parser_finds_nothing(tmp_path: Path) -> None:
    """No error, and no warning."""
    for name, answer in parsed(tmp_path, documents()).items():
        assert answer == {"read": True, "diagnostics": []}, name


def test_the_official_parser_sees_a_wrong_document(tmp_path: Path) -> None:
    """A reference that leads nowhere, a binding that is none, a schema that is no Avro: an oracle that accepts all says nothing."""
    wrong = {name: asyncapi_document(shop, title=name, version="1") for name in ("reference", "binding", "avro")}
    operation = "order-service.receive.shop.order.v1.PlaceOrder"
    wrong["reference"]["operations"][operation]["channel"]["$ref"] = "#/channels/nowhere"
    wrong["binding"]["operations"][operation]["bindings"]["kafka"]["groupId"] = 5
    wrong["avro"]["components"]["messages"]["shop.order.v1.PlaceOrder"]["payload"]["schema"]["fields"] = "none"
    for name, answer in parsed(tmp_path, wrong).items():
        assert answer["diagnostics"], name


def test_the_published_schema_of_documents_accepts_them() -> None:
    """A second opinion, by another project's validator: it sees a word in the wrong place."""
    jsonschema_rs = pytest.importorskip("jsonschema_rs", reason="make oracles installs the package jsonschema-rs")
    schema = json.loads(module_file("@asyncapi/specs/schemas/3.1.0-without-$id.json").read_text("utf-8"))
    valid = jsonschema_rs.validator_for(schema)
    for name, document in documents().items():
        assert [f"{name}: {error.message}" for error in valid.iter_errors(document)] == []
        document["channels"] = {"a": {"adress": "misspelled"}}
        assert not valid.is_valid(document)
