"""The house rules hold in the whole tree, and each rule is seen red in a tree with one planted violation."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.tidy.house_rules import complaints

ROOT = Path(__file__).resolve().parents[2]
OPENING = '"""A file that holds one noun."""\n'
LONG_FUNCTION = "def act() -> None:\n" + "    act()\n" * 70
WIDE_CLASS = "class A:\n    def __init__(self, a, *, b, c, d, e, f, g, h, i, j, k, l, m) -> None: ...\n"
WIDE_FUNCTION = "def act(a, b, c, d, e, f, g, *, h, i, j) -> None: ...\n"

PLANTED = {
    "long file": ("src/partita/noun.py", OPENING + "A = 1\n" * 500, "501: 502 lines, at most 500"),
    "no opening": ("src/partita/noun.py", "A = 1\n", "1: no docstring"),
    "no sentence": ("src/partita/noun.py", '"""Noun"""\n', "1: the docstring's first paragraph"),
    "long function": ("src/partita/noun.py", OPENING + LONG_FUNCTION, "2: act has 71 lines"),
    "many parameters": ("src/partita/noun.py", OPENING + WIDE_FUNCTION, "2: act takes 10 parameters"),
    "many options": ("src/partita/noun.py", OPENING + WIDE_CLASS, "3: __init__ takes 13 parameters, at most 12"),
    "drawer": ("src/partita/utils.py", OPENING, "1: 'utils' is a drawer"),
    "drawer folder": ("src/partita/common/noun.py", OPENING, "1: 'common' is a drawer"),
    "adjective": ("src/partita/noun_v2.py", OPENING, "1: 'noun_v2' names a version"),
    "catch-all": (
        "src/partita/bus/noun.py",
        OPENING + "try:\n    pass\nexcept Exception:\n    pass\n",
        "4: 'except Exception' outside runtime/",
    ),
    "bare except": (
        "src/partita/bus/noun.py",
        OPENING + "try:\n    pass\nexcept:\n    pass\n",
        "4: 'except' outside runtime/",
    ),
    "catch-all in a tuple": (
        "src/partita/bus/noun.py",
        OPENING + "try:\n    pass\nexcept (OSError, BaseException):\n    pass\n",
        "4: 'except BaseException' outside runtime/",
    ),
    "endless while": ("src/partita/runtime/noun.py", OPENING + "while True:\n    pass\n", "2: endless loop"),
    "endless for": (
        "src/partita/runtime/noun.py",
        OPENING + "from itertools import count\nfor n in count():\n    pass\n",
        "3: endless loop over count()",
    ),
    "loop over a set": (
        "src/partita/noun.py",
        OPENING + "def f(a: set[str]) -> None:\n    for b in a:\n        f(b)\n",
        "3: a loop over a set",
    ),
    "loop over a difference": (
        "src/partita/noun.py",
        OPENING + "def f(a, b):\n    return [c for c in a.keys() - b.keys()]\n",
        "3: a loop over a set",
    ),
    "tests too": ("tests/unit/test_noun.py", "A = 1\n", "1: no docstring"),
}

ALLOWED = {
    "the supervisor's loop": ("src/partita/runtime/background/supervisor.py", OPENING + "while True:\n    pass\n"),
    "a catch-all in runtime": (
        "src/partita/runtime/noun.py",
        OPENING + "try:\n    pass\nexcept Exception:\n    pass\n",
    ),
    "self is no parameter": (
        "src/partita/noun.py",
        OPENING + "class A:\n    def act(self, a, b, c, d, e, f, g, h) -> None: ...\n",
    ),
    "a sorted set": (
        "src/partita/noun.py",
        OPENING + "def f(a: set[str]) -> None:\n    for b in sorted(a):\n        f(b)\n",
    ),
    "what is counted": (
        "src/partita/noun.py",
        OPENING + "def f(a: set[str]) -> int:\n    return sum(len(b) for b in a)\n",
    ),
    "a loop with an end": ("src/partita/noun.py", OPENING + "while not done:\n    pass\n"),
    "an empty package file": ("tests/unit/__init__.py", ""),
}


def test_the_tree_keeps_the_house_rules() -> None:
    """A rule nobody checks is a wish."""
    found = complaints(ROOT)
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize("case", PLANTED)
def test_a_planted_violation_is_the_one_complaint(case: str, tmp_path: Path) -> None:
    """A check that was never red proves nothing; one that complains twice hides the cause."""
    where, source, expected = PLANTED[case]
    _plant(tmp_path, where, source)
    found = complaints(tmp_path)
    assert len(found) == 1
    assert found[0].startswith(f"{where}:{expected}")


@pytest.mark.parametrize("case", ALLOWED)
def test_what_is_allowed_brings_no_complaint(case: str, tmp_path: Path) -> None:
    """A rule that cries wolf is switched off."""
    where, source = ALLOWED[case]
    _plant(tmp_path, where, source)
    assert complaints(tmp_path) == []


def _plant(root: Path, where: str, source: str) -> None:
    path = root / where
    path.parent.mkdir(parents=True)
    path.write_text(source, encoding="utf-8")
