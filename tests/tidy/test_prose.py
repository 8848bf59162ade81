"""The prose of the tree keeps to plain sentences: words that STYLE.md rules out stay below their limits."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.tidy.prose import RULES, complaints

ROOT = Path(__file__).resolve().parents[2]

# Lowered with each pass over a folder; none is ever raised.
LIMITS = {
    "clause for a noun": 0,
    "clause for a subject": 1,
    "he": 0,
    "who": 6,
    "nobody": 5,
    "tell": 6,
    "stand": 6,
    "poetic": 2,
}

PLANTED = {
    "clause for a noun": 'def act() -> None:\n    """What is done."""\n',
    "clause for a subject": 'def act() -> None:\n    """Do it. What came late is dropped."""\n',
    "he": "# The relay is paused while he sleeps.\n",
    "who": 'def act() -> None:\n    raise ValueError("only a process who holds it may run")\n',
    "nobody": "# A message nobody handles.\n",
    "tell": "# The bus is told.\n",
    "stand": "# The row stands there.\n",
    "poetic": "# It is sent anew.\n",
}

PLAIN = {
    "a question": '"""A file. What does it hold? A noun."""\n',
    "a person": '"""A file for the user who runs it."""\n',
    "stands for": '"""A file that stands for a noun."""\n',
    "a name": '"""A file."""\n\nwho = tell = "nobody"\n',
}


def test_no_word_is_above_its_limit() -> None:
    """A guarantee that a reader misunderstands is broken by the next change."""
    found = complaints(ROOT)
    above = [line for name, limit in LIMITS.items() if len(found[name]) > limit for line in found[name]]
    assert not above, "\n" + "\n".join(above)


def test_each_rule_has_a_limit_and_a_planted_sentence() -> None:
    assert list(LIMITS) == list(PLANTED) == list(RULES)


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_sentence_is_the_one_complaint(name: str, tmp_path: Path) -> None:
    """A check that was never red proves nothing."""
    found = complaints(_tree(tmp_path, '"""A noun."""\n\n' + PLANTED[name]))
    assert {rule: len(lines) for rule, lines in found.items() if lines} == {name: 1}


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_sentence_brings_no_complaint(name: str, tmp_path: Path) -> None:
    """A rule that cries wolf is switched off."""
    assert not any(complaints(_tree(tmp_path, PLAIN[name])).values())


def _tree(root: Path, source: str) -> Path:
    path = root / "src/partita/noun.py"
    path.parent.mkdir(parents=True)
    path.write_text(source, encoding="utf-8")
    return root
