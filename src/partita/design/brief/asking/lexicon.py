"""The words that the reader of answers knows: verbs with their kinds and undos, nouns of people, of money and of services."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from partita.design.brief.asking.wording import singular
from partita.design.brief.deriving.verbs import IRREGULAR, OPPOSITES, base_of

Kind = Literal["check", "hold", "decide", "money", "undo", "tell", "show", "act"]
"""The kind of reaction that a verb means; `words.toml` says what each is."""

WORDS = tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))


def word_set(section: str, name: str) -> frozenset[str]:
    """A set of words of the table."""
    return frozenset(WORDS[section][name].split())


VERBS: dict[str, Kind] = {verb: kind for kind in get_args(Kind) for verb in word_set("verbs", kind)}
VERBS |= {verb.lower(): "act" for verb in OPPOSITES if verb.lower() not in VERBS}
UNDOS: Mapping[str, str] = WORDS["opposites"]
"""The verb of a command that takes another one back, beside `OPPOSITES`."""
DOING: Mapping[str, str] = WORDS["doing"]
"""The verb that an undo takes back; every other undo takes back `reserve`."""
PARTICLES: Mapping[tuple[str, str], str] = {tuple(two.split()): verb for two, verb in WORDS["particles"].items()}
"""Verbs of two words: `gives it back` returns it."""
ACTS: Mapping[str, str] = WORDS["acts"]
"""The noun of a wish for a scarce thing: persons that book rooms begin room bookings."""
MONEY = word_set("nouns", "money")
PAID_OUT = word_set("nouns", "paid_out")
MESSAGES = word_set("nouns", "messages")
FIGURES = word_set("nouns", "figures")
PEOPLE = word_set("nouns", "people")
SERVICES = word_set("nouns", "services")
"""The last nouns of services: what follows them is a verb."""
GENERIC = word_set("nouns", "generic")
"""Last nouns that say no more than that it is a service."""
ROLES: Mapping[str, str] = WORDS["roles"]
"""The roles of services, by the beginnings of the words in their names."""


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb as an answer has it: its base, its kind, and whether its form is that after a plural (`we charge`)."""

    base: str
    kind: Kind
    plain: bool = False


def verb_of(word: str) -> Verb | None:
    """The verb of a third person (`reserves`) or a base form (`reserve`); None where the word is no known verb."""
    for base in third_person(word):
        if base in VERBS:
            return Verb(base, VERBS[base])
    return Verb(word, VERBS[word], plain=True) if word in VERBS else None


def third_person(word: str) -> list[str]:
    """The bases that a word in `s` may have."""
    if not word.endswith("s") or word.endswith("ss") or len(word) < 4:
        return []
    found = [word[:-1]]
    found += [word[:-2]] if word.endswith("es") else []
    found += [f"{word[:-3]}y"] if word.endswith("ies") else []
    return found


def participle_of(word: str) -> Verb | None:
    """The verb of a past participle (`reserved`)."""
    base = base_of(word.capitalize()).lower()
    if base in VERBS and (word.endswith("ed") or word.capitalize() in IRREGULAR):
        return Verb(base, VERBS[base])
    return None


def is_person(words: tuple[str, ...]) -> bool:
    """Whether the last of some words is a person."""
    return bool(words) and singular(words[-1]) in PEOPLE


def role_of(words: tuple[str, ...]) -> str:
    """The role of a service with these words in its name; "" where they name none."""
    for role, pattern in ROLES.items():
        if any(re.match(pattern, word) for word in words):
            return role
    return ""
