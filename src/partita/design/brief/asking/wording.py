"""Words of answers: names made of them, singular nouns, and verbs in the third person."""

from __future__ import annotations

import re
import unicodedata

from partita.design.brief.deriving.verbs import OPPOSITES

VERBS = frozenset(
    ["tell", *(verb.lower() for verb in OPPOSITES), *"""
    alert analyse analyze answer archive build calculate capture check clean compute count create deliver describe email file fix
    fuel inform inspect invoice keep list load mail maintain measure monitor notify pack post prepare print process produce
    project publish receive record refuel remind repair report request save score search sell send ship show store submit
    track treat update verify warn watch weigh write""".split()]
)  # fmt: skip
TELL = frozenset(["tell", *"alert answer email inform mail notify remind send warn write".split()])
SHOW = frozenset(
    "analyse analyze archive calculate compute count list measure project record report score search show track".split()
)
FILLER = frozenset(
    "none true false null nan inf a an and any each every its of our some that the their this to with".split()
)
WORD_MAX = 20
ODD = {
    "parts": "parts",
    "goods": "goods",
    "telematics": "telematics",
    "logistics": "logistics",
    "staff": "staff",
    "news": "news",
    "analysis": "analysis",
    "people": "person",
}


def plain(text: str) -> str:
    """The text in ASCII: `Zürich` is `Zurich`; other scripts are gone."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def words_in(text: str) -> list[str]:
    """The words of a text in small letters and ASCII."""
    return [word[:WORD_MAX] for word in re.findall(r"[a-z][a-z0-9]*", plain(text).lower())]


def singular(noun: str) -> str:
    """`bays` is `bay`, `deliveries` is `delivery`."""
    if noun in ODD or len(noun) < 4 or not noun.endswith("s") or noun.endswith(("ss", "us", "is")):
        return ODD.get(noun, noun)
    if noun.endswith("ies"):
        return f"{noun[:-3]}y"
    return noun[:-2] if noun.endswith(("ches", "shes", "sses", "xes")) else noun[:-1]


def plural(noun: str) -> str:
    """`bay` is `bays`, `delivery` is `deliveries`."""
    if noun.endswith("s"):
        return noun
    return (
        f"{noun[:-1]}ies"
        if re.search("[^aeiou]y$", noun)
        else f"{noun}es"
        if noun.endswith(("x", "ch", "sh"))
        else f"{noun}s"
    )


def verb_in(word: str) -> str:
    """The verb of a third person (`reserves`: `reserve`), or of a plural (`drivers report`); "" where the word is none."""
    tries = [word, word.removesuffix("s"), word.removesuffix("es")]
    tries += [f"{word[:-3]}y"] if word.endswith("ies") else []
    return next((each for each in tries if each in VERBS), "")


def pascal(words: list[str]) -> str:
    """The words as the name of a type: `SparePart`."""
    return "".join(word.capitalize() for word in words)[:40]
