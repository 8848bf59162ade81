"""`partita schema list` and `show`: each message in its own language, or in another that can say it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from partita.cli.main import cli

APP = """
from typing import Annotated, Literal
from partita import App, Event, Key, Service, Since

shop = Service("shop", namespace="acme.shop")

class Sold(Event, of=shop):
    '''It is sold.'''
    order_id: Key[str]
    note: Annotated[str | None, Since(2)] = None

class Moved(Event, of=shop, codec="json"):
    order_id: Key[str]
    state: Literal["in-transit", "there"]

app = App(shop)
"""


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    (tmp_path / "shown.py").write_text(APP)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))

    def call(*words: str) -> Result:
        return CliRunner().invoke(cli, ["schema", *words, "--app", "shown:app"])

    return call


def test_the_list_has_each_message_with_its_language(ask: object) -> None:
    """And the newest version of its schema, which `show --version` takes."""
    lines = ask("list", "-o", "json")  # type: ignore[operator]  # a function of the fixture
    assert json.loads(lines.output) == {
        "v": 1,
        "kind": "Schemas",
        "schemas": [
            {
                "message": "Moved",
                "type": "acme.shop.v1.Moved",
                "kind": "event",
                "owner": "shop",
                "format": "json-schema",
                "version": 1,
            },
            {
                "message": "Sold",
                "type": "acme.shop.v1.Sold",
                "kind": "event",
                "owner": "shop",
                "format": "avro",
                "version": 2,
            },
        ],
    }
    assert [line.split()[0] for line in ask("list").output.splitlines()] == ["message", "Moved", "Sold"]  # type: ignore[operator]


def test_a_message_is_shown_in_its_own_language_or_in_another(ask: object) -> None:
    """The Avro record as ever; a version has the fields that had arrived."""
    shown = json.loads(ask("show", "Sold", "--version", "1", "-o", "json").output)  # type: ignore[operator]
    assert (shown["type"], shown["name"], [f["name"] for f in shown["fields"]]) == ("record", "Sold", ["orderId"])
    assert "doc" not in shown
    assert json.loads(ask("show", "Sold", "--format", "avro").output)["doc"] == "It is sold."  # type: ignore[operator]
    shown = json.loads(ask("show", "Sold", "--format", "json-schema").output)  # type: ignore[operator]
    assert (shown["title"], list(shown["properties"])) == ("acme.shop.v1.Sold", ["orderId", "note"])
    assert json.loads(ask("show", "Moved").output)["$schema"].endswith("2020-12/schema")  # type: ignore[operator]


def test_a_language_that_cannot_say_a_message_says_why(ask: object) -> None:
    """Exit 3: a script notices it, and a person reads the place."""
    done = ask("show", "Moved", "--format", "avro")  # type: ignore[operator]
    assert done.exit_code == 3
    assert "Moved.state: the value 'in-transit'" in done.output and "no name in Avro" in done.output
