"""The wishes in the answer about consistency: a clause each, its kind, and its times."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal, get_args

from partita.design.brief.asking.amounts import times_in, with_digits
from partita.design.brief.asking.lexicon import WORDS
from partita.design.brief.asking.party import said
from partita.design.brief.asking.wording import sentences

Kind = Literal[
    "outage", "retry", "order", "privacy", "once", "retention", "audit", "lost", "invariant", "late", "strong", "deadline", "",
]  # fmt: skip

_KINDS: tuple[tuple[Kind, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(each["pattern"])) for each in WORDS["wishes"] for kind in get_args(Kind) if kind == each["kind"]
)
_FOREVER = re.compile(
    r"\b(?<!n)(?:forever|for ever|ever|for good|for all time|always and at any time|permanently|indefinitely"
    r"|however late|no matter how (?:late|long))\b"
)
_ALONE = re.compile(
    r"^(?:no|every|each|all|an?|the|any|our|there|it|its|nothing|nobody|never|read|strong|eventual\w*|audit\w*|[a-z]+s)\b"
)
_GOES_ON = re.compile(
    r"^(?:\d|(?:after|also|and|as|because|but not|by|even|ever|except|for|forever|however|no matter|i\.?e|if|in|not|on"
    r"|only|or|per|plus|so|such|then|though|unless|until|when|wh(?:ich|o|atever)|with|within|more than|at the)\b"
    r"|always$|at (?!most|least))"
)
"""The words with which a part goes on with the part before it."""
_SUBJECT = re.compile(
    r"^(?:an? |the |no |each |every )?(?!or\b|and\b|never\b)[a-z-]+(?: [a-z-]+)? "
    r"(?:must |may |can |is |are )?(?:never|not|cannot)\b"
)
"""A subject and its own `never`: "a card must never be charged twice and stock never sold twice" is two wishes."""
_JOINTS = re.compile(r"(\s*,\s*(?:(?:and|but|while)\s+)?|\s+(?:and|but|while|whereas)\s+)", re.IGNORECASE)
_OWN_NEVER = re.compile(r"(?:an? |the )?[a-z-]+ (?:must |may |is |are |can )?(?:be )?never\b")
"""A part with a subject of its own: "a card must never be charged twice and stock never sold twice"."""
WISHES_MAX = 60


@dataclass(frozen=True, slots=True)
class Wish:
    """A wish in its own words. `words` are the same in small letters with digits."""

    said: str
    words: str
    kind: Kind
    times: tuple[str, ...]

    @property
    def time(self) -> str:
        """The first time in it; "" where there is none."""
        return self.times[0] if self.times else ""

    @property
    def forever(self) -> bool:
        """Whether it holds without an end."""
        return not self.times and _FOREVER.search(self.words) is not None


def wishes_in(text: str) -> list[Wish]:
    """The wishes of an answer in their order; none is dropped."""
    found: list[Wish] = []
    for sentence in sentences(text):
        for wish in (_wish(part) for part in parts_of(sentence)):
            before = found[-1] if found else None
            if (
                not wish.kind
                and wish.times
                and before is not None
                and before.kind == "late"
                and before.said in said(sentence)
            ):
                wish = replace(wish, kind="late")  # "letters may be late by a day, the numbers by an hour"
            found += [wish] if wish.said else []
    return found


def _wish(text: str) -> Wish:
    words = with_digits(text)
    return Wish(said(text), words, _kind(words), tuple(times_in(text)))


def _kind(words: str) -> Kind:
    if re.match(r"once (?:the|an?|it|its|all)\b", words):
        words = words[5:]
    kinds: list[Kind] = [
        kind for kind, pattern in _KINDS if pattern.search(words) and (kind != "outage" or times_in(words))
    ]
    found: Kind = kinds[0] if kinds else ""
    if not found and re.fullmatch(r"(?:window )?(?:of )?\d[\d.]* ?-?\w+(?: window)?", words) and times_in(words):
        return "once"
    if (
        found == "late"
        and not re.search(r"eventual|behind|\blate|lag|stale|fresh|delay|date|real.?time|catch", words)
        and not times_in(words)
    ):
        return ""
    return found


def parts_of(sentence: str) -> list[str]:
    """The parts of a sentence that are wishes of their own: one with a kind, which does not go on with the part before."""
    pieces = _JOINTS.split(sentence)
    if len(pieces) > 2 * WISHES_MAX:
        return [sentence]
    found: list[str] = [pieces[0]]
    for joint, piece in zip(pieces[1::2], pieces[2::2], strict=True):
        low = with_digits(piece)
        kind, before = _kind(low), _kind(with_digits(found[-1]))
        is_comma = joint.strip().lower() == ","
        own = bool(piece.strip()) and not _GOES_ON.match(low)
        if own and is_comma:
            own = bool(kind) or (len(low.split()) > 2 and _ALONE.match(low) is not None)
        elif own:
            own = (
                bool(kind and before and kind != before)
                and kind not in ("late", "strong", "deadline")
                or ("but" in joint.lower() and bool(kind))
                or (kind == before == "once" and _OWN_NEVER.match(low) is not None)
            )
        own = own or bool(kind and before and _SUBJECT.match(low))
        if own and not before and len(found[-1].split()) <= 3 and is_comma and kind:
            own = False  # "one space, one car at a time"
        if own:
            found.append(piece)
        else:
            found[-1] += joint + piece
    return found
