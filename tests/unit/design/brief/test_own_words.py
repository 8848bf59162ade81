"""A brief speaks of its domain with the nouns of the answers: those of the pattern give way."""

from __future__ import annotations

import pytest
from tests.unit.design.domains import INSURER, SHOP

from partita.design.brief.asking.answers import read_answers
from partita.design.brief.asking.drafting import draft
from partita.design.brief.asking.lexicon import WORDS
from partita.design.brief.asking.own_words import speak_as_answered
from partita.design.brief.asking.sections import Sections
from partita.design.brief.patterns.pattern import WORDS as PATTERNS
from partita.design.brief.patterns.pattern import pattern_text
from partita.design.brief.reading import read_brief
from partita.design.checking.rules import Verdict, check


def test_a_policyholder_a_damage_and_a_cover_keep_their_names() -> None:
    """The customer said neither "policy holder" nor "loss" nor "coverage"."""
    text = draft(read_answers(*INSURER))
    design = read_brief(text, "insurer.yaml")

    assert design.event("ClaimFiled").meaning.value == "A policyholder reported a damage."
    assert [(step.do, step.undo) for _, step in design.steps][0] == ("ReserveCover", "ReleaseCover")
    assert {"CoverConfirmed", "CoverDenied", "CoverReleased"} <= {each.name for each in design.events}
    assert "damage" in [field.name for field in design.event("ClaimFiled").fields]
    for word in ("policy holder", "loss", "overage"):
        assert word not in text.lower(), word


def test_the_words_about_a_service_are_those_of_the_answer() -> None:
    """Also the small ones: "takes reports from the portal, from brokers" was said by no one."""
    design = read_brief(draft(read_answers(*INSURER)), "insurer.yaml")

    assert design.service("claims-service").doc == "claims-service takes reports from the portal and from brokers"
    assert design.service("policy-service").doc == "policy-service reserves cover and gives it back"


def test_a_word_that_the_answers_have_stays() -> None:
    """An answer with "article" and "item" means two things."""
    design = read_brief(draft(read_answers(*SHOP)), "shop.yaml")

    assert any("article" in each.meaning.value for each in design.events)


@pytest.mark.parametrize("old", WORDS["same"])
def test_each_noun_is_that_of_a_pattern(old: str) -> None:
    """A word for a thing that no pattern has replaces nothing."""
    assert any(old in pattern_text(name).lower() for name in PATTERNS)


@pytest.mark.parametrize("name", PATTERNS)
def test_a_pattern_with_every_other_noun_is_a_brief_without_a_finding(name: str) -> None:
    others = " and ".join(words.split()[0] for words in WORDS["same"].values())
    sections = Sections.of(pattern_text(name))
    speak_as_answered(sections, read_answers(f"{name} {others}", "desk", "clerk", ""))

    assert check(read_brief(sections.text(tuple(sections.lines)), name)) == Verdict((), ())
