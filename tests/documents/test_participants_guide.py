"""The guide for other languages names what a participant must do: each program does it, in the words that the guide quotes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs/guides/other-languages.md").read_text(encoding="utf-8")
PROGRAMS = ROOT / "examples" / "participants"
ENDINGS = ("go", "java", "js")


def duties() -> list[tuple[str, tuple[str, ...]]]:
    """Each duty with the quoted code of the three programs."""
    table = GUIDE.split("### What it must do", 1)[1].split("\n\n", 2)[1]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()[2:]]
    return [(row[0].strip("| "), tuple(row[1:4])) for row in rows]


@pytest.mark.parametrize(("duty", "quotes"), duties(), ids=lambda part: part if isinstance(part, str) else "")
def test_each_program_does_its_duty_as_the_guide_quotes_it(duty: str, quotes: tuple[str, ...]) -> None:
    for ending, quote in zip(ENDINGS, quotes, strict=True):
        text = "\n".join(path.read_text(encoding="utf-8") for path in sorted(PROGRAMS.rglob(f"*.{ending}")))
        code = re.fullmatch("`(.+)`", quote)
        if code is None:
            assert quote == "kafkajs has none", quote
        else:
            assert code[1] in text, f"{duty}: no program in {ending} has {code[1]}"


def test_the_table_has_all_duties() -> None:
    assert len(duties()) >= 16
