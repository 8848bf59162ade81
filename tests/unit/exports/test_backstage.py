"""The entities of Backstage: a system, its services, and an API for each one that owns messages."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from tests.unit.exports.apps import HOSTILE, every_kind, hostile

from partita.exports.backstage import backstage, entity_name
from partita.exports.naming import Naming
from partita.exports.seal import is_sealed


def entities(app: Any, **naming: str) -> dict[tuple[str, str], Any]:
    text = backstage(app, Naming(**naming))
    assert is_sealed(text) and text.isascii()
    return {(each["kind"], each["metadata"]["title"]): each for each in yaml.safe_load_all(text)}


def test_services_provide_and_consume_apis() -> None:
    found = entities(every_kind(), lifecycle="experimental")
    assert list(found) == [
        ("System", "hotel"),
        ("Component", "desk"),
        ("API", "Messages of desk"),
        ("Component", "keys"),
        ("API", "Messages of keys"),
    ]
    desk = found["Component", "desk"]["spec"]
    assert (desk["owner"], desk["system"], desk["lifecycle"]) == ("group:default/front", "hotel", "experimental")
    assert desk["providesApis"] == ["desk-messages"] and desk["consumesApis"] == ["keys-messages"]


def test_an_api_has_the_document_of_its_service() -> None:
    api = entities(every_kind(), version="2.0.0")["API", "Messages of keys"]
    assert api["apiVersion"] == "backstage.io/v1alpha1" and api["spec"]["type"] == "asyncapi"
    document = json.loads(api["spec"]["definition"])
    assert document["info"]["title"] == "keys" and document["info"]["version"] == "2.0.0"
    assert {each["x-partita"]["service"] for each in document["operations"].values()} == {"keys"}


def test_hostile_words_stay_words() -> None:
    found = entities(hostile(), title=HOSTILE)
    assert ("System", HOSTILE) in found and ("Component", "svc") in found


@pytest.mark.parametrize(
    ("text", "name"), [("order-service", "order-service"), ("shop.order_x", "shop-order-x"), ("a b", "a-b-")]
)
def test_names_of_entities(text: str, name: str) -> None:
    assert entity_name(text).startswith(name)
    assert len(entity_name(text * 20)) <= 63 and entity_name("") and entity_name("a b") != entity_name("a  b")
