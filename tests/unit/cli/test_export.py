"""`partita export` prints a document, or writes it to a file of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from partita.cli.main import cli
from partita.errors import SettingsError
from partita.examples.shop.app import app as shop

SHOP = "partita.examples.shop.app:app"


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, ["export", *words, "--app", SHOP], catch_exceptions=False)


@pytest.mark.parametrize(
    ("form", "facts"),
    [
        ("asyncapi", {"asyncapi": "3.1.0"}),
        ("catalog", {"v": 1, "kind": "Catalog", "title": "shop", "version": "1.0.0"}),
    ],
)
def test_a_document_is_printed_or_written_and_is_the_same(form: str, facts: dict[str, object], tmp_path: Path) -> None:
    printed = json.loads(run(form).stdout)
    assert facts.items() <= printed.items()
    file = tmp_path / "out.json"
    for _ in range(2):
        assert run(form, str(file)).stdout == f"wrote {file}\n"
        assert json.loads(file.read_text("utf-8")) == printed


def test_an_exported_catalog_has_nothing_of_this_machine() -> None:
    """It is committed, and compared with that of another machine."""
    assert str(Path.cwd()) not in run("catalog").stdout and str(Path.cwd()) not in run("asyncapi").stdout
    assert len(json.loads(run("catalog").stdout)["messages"]) == len(shop.catalog.contracts)


def test_a_title_and_a_version_are_of_the_user() -> None:
    found = json.loads(run("asyncapi", "--title", "The shop", "--version", "2.0.0").stdout)["info"]
    assert (found["title"], found["version"]) == ("The shop", "2.0.0")


def test_a_file_of_the_user_is_not_written_over(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text("{}", "utf-8")
    with pytest.raises(SettingsError, match=r"mine\.json is there"):
        run("asyncapi", str(file))
    assert file.read_text("utf-8") == "{}"


def test_a_folder_is_written_and_needs_a_name(tmp_path: Path) -> None:
    said = run("eventcatalog", str(tmp_path / "out")).stdout
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert said == f"wrote {len(files)} files in {tmp_path / 'out'}\n" and len(files) > len(shop.catalog.contracts)
    (tmp_path / "out/services/analytics/index.mdx").write_text("mine", "utf-8")
    with pytest.raises(SettingsError, match=r"analytics/index\.mdx is there"):
        run("eventcatalog", str(tmp_path / "out"))
    assert "partita export eventcatalog DIR" in run("eventcatalog").stderr
