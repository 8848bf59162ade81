"""`partita flow check` fails a build where it finds something, and its JSON has what its text has."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from tests.unit.flow.test_checking import in_a_row

from partita.cli.main import cli

SHOP = "partita.examples.shop.app:app"


@pytest.fixture
def hidden() -> Iterator[str]:
    """An app with one finding, under the name by which the command line imports it."""
    module = types.ModuleType("hidden_saga")
    module.app = in_a_row(money=True)  # type: ignore[attr-defined]
    sys.modules["hidden_saga"] = module
    yield "hidden_saga:app"
    del sys.modules["hidden_saga"]


@pytest.fixture
def accepted() -> Iterator[str]:
    module = types.ModuleType("accepted_saga")
    module.app = in_a_row(money=True, accept={"hidden-saga": "a reason"})  # type: ignore[attr-defined]
    sys.modules["accepted_saga"] = module
    yield "accepted_saga:app"
    del sys.modules["accepted_saga"]


def run(*words: str) -> object:
    return cli.main(["flow", *words], standalone_mode=False)


def test_a_finding_is_exit_code_3(hidden: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", "--app", hidden) == 3
    printed = capsys.readouterr()
    assert "hidden-saga: order, stock and delivery are a saga in hiding" in printed.out
    assert "Declare a saga that starts with Ordered" in printed.out
    assert printed.err == "1 to mend, 0 accepted.\n"


def test_an_accepted_finding_is_exit_code_0_and_is_printed(accepted: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", "--app", accepted) == 0
    printed = capsys.readouterr()
    assert "accepted hidden-saga" in printed.out and "because: a reason" in printed.out
    assert printed.err == "0 to mend, 1 accepted.\n"


def test_the_findings_are_json_too(hidden: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", "--app", hidden, "-o", "json") == 3
    found = json.loads(capsys.readouterr().out)
    assert (found["v"], found["kind"], found["clean"]) == (1, "FlowFindings", False)
    (one,) = found["findings"]
    assert one["rule"] == "hidden-saga" and one["accepted"] is None and one["message"] == "Picked"
    assert set(one) == {"rule", "message", "where", "what", "why", "instead", "accepted"}


def test_the_map_is_json_of_nodes_and_hops(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--app", SHOP, "-o", "json") in (None, 0)
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"v", "kind", "nodes", "hops"} and (found["v"], found["kind"]) == (1, "Flow")
    assert {"id": "Checkout", "kind": "saga"} in found["nodes"]
    hop = {"from": "OrderConfirmed", "to": "analytics", "message": "OrderConfirmed", "style": "choreography"}
    assert hop in found["hops"]
    assert {frozenset(each) for each in found["nodes"]} == {frozenset(("id", "kind"))}
    assert {frozenset(each) for each in found["hops"]} == {frozenset(("from", "to", "message", "style"))}
    ids = {node["id"] for node in found["nodes"]}
    assert {hop["from"] for hop in found["hops"]} | {hop["to"] for hop in found["hops"]} <= ids


def test_the_decisions_are_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    run("decisions", "--app", SHOP, "-o", "json")
    found = json.loads(capsys.readouterr().out)
    checkout = next(each for each in found["decisions"] if each["part"] == "Checkout")
    assert checkout["choice"] == checkout["speak_for"] == "orchestration"
    assert checkout["criteria"]["deadline_s"] == 900.0 and checkout["criteria"]["undo"][0] == "RefundPayment"


@pytest.mark.parametrize("words", [["check"], ["decisions"], ["map"], []], ids=str)
def test_the_app_is_named_behind_each_command(
    words: list[str], hidden: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Also where neither the environment nor a project names one."""
    monkeypatch.delenv("PARTITA_APP", raising=False)
    monkeypatch.chdir(tmp_path)
    assert run(*words, "--app", hidden) == (3 if words == ["check"] else None)


def test_a_misspelled_command_is_named() -> None:
    with pytest.raises(click.UsageError, match="chek"):
        run("chek")


def test_the_shop_is_clean() -> None:
    assert run("check", "--app", SHOP) == 0


def test_a_drawing_and_the_data_exclude_each_other(accepted: str) -> None:
    """A script that asks for both would take the one that it did not get for the other."""
    with pytest.raises(click.UsageError, match="--format svg"):
        run("map", "--app", accepted, "--format", "svg", "-o", "json")
