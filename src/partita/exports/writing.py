"""Writing exported files: each whole or not at all, and over no file but an unchanged one of an earlier export."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from partita.errors import SettingsError
from partita.exports.seal import is_sealed

FILE_BYTES_MAX = 50_000_000


def write_file(path: Path, text: str) -> None:
    """Write a sealed text.

    Raises:
        SettingsError: the file is there, and is not an unchanged one of an export.
    """
    check_ours([path])
    _write(path, text)


def write_folder(folder: Path, texts: Mapping[str, str], within: Iterable[str]) -> tuple[list[Path], list[Path]]:
    """Write sealed texts by their paths in a folder, and remove the files of an earlier export that this one does not have,
    in the folders `within`. Returns the written and the removed files.

    Raises:
        SettingsError: one of the files is there, and is not an unchanged one of an export; then none was written.
    """
    paths = {folder / name: text for name, text in texts.items()}
    check_ours(paths)
    old = [file for part in within for file in sorted((folder / part).rglob("*")) if file.is_file()]
    removed = [file for file in old if file not in paths and is_ours(file)]
    for path, text in paths.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, text)
    for file in removed:
        file.unlink()
        for parent in file.parents:
            if parent == folder or any(parent.iterdir()):
                break
            parent.rmdir()
    return list(paths), removed


def check_ours(paths: Iterable[Path]) -> None:
    """Refuse to write over files of the user's.

    Raises:
        SettingsError: names the first of them.
    """
    for path in paths:
        if (path.exists() or path.is_symlink()) and not is_ours(path):
            raise SettingsError(
                f"{path} is there, and is no unchanged file of an export.",
                hint="Name another place, or move the file away: an export writes over its own files only.",
            )


def is_ours(path: Path) -> bool:
    """Whether a file has an unbroken seal."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size > FILE_BYTES_MAX:
        return False
    try:
        return is_sealed(path.read_bytes().decode())
    except UnicodeDecodeError:
        return False


def _write(path: Path, text: str) -> None:
    """Write beside the file, then move it there: a reader sees the old text or the new one."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".partita-export-") as beside:
        file = Path(beside) / "file"
        file.write_text(text, encoding="utf-8", newline="\n")
        file.replace(path)
