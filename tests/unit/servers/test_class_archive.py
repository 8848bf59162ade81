"""The archive of a Java server's classes: made by one start, used by all that follow."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from servers.class_archive import class_options


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Any file: only which one it is matters."""
    path = tmp_path / "java"
    path.touch()
    return path


class Starts(list[Sequence[str]]):
    """The server's starts: each writes the archive that its options name, as a JVM does at its end."""

    def __call__(self, options: Sequence[str]) -> None:
        self.append(options)
        Path(options[0].partition("=")[2]).write_bytes(b"classes")


def test_it_is_made_by_one_start_and_read_by_all_others(program: Path) -> None:
    starts = Starts()
    first, second = (class_options(program.parent, str(program), starts) for _ in range(2))
    (archive,) = program.parent.glob("*.jsa")
    assert first == second == [f"-XX:SharedArchiveFile={archive}"]
    assert archive.read_bytes() == b"classes" and len(starts) == 1


def test_another_java_gets_one_of_its_own(program: Path) -> None:
    starts = Starts()
    first = class_options(program.parent, str(program), starts)
    os.utime(program, (1, 1))  # updated in its place
    assert class_options(program.parent, str(program), starts) != first and len(starts) == 2


def test_a_java_that_makes_none_is_asked_once_and_starts_without(program: Path) -> None:
    asked: list[Sequence[str]] = []
    assert [class_options(program.parent, str(program), asked.append) for _ in range(2)] == [[], []]
    assert len(asked) == 1
