"""WeasyPrint itself prints the page of a design."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.design.brief.briefs import SMALL

from partita.cli.main import cli
from partita.design.rendering.pdf import is_sealed_pdf

pytestmark = pytest.mark.oracles


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
