"""An export writes over an unchanged file of an earlier export, and over nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from partita.errors import SettingsError
from partita.exports.json_text import json_text
from partita.exports.seal import UNSEALED, is_sealed, sealed
from partita.exports.writing import write_file, write_folder


def text(word: str) -> str:
    return sealed(f"# {UNSEALED}\n{word}\n")


@pytest.mark.parametrize("word", ["plain", "partita-export:" + "0" * 64, "\u2028 é", sealed(f"{UNSEALED} another's")])
def test_a_seal_breaks_with_each_change(word: str) -> None:
    """Also in a text that has something like a seal in it."""
    found = text(word)
    assert is_sealed(found) and is_sealed(json_text({"first": 1, "second": word}))
    assert not any(is_sealed(found[:at] + "~" + found[at + 1 :]) for at in range(len(found)))
    assert not is_sealed(found + " ") and not is_sealed(word.replace("partita", "partita ")) and not is_sealed("")


def test_an_own_file_is_written_over(tmp_path: Path) -> None:
    file = tmp_path / "a"
    write_file(file, text("one"))
    write_file(file, text("two"))
    assert file.read_text() == text("two") and list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("kind", ["another's", "edited", "binary", "a folder", "a link", "a broken link"])
def test_another_file_is_refused_and_left_as_it_is(kind: str, tmp_path: Path) -> None:
    file, target = tmp_path / "a", tmp_path / "target"
    target.write_text(text("one"), "utf-8")
    match kind:
        case "another's":
            file.write_text("mine", "utf-8")
        case "edited":
            file.write_text(text("one") + "mine", "utf-8")
        case "binary":
            file.write_bytes(b"\xff")
        case "a folder":
            file.mkdir()
        case "a link":
            file.symlink_to(target)
        case "a broken link":
            file.symlink_to(tmp_path / "nowhere")
    before = file.read_bytes() if file.is_file() else None
    with pytest.raises(SettingsError, match=r"a is there, and is no unchanged file"):
        write_file(file, text("two"))
    assert before == (file.read_bytes() if file.is_file() else None)
    assert target.read_text() == text("one") and not (tmp_path / "nowhere").exists()


def test_a_folder_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b/two").write_text("mine", "utf-8")
    with pytest.raises(SettingsError, match="two is there"):
        write_folder(tmp_path, {"a/one": text("1"), "b/two": text("2")}, ["a", "b"])
    assert not (tmp_path / "a").exists()


def test_files_that_are_gone_from_an_export_are_removed_and_a_users_are_not(tmp_path: Path) -> None:
    write_folder(tmp_path, {"a/x/one": text("1"), "a/two": text("2"), "b/three": text("3")}, ["a"])
    (tmp_path / "a/mine").write_text("mine", "utf-8")
    (tmp_path / "a/two").write_text(text("2") + "edited", "utf-8")
    _, removed = write_folder(tmp_path, {"a/four": text("4")}, ["a"])
    assert removed == [tmp_path / "a/x/one"] and not (tmp_path / "a/x").exists()
    kept = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert kept == ["a/four", "a/mine", "a/two", "b/three"]
