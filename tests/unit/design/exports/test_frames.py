"""A design under the headings of arc42, and its decisions as records: nothing is left out, and each text is escaped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from partita.design.brief.reading import read_brief
from partita.design.document.block import Block, Heading
from partita.design.document.building import document_of
from partita.design.exports.arc42 import CHAPTERS, arc42
from partita.design.exports.decisions import decision_records
from partita.design.model.design import Design
from partita.design.model.origin import Fact
from partita.exports.seal import is_sealed

FOLDER = Path(__file__).parents[4] / "docs/designs"


def _design(name: str) -> Design:
    return read_brief((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"), f"{name}.yaml")


@pytest.mark.parametrize("name", ["orders", "rides", "claims"])
def test_every_block_is_in_one_chapter(name: str) -> None:
    document = document_of(_design(name))
    framed = arc42(document)

    before = [block for section in document.sections for block in section.blocks]
    titles = {section.title for section in document.sections}
    after = [block for section in framed.sections for block in section.blocks if not _is_title(block, titles)]
    assert sorted(map(repr, before)) == sorted(map(repr, after))
    assert [section.title for section in framed.sections] == [title for title, _ in CHAPTERS]


def _is_title(block: Block, titles: set[str]) -> bool:
    return isinstance(block, Heading) and block.text in titles


def test_each_decision_has_a_record_with_its_rejected_alternatives() -> None:
    records = decision_records(_design("orders"))

    assert list(records)[0] == "decisions/0001-checkout-is-an-orchestration.md"
    text = records["decisions/0001-checkout-is-an-orchestration.md"]
    assert "money moves and must be undone in a known order" in text.lower()
    assert "## Rejected\n\n- choreography by" in text
    assert all(is_sealed(each) for each in records.values())


def test_a_hostile_reason_is_no_markup_and_no_path() -> None:
    design = _design("orders")
    saga = replace(
        design.sagas[0], name="../../Etc", why=Fact("<img src=x> [x](javascript:1)", design.sagas[0].why.origin)
    )

    records = decision_records(replace(design, sagas=(saga,)))

    assert all(path.count("/") == 1 and ".." not in path for path in records)
    assert not any("<img" in text or "[x](" in text for text in records.values())
