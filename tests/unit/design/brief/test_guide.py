"""The brief that the guide shows is one."""

from __future__ import annotations

from pathlib import Path

from partita.design.brief.patterns.pattern import pattern_text
from partita.design.brief.reading import read_brief
from partita.design.checking.rules import Verdict, check

GUIDE = Path(__file__).resolve().parents[4] / "docs/guides/designing.md"


def test_the_brief_of_the_guide_is_read() -> None:
    """A reader copies it before anything else."""
    text = GUIDE.read_text(encoding="utf-8").partition("```yaml\n")[2].partition("```")[0]
    design = read_brief(text, "bistro.yaml")

    assert [saga.name for saga in design.sagas] == ["BookTable"]
    assert design.command("RequestTable").enters
    assert any("ConfirmBooking" in each.text for each in design.questions)


def test_the_clauses_of_the_guide_are_kept_by_the_brief_of_orders() -> None:
    """The names in it are those that a reader knows from the example."""
    piece = "answers:\n" + GUIDE.read_text(encoding="utf-8").partition("```yaml\nanswers:\n")[2].partition("```")[0]
    design = read_brief(piece + pattern_text("orders"), "orders.yaml")

    assert check(design) == Verdict((), ())
    assert [len(each.kept) for each in design.clauses] == [2, 0]
    assert any("Letters may be late" in each.text for each in design.questions)
