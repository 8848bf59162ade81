"""Words of answers: sentences, names made of words, and nouns in the singular and the plural."""

from __future__ import annotations

import builtins
import re
import unicodedata

FILLER = frozenset(
    "none true false null nan inf a an and any each every its of our some that the their this to with".split()
)
_TYPES = frozenset(
    """Annotated Answers Any App Cluster Command Conflict Decided Event Geo Journal Key Literal Millis None Outcome Rejection
    Retry Rows Saga Scenario Service Since Sizing Subject Tx""".split()
)  # fmt: skip
"""Names of types that each project has."""
WORD_MAX = 20
ODD = {
    "parts": "parts",
    "goods": "goods",
    "telematics": "telematics",
    "logistics": "logistics",
    "staff": "staff",
    "analysis": "analysis",
    "people": "person",
    "news": "news",
    "children": "child",
    "premises": "premises",
    "glasses": "glasses",
    "series": "series",
    "lens": "lens",
}


def plain(text: str) -> str:
    """The text in ASCII: `Zürich` is `Zurich`; other scripts are gone."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def sentences(text: str) -> list[str]:
    """The sentences and the items of a list in a text in ASCII, without bullets, numbers and marks of emphasis."""
    text = re.sub(r"\*\*|__|`|~~", "", plain(text))
    text = re.sub(
        r"\b(e\.g|i\.e|approx|etc|incl|max|min|resp|ca|no|nr)\. ?", lambda found: f"{found[1].replace('.', '')} ", text
    )
    text = re.sub(r"\([^()]*\)", lambda found: re.sub(r"[;\n\r]|[.!?](?=\s)", ",", found[0]), text)
    found = []
    for line in re.split(r"[\n\r;]|[.!?](?=\s|$)", text):
        line = re.sub(r"^\s*(?:[-*+>#|]+|\(?[0-9a-z]{1,2}[.)])\s+", "", line)
        line = re.sub(r"\s+", " ", re.sub(r"[^ -~]", " ", line)).strip(" ,-*")
        if line and not re.fullmatch(
            r"\(?\w{1,2}\)?|(?i:business domain|domain|producers|consumers|consistency):?", line
        ):
            found.append(line)
    return found


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
    if noun.endswith("s") and not noun.endswith(("ss", "us")):
        return noun
    return (
        f"{noun[:-1]}ies"
        if re.search("[^aeiou]y$", noun)
        else f"{noun}es"
        if noun.endswith(("s", "x", "ch", "sh"))
        else f"{noun}s"
    )


def pascal(words: list[str]) -> str:
    """The words as the name of a type: `SparePart`; `EventItem` where the name means something else in a project."""
    name = "".join(word.capitalize() for word in words)[:40]
    return f"{name}Item" if name in _TYPES or hasattr(builtins, name) else name
