"""`partita design check` of briefs and apps, beside the documents that were committed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from partita.cli.main import cli

ROOT = Path(__file__).parents[3]
BASELINE = "docs/designs/baseline"
APP = ("partita.examples.shop.app:app", "--beside", "docs/designs/shop.yaml")
SOURCES = {
    "orders": ("docs/designs/orders.yaml",),
    "rides": ("docs/designs/rides.yaml",),
    "claims": ("docs/designs/claims.yaml",),
    "shop": APP,
}


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def _run(*words: str | Path) -> Result:
    return CliRunner().invoke(cli, ["design", *map(str, words)], standalone_mode=False)


@pytest.mark.parametrize("name", SOURCES)
def test_the_committed_design_is_that_of_today(name: str) -> None:
    """The guard of this repository: on a change its message has the command that writes the design again."""
    result = _run("check", *SOURCES[name], "--documents", f"{BASELINE}/{name}")

    assert result.return_value == 0, result.output or str(result.exception)
    assert "The design is as it was." in result.output


def test_a_check_fails_on_drift_and_says_how_to_renew(tmp_path: Path) -> None:
    """Rules alone would pass: the contract changed, and no commit says so."""
    kept = tmp_path / "design.json"
    shutil.copy(f"{BASELINE}/shop/design.json", kept)
    kept.write_text(kept.read_text(encoding="utf-8").replace('"undo": "ReleaseStock"', '"undo": ""'), encoding="utf-8")

    result = _run("check", *APP, "--documents", tmp_path)

    assert result.return_value == 3
    assert "Checkout, ReserveStock: its undo is ReleaseStock, and was none." in result.stdout
    renew = f"partita design build {' '.join(APP)} -o {tmp_path.as_posix()} --to json"
    assert renew in result.output
    as_json = json.loads(_run("check", *APP, "--documents", tmp_path, "-o", "json").stdout)
    assert as_json["clean"] is False
    assert as_json["drift"]["again"] == renew


def test_the_command_of_the_error_renews_it(tmp_path: Path) -> None:
    """An error whose way out does not work costs more than none."""
    assert _run("build", *SOURCES["orders"], "-o", tmp_path, "--to", "json").return_value == 0
    assert [path.name for path in tmp_path.iterdir()] == ["design.json"]
    assert _run("check", *SOURCES["orders"], "--documents", tmp_path).return_value == 0


def test_a_design_of_another_version_is_refused_with_that_command(tmp_path: Path) -> None:
    """A model that gained a field reads no older design."""
    (tmp_path / "design.json").write_text("{}", encoding="utf-8")

    result = _run("check", *SOURCES["orders"], "--documents", tmp_path)

    assert "is no design that this version reads" in str(result.exception)
    assert f"partita design build docs/designs/orders.yaml -o {tmp_path.as_posix()} --to json" in str(result.exception)


def test_a_finding_in_an_app_has_no_line_of_a_brief(tmp_path: Path) -> None:
    """Its code has other words than YAML."""
    facts = tmp_path / "facts.yaml"
    text = Path("docs/designs/shop.yaml").read_text(encoding="utf-8")
    facts.write_text(text.replace("max: 5s", "max: 500ms"), encoding="utf-8")

    result = _run("check", APP[0], "--beside", facts)

    assert result.return_value == 3
    assert result.stdout.startswith(f"{APP[0]}: staleness-tighter-than-polling: ")
    assert "  In a brief one would write max: 2s" in result.stdout
