"""No generic sentence: what a document says of a domain changes with the lines of its brief."""

from __future__ import annotations

import json

import pytest
from tests.unit.design.brief.briefs import SMALL
from tests.unit.design.domains import DOMAINS, text_of
from tests.unit.design.numbers import unexplained
from tests.unit.design.reaching import reaching
from tests.unit.design.sentences import boilerplate, sentences
from tests.unit.design.test_document import REFERENCE

from partita.design.brief.reading import read_brief
from partita.design.document.block import Code, Document, Heading, Paragraph, R, Section
from partita.design.document.building import document_of
from partita.design.model.design import Design
from partita.design.model.section import APPENDICES

SHARE = 0.1
"""The part of the sentences that no line of a brief needs to reach: legends, and the rules of a word."""


@pytest.mark.long
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("name", DOMAINS)
def test_at_most_a_tenth_of_the_sentences_is_boilerplate(name: str) -> None:
    """A sentence that is true of every system says nothing of this one."""
    left, every = boilerplate(text_of(name), name, document_of, SHARE, reaching(name))
    distinct = set(sentences(document_of(read_brief(text_of(name), name))))
    assert len(left) <= SHARE * every, "\n".join(left)
    assert len(set(left)) <= SHARE * len(distinct), "\n".join(left)


def test_generic_sentences_are_found() -> None:
    """A lint that was never red proves nothing: no mutant reaches what is said of every system, and one that is refused reaches
    nothing. The other half of this document is what a brief says."""
    generic = [Paragraph(f"Event number {n} should be designed with care.", R) for n in range(20)]

    def padded(design: Design) -> Document:
        own = [Paragraph(f"The event {each.name} comes from {each.by} alone.", R) for each in design.events]
        return Document("", "", (Section("0", "", (*own, *generic)),))

    left, every = boilerplate(SMALL, "small", padded, SHARE)
    assert every > len(left) == len(generic) > SHARE * every
    assert all(sentence.startswith("Event number") for sentence in left)
    assert set(sentences(Document("", "", ()))) == set()


@pytest.mark.parametrize("name", DOMAINS)
def test_each_number_of_the_three_domains_has_its_arithmetic(name: str) -> None:
    """Also where a window has no end, a stream is lossy, and a step takes twenty days."""
    design = read_brief(text_of(name), name)
    assert unexplained(design, document_of(design)) == []


@pytest.mark.parametrize("name", DOMAINS)
def test_no_section_of_the_three_domains_is_empty(name: str) -> None:
    """A heading at the end has nothing below it."""
    document = document_of(read_brief(text_of(name), name))
    assert [section.number for section in document.sections] == [*map(str, range(14)), *APPENDICES]
    assert all(section.blocks and not isinstance(section.blocks[-1], Heading) for section in document.sections)


def test_the_brief_of_orders_gives_the_reference_record_to_the_letter() -> None:
    """In its first revision; the newer one adds fields with defaults."""
    document = document_of(read_brief(text_of("orders"), "orders"))
    codes = [block.text for section in document.sections for block in section.blocks if isinstance(block, Code)]
    first = next(text for text in codes if '"OrderPlaced"' in text and text.startswith('{"type": "record"'))
    assert json.loads(first) == REFERENCE
