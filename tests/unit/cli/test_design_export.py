"""`partita design export` writes each format into a folder, and over nothing that it did not write."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.design.brief.briefs import SMALL

from partita.cli.main import cli
from partita.errors import SettingsError


@pytest.fixture
def brief(tmp_path: Path) -> Path:
    path = tmp_path / "bistro.yaml"
    path.write_text(SMALL, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("form", "file", "said"),
    [
        ("structurizr", "workspace.dsl", 'workspace "table-booking"'),
        ("mermaid", "context.mmd", "flowchart LR"),
        ("arc42", "arc42.md", "## 9 Architecture Decisions"),
        ("adr", "decisions/0001-", "## Rejected"),
    ],
)
def test_each_format_is_written(form: str, file: str, said: str, brief: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"

    for _ in range(2):  # the second time over its own files
        cli.main(["design", "export", form, str(brief), str(out)], standalone_mode=False)

    written = [path for path in out.rglob("*") if path.relative_to(out).as_posix().startswith(file)]
    assert len(written) == 1
    assert said in written[0].read_text(encoding="utf-8")


def test_a_file_of_the_users_stays(brief: Path, tmp_path: Path) -> None:
    mine = tmp_path / "workspace.dsl"
    mine.write_text("mine", encoding="utf-8")

    with pytest.raises(SettingsError, match="no unchanged file of an export"):
        cli.main(["design", "export", "structurizr", str(brief), str(tmp_path)], standalone_mode=False)

    assert mine.read_text(encoding="utf-8") == "mine"
