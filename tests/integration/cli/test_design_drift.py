"""`partita design drift` and `diff`: as a stranger types them, in a git repository of its own."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from partita.cli.main import cli
from partita.design.derived.beside import NOTHING
from partita.design.derived.of_app import design_of
from partita.design.model.text import to_json
from partita.examples.shop.app import app

APP = "partita.examples.shop.app:app"


@pytest.fixture
def committed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose committed design had another undo."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "docs/design/design.json"
    file.parent.mkdir(parents=True)
    file.write_text(
        to_json(design_of(app, APP, NOTHING)).replace('"undo": "ReleaseStock"', '"undo": ""'), encoding="utf-8"
    )
    for words in (
        ["init", "-q"],
        ["add", "-A"],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "design"],
    ):
        subprocess.run(["git", *words], check=True, cwd=tmp_path)
    return file


def _run(*words: str) -> Result:
    return CliRunner().invoke(cli, ["design", *words], standalone_mode=False)


def test_drift_is_exit_3_with_section_and_sentence(committed: Path) -> None:
    result = _run("drift", APP)

    assert result.return_value == 3
    assert "4 Sagas\n    Checkout, ReserveStock: its undo is ReleaseStock, and was none." in result.stdout


def test_no_drift_is_exit_0(committed: Path) -> None:
    committed.unlink()
    assert _run("build", APP, "-o", "docs/design").return_value == 0

    result = _run("drift", APP, "-o", "json")

    assert result.return_value == 0
    assert json.loads(result.stdout)["clean"] is True


def test_a_document_that_was_changed_by_hand_is_drift(committed: Path) -> None:
    committed.unlink()
    _run("build", APP, "-o", "docs/design", "--to", "md")
    page = next(committed.parent.glob("*.md"))
    page.write_text(page.read_text(encoding="utf-8").replace("15 min", "16 min"), encoding="utf-8")

    result = _run("drift", APP)

    assert result.return_value == 3
    assert f"docs/design/{page.name} is not as the design of today is built." in result.output


def test_diff_compares_with_a_commit(committed: Path) -> None:
    committed.unlink()

    assert "Checkout, ReserveStock: its undo is ReleaseStock" in _run("diff", "HEAD", APP).stdout
    comment = _run("diff", "HEAD", APP, "--comment").stdout
    assert comment.startswith("### The design changes in 1 place, none of them with harm")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["drift", "nothing.yaml"], "nothing.yaml is no file here, and no app."),
        (["drift", APP, "--documents", "elsewhere"], "elsewhere/design.json is not there."),
        (["diff", "nowhere", APP], "'nowhere' is no commit of this repository."),
        (["diff", "--", "-x", APP], "'-x' is no commit of this repository."),
        (["diff", "HEAD", APP, "--documents", "elsewhere"], "HEAD has no elsewhere/design.json."),
    ],
)
def test_a_wrong_word_is_refused_with_the_way_out(words: list[str], said: str, committed: Path) -> None:
    result = _run(*words)

    assert result.exit_code != 0
    assert said in f"{result.output}{result.exception}"
