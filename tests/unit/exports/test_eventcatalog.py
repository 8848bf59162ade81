"""The folders of EventCatalog: pages for services, messages in their versions, channels, flows and teams."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import Any

import pytest
import yaml
from tests.unit.exports.apps import HALF, HOSTILE, every_kind, hostile

from partita import App, Event, Key, Service
from partita.errors import SettingsError
from partita.examples.shop.app import app as shop
from partita.exports.eventcatalog import eventcatalog, plain
from partita.exports.file_name import file_names
from partita.exports.naming import Naming
from partita.exports.seal import is_sealed
from partita.exports.yaml_text import yaml_text


def front(text: str) -> Any:
    _, matter, _ = text.split("---\n", 2)
    return yaml.safe_load(matter)


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    return eventcatalog(every_kind(), Naming())


def test_a_service_sends_and_receives_by_channels(texts: dict[str, str]) -> None:
    found = front(texts["services/keys/index.mdx"])
    assert found["owners"] == ["no-team"] and found["version"] == "1.0.0"
    assert {"id": "hotel.desk.BookRoom", "version": "1.1.0",
            "to": [{"id": "hotel.desk.commands", "version": "1.0.0"}]} in found["sends"]  # fmt: skip
    assert [each["id"] for each in found["receives"]] == ["hotel.keys.MakeCard", "hotel.keys.VoidCard"]
    assert json.loads(texts["services/keys/asyncapi.json"])["asyncapi"] == "3.1.0"


def test_a_message_has_its_version_its_badges_and_its_schema(texts: dict[str, str]) -> None:
    folder = "services/desk/events/hotel.desk.RoomBooked"
    found = front(texts[f"{folder}/index.mdx"])
    assert (found["id"], found["name"], found["version"]) == ("hotel.desk.RoomBooked", "RoomBooked", "1.2.0")
    assert found["summary"] == "A guest has a room." and found["owners"] == ["front"]
    assert [badge["content"] for badge in found["badges"]] == ["event", "avro", "money", "PII"]
    assert json.loads(texts[f"{folder}/{found['schemaPath']}"])["name"] == "RoomBooked"
    assert "schema.json" in texts["services/keys/commands/hotel.keys.MakeCard/index.mdx"]
    assert "| email | Annotated&#91;str &#124; None, PII" in texts[f"{folder}/index.mdx"]


def test_channels_teams_and_flows(texts: dict[str, str]) -> None:
    channel = front(texts["channels/hotel.desk.events/index.mdx"])
    assert (channel["address"], channel["protocols"]) == ("hotel.desk.events", ["kafka"])
    assert front(texts["teams/front.mdx"])["id"] == "front"
    flow = front(texts["flows/flow-FlightLanded/index.mdx"])
    steps = {step["title"]: step for step in flow["steps"]}
    assert "custom" in steps["FlightLanded"] and steps["keys"]["service"] == {"id": "keys", "version": "1.0.0"}
    assert steps["BookRoom"]["message"] == {"id": "hotel.desk.BookRoom", "version": "1.1.0"}
    assert steps["keys"]["id"] in steps["FlightLanded"]["next_steps"] and steps["Arrival"]["custom"]["type"] == "saga"


def test_an_old_version_in_use_is_in_a_folder_of_its_own() -> None:
    svc = Service("svc", namespace="two.svc")

    class PaidV1(Event, of=svc, name="Paid"):
        id: Key[str]

    class Paid(Event, of=svc, version=2):
        id: Key[str]

    @svc.on
    async def heard(event: PaidV1 | Paid) -> None: ...

    found = eventcatalog(App(svc), Naming())
    assert front(found["services/svc/events/two.svc.Paid/index.mdx"])["version"] == "2.1.0"
    assert front(found["services/svc/events/two.svc.Paid/versioned/1.1.0/index.mdx"])["version"] == "1.1.0"


@pytest.mark.parametrize("make", [lambda: shop, every_kind, hostile])
def test_each_file_has_a_seal_and_a_harmless_name_and_is_the_same_again(make: Any) -> None:
    found = eventcatalog(make(), Naming())
    assert found == eventcatalog(make(), Naming())
    for path, text in found.items():
        assert is_sealed(text), path
        parts = PurePosixPath(path).parts
        assert ".." not in parts and not path.startswith("/") and path.isascii() and len(max(parts, key=len)) < 150
    assert len({path.lower() for path in found}) == len(found)


def test_no_word_of_a_user_is_markdown_or_ends_the_front_matter() -> None:
    page = eventcatalog(hostile(), Naming())["services/svc/events/hostile.svc.Happened/index.mdx"]
    assert page.count("---\n") == 2 and page.isascii() is False
    assert front(page)["summary"] == " ".join((HOSTILE + "\ufffd").split("\n\n")[0].split())
    body = page.split("---\n", 2)[2]
    assert "<script>" not in body and "{{" not in body and "${" not in body and "\x1b" not in body
    assert plain("a|b\n# c") == "a&#124;b &#35; c" and HALF not in page


def test_a_version_that_is_none_of_eventcatalog_is_refused() -> None:
    with pytest.raises(SettingsError, match="takes no version '1'"):
        eventcatalog(shop, Naming(version="1"))


def test_names_of_files_are_safe_and_differ_everywhere() -> None:
    names = [
        "shop.Paid",
        "shop.PAID",
        "../../etc/passwd",
        ".hidden",
        "",
        "a/b",
        "a_b",
        "CON",
        "nul.txt",
        "x" * 500,
        "é",
        "é ",
        "-rf",
        "a.",
    ]
    found = file_names(names)
    assert found["shop.PAID"] == "shop.PAID" and found["shop.Paid"].startswith("shop.Paid_")
    assert len({each.lower() for each in found.values()}) == len(names)
    for each in found.values():
        assert each and not set(each) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
        assert each[0] not in ".-" and each.lower().partition(".")[0] not in ("con", "nul") and len(each) < 150
    assert file_names(reversed(names)) == found


@pytest.mark.parametrize(
    "value",
    [
        {"a": "yes", "b": ["no", "1", "- x", "# y", ": z", ""], "c": {"d": [], "e": {}}, "f": [{"g": 1, "h": [True]}]},
        {"text": HOSTILE, "on": "2026-01-01", "n:\n o": "~", "list": [{"x": {"y": ["z"]}}, {"x": "\x85\u2029\x7f"}]},
    ],
)
def test_yaml_is_read_back_equal(value: Any) -> None:
    assert yaml.safe_load(yaml_text(value)) == value and yaml_text(value).isascii()
