"""`partita design build --code` writes a project whole or not at all, and nothing outside of its folder."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from tests.unit.design.brief.briefs import SMALL, with_change

from partita.cli.design_code import write
from partita.cli.main import cli
from partita.errors import SettingsError

HANDLERS = "table_booking/handlers/table_service.py"
WORK = "    # FILL: the work of HoldTable"


@pytest.fixture
def brief(tmp_path: Path) -> Path:
    path = tmp_path / "bistro.yaml"
    path.write_text(SMALL, encoding="utf-8")
    return path


def build(brief: Path, folder: Path) -> object:
    return cli.main(["design", "build", str(brief), "--code", str(folder)], standalone_mode=False)


def texts(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_build_prints_what_a_person_has_to_fill(
    brief: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build(brief, tmp_path / "bistro") == 0
    printed = capsys.readouterr().out
    held = texts(tmp_path / "bistro")
    line = held[HANDLERS].split("\n").index(WORK) + 1
    assert f"  {HANDLERS}:{line}: the work of HoldTable\n" in printed
    assert "FILL.md has them all" in printed and "python -m table_booking.demo" in printed
    assert {"pyproject.toml", "Makefile", "compose.yaml", ".gitignore", "README.md", "FILL.md"} <= set(held)


def test_a_second_build_keeps_a_filled_part_and_changes_nothing_else(
    brief: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "bistro"
    build(brief, folder)
    file = folder / HANDLERS
    file.write_text(file.read_text().replace(WORK, "    print(cmd)"))
    before = texts(folder)
    capsys.readouterr()
    assert build(brief, folder) == 0
    assert f"kept your changes in {HANDLERS}" in capsys.readouterr().out
    after = texts(folder)
    assert {path for path in after if after[path] != before.get(path)} == {"FILL.md"}


def test_a_build_that_needs_a_person_writes_nothing(
    brief: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "bistro"
    build(brief, folder)
    file = folder / HANDLERS
    file.write_text(file.read_text().replace(WORK, "    print(cmd)"))
    before = texts(folder)
    brief.write_text(with_change("table_no: int", "table_no: int, room: string"), encoding="utf-8")
    capsys.readouterr()
    assert build(brief, folder) == 3
    printed = capsys.readouterr()
    assert "the part hold_table is yours" in printed.out and "room: str" in printed.out
    assert printed.err == "Nothing was written: 1 changes are yours to make first.\n"
    assert texts(folder) == before


def test_a_brief_with_a_contradiction_is_not_built(brief: Path, tmp_path: Path) -> None:
    brief.write_text(with_change("deadline: 10m", "deadline: 10s"), encoding="utf-8")
    assert build(brief, tmp_path / "bistro") == 3
    assert not (tmp_path / "bistro").exists()


def test_an_app_that_exists_is_not_written_again(tmp_path: Path) -> None:
    words = ["design", "build", "partita.examples.rides.app:app", "--code", str(tmp_path / "rides")]
    with pytest.raises(click.UsageError, match="an app has its code already"):
        cli.main(words, standalone_mode=False)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_something_else_in_it_is_refused(brief: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(SettingsError, match="is not empty"):
        build(brief, folder)
    assert texts(folder) == {"thesis.txt": "years of work"}


def test_the_folder_of_another_domain_is_refused(brief: Path, tmp_path: Path) -> None:
    build(brief, tmp_path / "bistro")
    before = texts(tmp_path / "bistro")
    brief.write_text(with_change("domain: table-booking", "domain: room-booking"), encoding="utf-8")
    with pytest.raises(SettingsError, match="has no build of room_booking"):
        build(brief, tmp_path / "bistro")
    assert texts(tmp_path / "bistro") == before


@pytest.mark.parametrize("place", ["table_booking/handlers", "tests", "README.md"])
def test_a_link_out_of_the_folder_is_not_followed(brief: Path, tmp_path: Path, place: str) -> None:
    folder, outside = tmp_path / "bistro", tmp_path / "outside"
    build(brief, folder)
    target = folder / place
    target.rename(outside)
    target.symlink_to(outside)
    before = texts(outside) if outside.is_dir() else {"": outside.read_text()}
    brief.write_text(with_change("table_no: int", "table_no: int, room: string"), encoding="utf-8")
    with pytest.raises(SettingsError, match="leads out of"):
        build(brief, folder)
    assert (texts(outside) if outside.is_dir() else {"": outside.read_text()}) == before


@pytest.mark.parametrize("path", ["../x.py", "/tmp/x.py", "a/../../x.py", ""])
def test_a_path_out_of_the_folder_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(SettingsError, match="leads out of"):
        write(tmp_path / "in", {"fine.py": "", path: ""})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_link_or_a_file_is_refused(brief: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    for folder in (tmp_path / "link", brief):
        with pytest.raises(SettingsError, match="is no folder"):
            build(brief, folder)
