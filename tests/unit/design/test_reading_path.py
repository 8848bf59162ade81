"""The reading path: the main part of a document is read in 20 minutes, and its first page says in which order."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from tests.unit.design.domains import DOMAINS, SPOKEN, document

from partita.design.document.block import Paragraph, R, Row, Section, Table
from partita.design.document.reading_path import PARTS, minutes

MINUTES_MAX = 20


@pytest.mark.parametrize("name", (*DOMAINS, *SPOKEN))
def test_the_main_part_takes_twenty_minutes_at_most(name: str) -> None:
    """A reader who needs longer stops before the part that matters: words of prose, cells and code are counted."""
    found = document(name)
    main = [each for each in found.sections if not each.is_appendix]
    path = main[0].blocks[1]

    assert sum(minutes(each) for each in main) <= MINUTES_MAX
    assert isinstance(path, Paragraph)
    parts = [re.search(rf"{re.escape(title)} (\d+)[,;]", path.text) for title, _ in PARTS]
    total = re.search(r"together (\d+)\.", path.text)
    assert total is not None and None not in parts
    assert int(total[1]) == sum(int(each[1]) for each in parts if each is not None) <= MINUTES_MAX


def test_each_section_of_the_main_part_is_on_the_path_once() -> None:
    numbers = [number for _, of in PARTS for number in of]

    assert sorted(numbers, key=int) == [str(number) for number in range(14)]


def test_prose_takes_longer_than_a_table() -> None:
    """230 words of prose are a minute, and so are 450 of cells."""
    prose = Section("1", "", (Paragraph("word " * 230, R),))
    cells = Section("1", "", (Table(("word",), tuple(Row(("word",), R) for _ in range(449))),))

    assert minutes(prose) == pytest.approx(1.0)
    assert minutes(cells) == pytest.approx(1.0)
    assert minutes(replace(prose, title="one two")) > 1.0
