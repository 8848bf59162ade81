"""EventCatalog's linter and Backstage's model accept what we export, and see what is wrong in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.oracles.node import run_node
from tests.unit.exports.apps import every_kind, generated, hostile, starter

from partita import App
from partita.examples.claims.app import app as claims
from partita.examples.rides.app import app as rides
from partita.examples.shop.app import app as shop
from partita.exports.backstage import backstage
from partita.exports.eventcatalog import FOLDERS, eventcatalog
from partita.exports.naming import Naming
from partita.exports.writing import write_folder

pytestmark = [pytest.mark.oracles, pytest.mark.timeout(600)]
APPS: dict[str, Any] = {
    "shop": lambda: shop,
    "rides": lambda: rides,
    "claims": lambda: claims,
    "starter": starter,
    "every-kind": every_kind,
    "hostile": hostile,
    "generated": lambda: generated(20, "json"),
}
LINTER = "@eventcatalog/linter/dist/cli/index.js"


@pytest.mark.parametrize("name", APPS)
def test_the_linter_of_eventcatalog_finds_nothing(name: str, tmp_path: Path) -> None:
    """No error and no warning, in as many files as there are pages."""
    app: App = APPS[name]()
    texts = eventcatalog(app, Naming())
    write_folder(tmp_path, texts, FOLDERS)
    said = run_node(LINTER, "--fail-on-warning", str(tmp_path))
    assert "No problems found" in said, said
    assert f"{sum(path.endswith('.mdx') for path in texts)} files checked" in said


def test_the_linter_of_eventcatalog_sees_a_message_that_is_not_there(tmp_path: Path) -> None:
    write_folder(tmp_path, eventcatalog(shop, Naming()), FOLDERS)
    (tmp_path / "services/order-service/events/shop.order.OrderPlaced/index.mdx").unlink()
    assert "shop.order.OrderPlaced" in run_node(LINTER, str(tmp_path))


def checked(entities: list[Any], file: Path) -> list[str]:
    file.write_text("\n".join(map(json.dumps, entities)), "utf-8")
    return run_node("backstage.cjs", str(file)).split("\n")[: len(entities)]


@pytest.mark.parametrize("name", APPS)
def test_the_model_of_backstage_accepts_each_entity(name: str, tmp_path: Path) -> None:
    entities = list(yaml.safe_load_all(backstage(APPS[name](), Naming())))
    assert {entity["kind"] for entity in entities} == {"System", "Component", "API"}
    assert checked(entities, tmp_path / "entities") == [""] * len(entities)


def test_the_model_of_backstage_sees_a_wrong_entity(tmp_path: Path) -> None:
    first, second, *_ = (e for e in yaml.safe_load_all(backstage(shop, Naming())) if e["kind"] == "API")
    del first["spec"]["lifecycle"]
    second["metadata"]["name"] = "no name"
    assert all(checked([first, second], tmp_path / "entities"))
