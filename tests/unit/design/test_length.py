"""A document is read in 20 minutes: its main part has at most so many words, and its first page is one page."""

from __future__ import annotations

import pytest
from tests.unit.design.domains import DOMAINS, SPOKEN, document
from tests.unit.design.words import of_main_part, of_section

from partita.design.document.block import Document, Pointer, R, Table, compact, row

PER_MINUTE = 300
"""The words that an engineer reads of prose; of a table with names and numbers as many are taken in."""
WORDS_MAX = {
    "orders": 20 * PER_MINUTE,
    "rides": 7_000,
    "claims": 6_700,
    "fleet": 6_500,
    "library": 6_000,
    "shop": 6_000,
    "insurer": 6_700,
}
"""Two sagas, or a person who decides, need more."""
ONE_PAGE_MAX = 700


@pytest.fixture(scope="module", params=(*DOMAINS, *SPOKEN))
def domain(request: pytest.FixtureRequest) -> tuple[str, Document]:
    return request.param, document(request.param)


def test_the_main_part_is_read_in_twenty_minutes(domain: tuple[str, Document]) -> None:
    """A document that no reader finishes decides nothing."""
    name, found = domain
    assert of_main_part(found) <= WORDS_MAX[name]


def test_the_first_page_has_the_words_of_one_page(domain: tuple[str, Document]) -> None:
    """The oracles print it; here its words are counted."""
    assert of_section(domain[1].sections[0]) <= ONE_PAGE_MAX


def test_each_appendix_is_pointed_to_by_a_section_or_is_a_record(domain: tuple[str, Document]) -> None:
    """A part that moved out of a section is found from it."""
    found = domain[1]
    pointed = {
        block.to for s in found.sections if not s.is_appendix for block in s.blocks if isinstance(block, Pointer)
    }
    assert pointed >= {"A", "B", "C", "D", "F", "G", "H", "I"}
    assert pointed <= {section.number for section in found.sections}


def test_a_main_part_says_no_row_twice(domain: tuple[str, Document]) -> None:
    """Rows that differ in their name alone are one row with two names."""
    for section in domain[1].sections:
        for block in section.blocks if not section.is_appendix else ():
            if isinstance(block, Table) and block.common:
                assert all(value for _, value in block.common)
                assert len({(one.mark, one.cells[1:]) for one in block.rows}) == len(block.rows), section.title


def test_equal_answers_are_one_row_and_one_value_is_said_above() -> None:
    """The mark counts as an answer: a line of another origin is another line."""
    rows = [row(R, "a", "1", "x", "k"), row(R, "b", "2", "x", "k"), row(R, "c", "1", "x", "k")]
    (found,) = compact("name | number | letter | key", rows)
    assert isinstance(found, Table)
    assert found.columns == ("name", "number")
    assert [one.cells for one in found.rows] == [("a, c", "1"), ("b", "2")]
    assert found.common == (("letter", "x"), ("key", "k"))
    assert compact("name | number", []) == ()
