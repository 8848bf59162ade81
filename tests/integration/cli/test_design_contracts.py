"""`partita design export asyncapi|backstage|eventcatalog`: the contracts of a brief are those that its project exports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.unit.design.brief.briefs import SMALL, with_change

from partita.cli.main import cli
from partita.errors import SettingsError

DESIGNS = Path(__file__).parents[3] / "docs/designs"
PARTITA = [sys.executable, "-c", "from partita.cli.main import main; main()"]


def _design(*words: str | Path) -> Result:
    return CliRunner().invoke(cli, ["design", *map(str, words)], standalone_mode=False)


def _files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


@pytest.mark.parametrize("name", ["orders", "rides", "claims"])
def test_the_contracts_of_a_brief_are_those_of_its_project(name: str, tmp_path: Path) -> None:
    """Two texts about one contract would be two contracts."""
    brief, project = DESIGNS / f"{name}.yaml", tmp_path / "project"
    assert _design("build", brief, "--code", project).return_value == 0
    package = next(path.parent.name for path in project.glob("*/app.py"))
    targets = {"asyncapi": "asyncapi.json", "backstage": "catalog-info.yaml", "eventcatalog": "."}

    for form, target in targets.items():
        by_brief, by_project = tmp_path / form, tmp_path / f"{form}-of-project"
        by_project.mkdir()
        assert _design("export", form, brief, by_brief).exception is None
        subprocess.run(
            [*PARTITA, "export", form, str(by_project / target)],
            cwd=project,
            env={**os.environ, "PARTITA_APP": f"{package}.app:app"},
            check=True,
            capture_output=True,
        )
        assert _files(by_brief) == _files(by_project)
        assert _files(by_brief)


def test_an_app_exports_the_same_by_both_verbs(tmp_path: Path) -> None:
    """`design export` is the door of all formats."""
    app = "partita.examples.rides.app:app"
    assert _design("export", "asyncapi", app, tmp_path).exception is None
    CliRunner().invoke(cli, ["export", "asyncapi", str(tmp_path / "other.json"), "--app", app], standalone_mode=False)
    assert (tmp_path / "asyncapi.json").read_bytes() == (tmp_path / "other.json").read_bytes()
    assert json.loads((tmp_path / "asyncapi.json").read_text(encoding="utf-8"))["asyncapi"] == "3.1.0"


def test_a_brief_with_a_contradiction_exports_nothing(tmp_path: Path) -> None:
    """A contract of a system that cannot be is believed."""
    brief = tmp_path / "bistro.yaml"
    brief.write_text(with_change("deadline: 10m", "deadline: 1s"), encoding="utf-8")

    result = _design("export", "asyncapi", brief, tmp_path / "out")

    assert isinstance(result.exception, SettingsError)
    assert "partita design check" in str(result.exception)
    assert not (tmp_path / "out").exists()


def test_a_file_of_the_users_is_not_written_over(tmp_path: Path) -> None:
    """The process that exports says why, and this one passes it on."""
    brief = tmp_path / "bistro.yaml"
    brief.write_text(SMALL, encoding="utf-8")
    mine = tmp_path / "out/asyncapi.json"
    mine.parent.mkdir()
    mine.write_text("{}", encoding="utf-8")

    result = _design("export", "asyncapi", brief, tmp_path / "out")

    assert isinstance(result.exception, SettingsError)
    assert "asyncapi.json" in str(result.exception)
    assert mine.read_text(encoding="utf-8") == "{}"
