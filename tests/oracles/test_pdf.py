"""WeasyPrint itself prints the page of a design."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.design.brief.briefs import SMALL
from tests.unit.design.domains import DOMAINS, SPOKEN, document

from partita.cli.main import cli
from partita.design.rendering.pdf import is_sealed_pdf, printed

pytestmark = pytest.mark.oracles
MAIN_PAGES_MAX = 22


def test_a_design_is_printed(tmp_path: Path) -> None:
    pytest.importorskip("weasyprint", reason="make oracles")
    brief = tmp_path / "bistro.yaml"
    brief.write_text(SMALL, encoding="utf-8")

    assert (
        cli.main(["design", "build", str(brief), "-o", str(tmp_path / "out"), "--to", "pdf"], standalone_mode=False)
        == 0
    )

    data = (tmp_path / "out/table-booking.pdf").read_bytes()
    assert data.startswith(b"%PDF-")
    assert is_sealed_pdf(data)


@pytest.mark.parametrize("name", (*DOMAINS, *SPOKEN))
def test_the_first_page_is_one_page_of_a4(name: str) -> None:
    """The contents and the thirteen sections begin on the second one."""
    weasyprint = pytest.importorskip("weasyprint", reason="make oracles")
    pages = weasyprint.HTML(string=printed(document(name))).render().pages
    begins: dict[str, int] = {}
    for number, page in enumerate(pages, 1):
        for anchor in page.anchors:
            begins.setdefault(anchor, number)
    assert begins["s0"] == 1
    assert begins["s1"] == 2
    assert begins["sA"] - begins["s1"] <= MAIN_PAGES_MAX
