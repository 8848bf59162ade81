"""The clauses of the answers: each word of an answer is in one, and each is kept by a part of the brief or asked about."""

from __future__ import annotations

import re

import pytest
from tests.unit.design.brief.domains import DOMAINS
from tests.unit.design.domains import INSURER, SHOP, SPOKEN

from partita.design.brief.asking.answers import read_answers
from partita.design.brief.asking.drafting import draft
from partita.design.brief.asking.wording import sentences
from partita.design.brief.reading import read_brief
from partita.design.brief.refused import BriefRefused
from partita.design.checking.rules import Verdict, check

ANSWERS = {name: each.answers for name, each in DOMAINS.items()} | SPOKEN
JOINTS = frozenset("and but or then while whereas plus as well".split())
"""Words between two clauses."""
UNKEPT_MAX = 2


def words(text: str) -> list[str]:
    return [word for word in re.findall("[a-z0-9]+", text.lower()) if word not in JOINTS]


@pytest.mark.parametrize("name", ANSWERS)
def test_each_word_of_an_answer_is_in_a_clause_and_each_clause_is_kept_or_asked(name: str) -> None:
    """The person who answered finds every word again: a word that is dropped is a wish that is forgotten."""
    design = read_brief(draft(read_answers(*ANSWERS[name])), f"{name}.yaml")
    said = " ".join(each.said for each in design.clauses)
    missing = set(words(" ".join(" ".join(sentences(text)) for text in ANSWERS[name]))) - set(words(said))
    unkept = [each for each in design.clauses if not each.kept]

    assert check(design) == Verdict((), ())
    assert not missing
    assert len(unkept) <= UNKEPT_MAX
    for each in unkept:
        assert any(f'You said "{each.said}"' in question.text for question in design.questions)


@pytest.mark.parametrize("name", ["shop", "insurer", "transfers", "hospital"])
def test_a_clause_whose_line_was_dropped_is_no_longer_kept(name: str) -> None:
    """Each line that keeps a clause is dropped in turn: the check names the clause, or refuses the brief."""
    text = draft(read_answers(*ANSWERS[name]))
    lines = text.splitlines()
    kept = {part for each in read_brief(text, "b").clauses for part in each.kept}
    steps = [at for at, line in enumerate(lines) if (do := re.search(r"- \{do: (\w+),", line)) and do[1] in kept]
    assert len(steps) >= 3
    for at in steps:
        end = (
            at + 1
            if "}" in lines[at].partition("#")[0] and lines[at].partition("#")[0].rstrip().endswith("}")
            else at + 2
        )
        rest = "\n".join([*lines[:at], *lines[end:]])
        try:
            found = [each.rule for each in check(read_brief(rest, "b")).to_mend]
        except (BriefRefused, KeyError):
            continue
        assert "clause-not-kept" in found, lines[at]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("When the card is declined the stock goes back", ("PaymentDeclined", "ReleaseStock")),
        ("About 50 orders a second on a normal day, 400 on Black Friday", ("load.orders",)),
        ("inventory-service reserves stock and releases it", ("ReserveStock", "ReleaseStock")),
        ("stock never sold twice", ("stock never sold twice",)),
        (
            "An hour without payment-service must lose nothing",
            ("An hour without payment-service must lose nothing", "ChargePayment.timeout"),
        ),
    ],
)
def test_a_clause_is_kept_by_the_part_that_was_made_of_it(said: str, kept: tuple[str, ...]) -> None:
    design = read_brief(draft(read_answers(*SHOP)), "shop.yaml")

    assert [each.kept for each in design.clauses if each.said == said] == [kept]


def test_the_times_of_a_person_and_of_an_ellipsis_are_kept() -> None:
    """ "Letters may be late by a day, the numbers by an hour": the second one has the verb of the first."""
    design = read_brief(draft(read_answers(*INSURER)), "insurer.yaml")
    kept = {each.said: each.kept for each in design.clauses}

    assert kept["an adjuster decides within 20 days"] == ("DecideClaim", "DecideClaim.timeout")
    assert [(each.kind, each.max) for each in design.rules if each.text == "the regulator's numbers by an hour"] == [
        ("staleness", 3600.0)
    ]
    assert [each.text for each in design.rules if each.kind == "audit"] == [
        "Who decided what and when must be provable", "Files are kept ten years",
    ]  # fmt: skip


def test_words_that_nothing_keeps_are_a_clause_of_their_own() -> None:
    """They are not hidden in the row of a clause that is kept."""
    text = draft(read_answers("orders", "shop takes orders", "billing charges the card", "the moon is full"))

    assert "  - {said: 'the moon is full', kept: none}  # your answer" in text


def test_the_words_of_a_person_are_data() -> None:
    """Markup and quotes in an answer are a text of the brief, and stay one."""
    wish = "no '<script>alert(1)</script>' twice & {x: 1} # assumed"
    design = read_brief(draft(read_answers("orders", "shop", "billing", wish)), "b.yaml")

    assert any("<script>alert(1)</script>" in each.said for each in design.clauses)
