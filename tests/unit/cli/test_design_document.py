"""`partita design build` writes the document of a brief into its folder, and nothing over a file of the user's."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import click
import pytest
from tests.unit.design.brief.briefs import SMALL, with_change

from partita.cli.main import cli
from partita.design.rendering.pdf import is_sealed_pdf
from partita.errors import SettingsError


@pytest.fixture
def brief(tmp_path: Path) -> Path:
    path = tmp_path / "bistro.yaml"
    path.write_text(SMALL, encoding="utf-8")
    return path


def build(*words: str | Path) -> object:
    return cli.main(["design", "build", *map(str, words)], standalone_mode=False)


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_build_writes_the_page_and_the_markdown_with_its_pictures(brief: Path, tmp_path: Path) -> None:
    """One command, and nothing outside of the folder."""
    before = files(tmp_path)
    assert build(brief, "-o", tmp_path / "out") == 0
    found = files(tmp_path / "out")
    assert {path for path in found if "/" not in path} == {
        "design.json",
        "table-booking.md",
        "table-booking.html",
    }
    assert "pictures/flow.svg" in found and "pictures/context.svg" in found
    assert [path for path in files(tmp_path) if not path.startswith("out/")] == before


def test_a_second_build_replaces_the_files_of_the_first(brief: Path, tmp_path: Path) -> None:
    """Pictures of a saga that is gone would be taken for those of today."""
    build(brief, "-o", tmp_path / "out")
    first = files(tmp_path / "out")
    (tmp_path / "out/pictures/mine.svg").write_text("<svg/>", encoding="utf-8")
    assert build(brief, "-o", tmp_path / "out") == 0
    assert files(tmp_path / "out") == sorted([*first, "pictures/mine.svg"])


def test_a_file_of_the_users_is_not_written_over(brief: Path, tmp_path: Path) -> None:
    """A person may have added a paragraph."""
    build(brief, "-o", tmp_path / "out")
    page = tmp_path / "out/table-booking.md"
    page.write_text(page.read_text(encoding="utf-8") + "mine\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="no unchanged file of an export"):
        build(brief, "-o", tmp_path / "out")
    assert page.read_text(encoding="utf-8").endswith("mine\n")


def test_a_brief_with_a_contradiction_builds_nothing(
    brief: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A document of a system that cannot be is believed."""
    brief.write_text(with_change("deadline: 10m", "deadline: 1s"), encoding="utf-8")
    assert build(brief, "-o", tmp_path / "out") == 3
    printed = capsys.readouterr()
    assert "deadline-shorter-than-steps" in printed.out and "nothing was written" in printed.err
    assert not (tmp_path / "out").exists()


def test_an_unknown_form_is_refused_with_the_forms(brief: Path, tmp_path: Path) -> None:
    """Before anything is written."""
    with pytest.raises(click.BadParameter, match="none of md, html, pdf"):
        build(brief, "-o", tmp_path / "out", "--to", "md,docx")


def test_a_pdf_without_its_library_is_refused_with_the_command(
    brief: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no file is written: a folder with two of three forms looks whole."""
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    with pytest.raises(SettingsError, match=r"needs WeasyPrint") as refused:
        build(brief, "-o", tmp_path / "out", "--to", "md,pdf")
    assert "pip install 'partita[pdf]'" in str(refused.value)
    assert not (tmp_path / "out").exists()


class Press:
    """WeasyPrint's door, and the page that came through it."""

    page = ""

    def __init__(self, *, string: str) -> None:
        Press.page = string

    def write_pdf(self) -> bytes:
        return b"%PDF-1.7\n%%EOF"


def test_a_pdf_is_written_over_its_own_only(brief: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes have a seal as texts have; a PDF of another program is not touched."""
    monkeypatch.setitem(sys.modules, "weasyprint", SimpleNamespace(HTML=Press))
    path = tmp_path / "out/table-booking.pdf"
    assert build(brief, "-o", tmp_path / "out", "--to", "pdf") == 0
    assert is_sealed_pdf(path.read_bytes())
    assert build(brief, "-o", tmp_path / "out", "--to", "pdf") == 0
    assert "var(--pf-" not in Press.page and "#eef2ff" in Press.page
    path.write_bytes(b"%PDF-1.7 of another program")
    with pytest.raises(SettingsError, match="no unchanged file of a build"):
        build(brief, "-o", tmp_path / "out", "--to", "pdf")
