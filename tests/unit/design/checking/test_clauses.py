"""The clauses of answers: each part that keeps one is found by its name, and one that is gone is a finding."""

from __future__ import annotations

import re

import pytest
from tests.unit.design.brief.briefs import SMALL, with_line

from partita.design.brief.reading import read_brief
from partita.design.brief.refused import BriefRefused
from partita.design.checking.rules import Verdict, check
from partita.design.model.keeper import keepers_of


def answered(kept: str, said: str = "one table for each guest") -> str:
    """The small brief with one clause."""
    return with_line("purpose: ", f"answers: [{{said: {said}, kept: {kept}}}]")


KEPT = {
    "HoldTable": "do: HoldTable", "FreeTable": "undo: FreeTable", "TakeDeposit.timeout": "do: TakeDeposit",
    "ConfirmBooking": "do: ConfirmBooking", "BookTable.deadline": "deadline: 10m", "TableFreed.booking_id": "TableFreed:",
    "guest-mail.BookingCancelled": "who: guest-mail", "host-board": "host-board:", "tonight": "project tonight",
    "tonight.max": "tonight is at most", "Table": r"Table: crud|owns: \[Table\]",
    "'a deposit is taken at most once'": "a deposit is taken", "load.bookings": "load:", "load.retention": "load:",
    "failure.window": "failure:",
}  # fmt: skip
"""Keepers, each with a pattern of the lines without which it is gone."""


@pytest.mark.parametrize("kept", KEPT)
def test_each_part_of_a_brief_may_keep_a_clause(kept: str) -> None:
    design = read_brief(answered(kept), "bistro.yaml")

    assert check(design) == Verdict((), ())
    assert not [each for each in design.questions if "You said" in each.text]


@pytest.mark.parametrize(("kept", "line"), KEPT.items())
def test_a_clause_whose_line_is_gone_is_a_finding(kept: str, line: str) -> None:
    """The person who deletes a line learns what was said for it."""
    left = [each for each in answered(kept).splitlines() if each.startswith("answers:") or not re.search(line, each)]
    found = check(read_brief("\n".join(left), "bistro.yaml")).to_mend

    assert [each.at for each in found if each.rule == "clause-not-kept"] == ["one table for each guest"]


def test_a_value_that_no_line_says_keeps_nothing() -> None:
    """A default may change with the next version: no one said it, and no one keeps it."""
    text = answered("failure.window").replace(", window: 24h}\ncompat", "}\ncompat")
    (found,) = check(read_brief(text, "bistro.yaml")).to_mend

    assert (found.rule, found.line) == ("clause-not-kept", 4)
    assert "failure.window" in found.what


def test_a_clause_that_nothing_keeps_is_a_question() -> None:
    """It is never dropped: the document asks for it until a line keeps it."""
    design = read_brief(answered("none", "no guest waits in the rain"), "bistro.yaml")

    (asked,) = [each for each in design.questions if "You said" in each.text]
    assert asked.text == 'You said "no guest waits in the rain": the design has nothing for it.'
    assert check(design) == Verdict((), ())


def test_an_empty_list_says_what_to_write() -> None:
    """A list without an entry may be a line that was forgotten: the word says that it is meant."""
    with pytest.raises(BriefRefused) as refused:
        read_brief(answered("[]"), "bistro.yaml")
    (finding,) = refused.value.findings
    assert finding.line == 4 and finding.write.endswith("or `kept: none`.")


def test_every_name_of_a_keeper_is_one_part() -> None:
    """Two parts under one name would let one keep what was said of the other."""
    found = keepers_of(read_brief(SMALL, "bistro.yaml"))

    assert len(found) == len({(each.kind, each.of, each.key) for each in found.values()})
