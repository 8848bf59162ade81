"""Levels: which versions are compared with the new one, and in which direction."""

from __future__ import annotations

import pytest

from partita.schemas.evolution.checking import Version, check
from partita.schemas.evolution.finding import Finding
from partita.schemas.evolution.level import Level


class Unlike:
    """Rules by which no schema reads another; a finding has the two texts."""

    def compare(self, reader: str, writer: str) -> list[Finding]:
        """One finding."""
        return [Finding("unlike", "", writer, reader)]


EARLIER = [Version("1", "a"), Version("2", "b")]


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("NONE", []),
        ("BACKWARD", [("2", "b", "c")]),
        ("FORWARD", [("2", "b", "c")]),
        ("FULL", [("2", "b", "c")] * 2),
        ("BACKWARD_TRANSITIVE", [("1", "a", "c"), ("2", "b", "c")]),
        ("FORWARD_TRANSITIVE", [("1", "a", "c"), ("2", "b", "c")]),
        ("FULL_TRANSITIVE", [("1", "a", "c")] * 2 + [("2", "b", "c")] * 2),
    ],
)
def test_a_level_compares_its_versions(level: str, expected: list[tuple[str, str, str]]) -> None:
    """`old` is the earlier text in both directions."""
    found = check("c", EARLIER, Level(level), Unlike())
    assert [(f.version, f.old, f.new) for f in found] == expected


def test_the_reader_is_the_new_one_backward_and_the_earlier_one_forward() -> None:
    """Else a level would promise the opposite."""

    class OneWay:
        def compare(self, reader: str, writer: str) -> list[Finding]:
            return [] if reader == "c" else [Finding("unlike", "", writer, reader)]

    assert check("c", EARLIER, Level.BACKWARD_TRANSITIVE, OneWay()) == []
    assert [f.version for f in check("c", EARLIER, Level.FORWARD, OneWay())] == ["2"]


def test_a_first_version_follows_nothing() -> None:
    """There is nothing to clash with."""
    assert check("c", [], Level.FULL_TRANSITIVE, Unlike()) == []
