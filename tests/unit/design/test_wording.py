"""The wording of documents about domains of any kind: no word twice, the right article, and no noun of a pattern that is not theirs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.unit.design.brief.domains import DOMAINS
from tests.unit.design.sentences import texts

from partita.design.brief.asking.answers import read_answers
from partita.design.brief.asking.drafting import draft
from partita.design.brief.reading import read_brief
from partita.design.document.building import document_of
from partita.design.document.quantity import lasting, one

SOME = ("claims", "transfers", "library", "hospital", "meters", "loans", "school", "museum", "telecom", "pallets")
CODE = re.compile(r"`[^`]*`")
TWICE = re.compile(r"\b([a-z]+) \1\b", re.IGNORECASE)
ARTICLE = re.compile(
    r"\b(?:an? (?:an?|the)|the (?:an?|the)|a `?[aeio]\w*|an `?[bcdfgjklmnpqrstvwxyz]\w*)\b", re.IGNORECASE
)
OWNS = re.compile(r"owns: \[([^\]]*)\]")
PATTERNS = Path(read_brief.__code__.co_filename).parent / "patterns"


def nouns_of_patterns() -> set[str]:
    """The things of the patterns, as "trip" and "stock item"; an order, a decision and a document are words of its own."""
    found = {
        name.strip()
        for path in PATTERNS.glob("*.yaml")
        for owned in OWNS.findall(path.read_text("utf-8"))
        for name in owned.split(",")
    }
    return {re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower() for name in found} - {"order", "decision", "document"}


def odd(brief: str) -> list[str]:
    """The texts of the document of a brief that a stranger would stumble over."""
    found = []
    foreign = [noun for noun in nouns_of_patterns() if noun not in re.sub(r"(?<=[a-z])(?=[A-Z])", " ", brief).lower()]
    for text in texts(document_of(read_brief(brief, "brief"))):
        plain = CODE.sub("-", text)
        found += [f"{match[0]!r} in {text}" for match in (*TWICE.finditer(plain), *ARTICLE.finditer(text))]
        found += [f"{noun!r} in {text}" for noun in foreign if re.search(rf"\b{noun}s?\b", plain.lower())]
    return found


@pytest.mark.parametrize("name", SOME)
def test_a_document_about_any_domain_reads_as_written_for_it(name: str) -> None:
    """Sentences are built of names, keys and times; each must fit where it is put."""
    assert odd(draft(read_answers(*DOMAINS[name].answers))) == []


def test_the_patterns_have_nouns_to_look_for() -> None:
    """A list that became empty would find nothing."""
    assert {"trip", "payment", "policy", "stock item"} <= nouns_of_patterns()


@pytest.mark.parametrize(
    ("name", "said"),
    [("order_id", "an order_id"), ("claim_id", "a claim_id"), ("`Order`", "an `Order`"), ("user_id", "a user_id"), ("unit", "a unit"), ("update", "an update")],
)  # fmt: skip
def test_a_name_has_its_article(name: str, said: str) -> None:
    """By its first sound, as far as letters say it."""
    assert one(name) == said


def test_a_time_without_an_end_is_for_ever_once() -> None:
    """ "for for ever" was in each document with an endless window."""
    assert (lasting(None), lasting(86_400.0)) == ("for ever", "for 24 h")
