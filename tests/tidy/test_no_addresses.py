"""No tracked file holds a path of somebody's machine or the address of a package registry."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Where a checkout's parent is one of these, its name says nothing about a machine.
NO_ONES = {
    Path(p) for p in ("/", "/app", "/builds", "/home", "/mnt", "/opt", "/root", "/src", "/srv", "/tmp", "/var/tmp")
}

# In pieces, so that this file does not hold what it forbids.
HOSTS = tuple(
    ".".join(pieces)
    for pieces in [
        ("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("npmjs", "com"), ("yarnpkg", "com"),
        ("crates", "io"), ("maven", "org"), ("rubygems", "org"), ("proxy", "golang", "org"), ("jfrog", "io"),
    ]
)  # fmt: skip
OPTION = "--" + "index-url"


def test_no_tracked_file_holds_an_address() -> None:
    """A lock file with an address installs on one network; a path of a machine helps nobody else."""
    found = [line for path in _tracked() for line in _addresses(path)]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    "line",
    [
        "see /home/" + "ada/partita/app.py",
        "C:" + "\\Users\\ada\\partita",
        "cp x /Users/" + "ada/x",
        "url = https://files." + HOSTS[1] + "/packages/x.whl",
        OPTION + " https://mirror.example/",
        "https://mirror.example/" + "simple/click",
        str(ROOT) + "/src",
    ],
)
def test_a_planted_address_is_found(line: str, tmp_path: Path) -> None:
    """Each kind of address once, so that the search is known to see."""
    path = tmp_path / "planted.txt"
    path.write_text(f"first\n{line}\n", encoding="utf-8")
    assert [found.split(":")[1] for found in _addresses(path)] == ["2"]


def test_ordinary_text_is_no_address(tmp_path: Path) -> None:
    """Loopback, examples and temporary folders are what documentation is made of."""
    path = tmp_path / "planted.txt"
    path.write_text("http://127.0.0.1:8000/orders\nhttps://example.com/x\n/tmp/x\nhomes /home\n", encoding="utf-8")
    assert list(_addresses(path)) == []


def _tracked() -> list[Path]:
    """Files in git, and those that would be after `git add`."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout
    return [path for name in names.split("\0") if name and (path := ROOT / name).is_file()]


def _addresses(path: Path) -> Iterator[str]:
    pattern = _pattern()
    name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
    # What is not text has no lines to read; a replaced byte keeps the search going.
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        if match := pattern.search(line):
            yield f"{name}:{number}: holds {match[0]!r}; use a path below the repository, or no address at all."


def _pattern() -> re.Pattern[str]:
    kinds = [
        r"/home/[a-z][\w.-]*/", r"/Users/[A-Za-z][\w.-]*/", r"\b[A-Z]:\\Users\\", rf"(?<![\w.])/{'root'}/",
        r"resolved\": *\"https?:", r"https?://[^ ]*/(?:simple|maven2)(?:/|\")", re.escape(OPTION),
        *(re.escape(host) for host in HOSTS),
    ]  # fmt: skip
    # The checkout's own place and its parent, unless they are folders every machine has.
    kinds += [rf"(?<![\w.]){re.escape(str(p))}/" for p in (ROOT, ROOT.parent) if p not in NO_ONES]
    return re.compile("|".join(kinds))
