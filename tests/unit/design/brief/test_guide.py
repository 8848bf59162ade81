"""The brief that the guide shows is one."""

from __future__ import annotations

from pathlib import Path

from partita.design.brief.reading import read_brief

GUIDE = Path(__file__).resolve().parents[4] / "docs/guides/designing.md"


def test_the_brief_of_the_guide_is_read() -> None:
    """A reader copies it before anything else."""
    text = GUIDE.read_text(encoding="utf-8").partition("```yaml\n")[2].partition("```")[0]
    design = read_brief(text, "bistro.yaml")

    assert [saga.name for saga in design.sagas] == ["BookTable"]
    assert design.command("RequestTable").enters
    assert any("ConfirmBooking" in each.text for each in design.questions)
