"""Clauses of a sentence: a comma or an `and` ends one, and parentheses belong to the clause before them."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ASIDE = re.compile(r"\(([^()]*)\)?|\)")
_JOINT = re.compile(
    r"\s*(?:,\s*(?:(?:and|but|or|then|while|plus)\s+)*|(?:\s(?:and then|and|but|while|whereas|as well as|plus)\s+)|\s&\s+)\s*",
    re.IGNORECASE,
)

_SLASH = re.compile(r"(?<=[a-z]) ?/ ?(?=[a-z]+s (?:it|them|h(?:im|er)|the|an?)\b)", re.IGNORECASE)
"""A slash between verbs: `reserves units/releases them`."""


@dataclass(frozen=True, slots=True)
class Clause:
    """A part of a sentence; `joint` is the sign or word before it ("" for the first, "," or "and"), `aside` its parentheses,
    `before` the joint as a person wrote it."""

    text: str
    joint: str = ""
    aside: str = ""
    before: str = ""

    @property
    def words(self) -> list[str]:
        """Its words and numbers in small letters."""
        return re.findall(r"[a-z][a-z0-9]*(?:[-'][a-z0-9]+)*|\d[\d.,]*", self.text.lower().replace("'s", ""))

    @property
    def said(self) -> str:
        """The clause as a person wrote it."""
        return f"{self.text} ({self.aside})" if self.aside else self.text


def clauses_in(sentence: str) -> list[Clause]:
    """The clauses of a sentence, without those that have no text."""
    asides: list[str] = []

    def keep(found: re.Match[str]) -> str:
        asides.append((found[1] or "").strip())
        return f" #{len(asides) - 1}# "

    flat = _ASIDE.sub(keep, _SLASH.sub(", ", sentence.replace("#", " ")))
    found: list[Clause] = []
    joint, before, at = "", "", 0
    for match in [*_JOINT.finditer(flat), None]:
        part = flat[at : match.start() if match else len(flat)]
        own = "; ".join(asides[int(number)] for number in re.findall(r"#(\d+)#", part))
        text = re.sub(r"\s+", " ", re.sub(r"\s*#\d+#\s*", " ", part)).strip()
        if text or own:
            found.append(Clause(text, joint if found else "", own, before))
        if match:
            joint, before, at = ("," if match[0].strip() == "," else "and"), match[0], match.end()
    return found
