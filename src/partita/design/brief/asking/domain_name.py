"""The name of a domain: the nouns at the beginning of its answer."""

from __future__ import annotations

import re

from partita.design.brief.asking.deed import DETERMINERS, PRONOUNS
from partita.design.brief.asking.lexicon import ACTS, PEOPLE, third_person, verb_of, word_set
from partita.design.brief.asking.wish import wishes_in
from partita.design.brief.asking.wording import FILLER, plain, sentences, singular, words_in

_END = re.compile(
    r"[,;:.!?(\n]|\s[-\u2013]+\s|\b(?:about|across|after|and|are|at|before|between|by|for|from|has|have|in|into|is|of|on|or|over|so|that|through|to|until"
    r"|up|via|when|where|which|while|who|with|within|without)\b"
)
_OPENING = re.compile(
    r"^\W*(?:(?:this|it|(?:the|our) (?:business )?domain)\s+(?:is|covers|handles)\s+)?"
    r"(?:(?:(?:our|the|this) (?:company|business|firm|team|group|organi[sz]ation)|we|they|i)\s+"
    r"(?:(?:are|want|need|would like)\s+(?:to\s+)?)?(\w+)\s+)?(?:(?:an?|the|our|some|their)\s+)?"
)
"""The words before the name of a domain: `we run a chain of`. Its group is the verb."""
_EMPTY = word_set("nouns", "empty")
NAME_WORDS = 3
_WISHED = ("invariant", "lost", "once", "order", "outage")


def wishes_first(answer: str) -> tuple[str, str]:
    """The sentences before the domain is named, which are wishes about consistency, and the rest: some people begin so."""
    found = sentences(answer)
    at = next((at for at, each in enumerate(found) if not any(one.kind in _WISHED for one in wishes_in(each))), 0)
    return (". ".join(found[:at]), ". ".join(found[at:])) if at else ("", answer)


def domain_words(answer: str) -> list[str]:
    """The words of the name: `insurance claims` of "Insurance claims, from the first notice of loss ..."."""
    text = plain(wishes_first(answer)[1]).lower()
    opening = _OPENING.match(text.strip())
    rest = text.strip()[opening.end() :] if opening else text
    verb = (opening[1] if opening else "") or ""
    act = next((ACTS[each] for each in (*third_person(verb), verb) if each in ACTS), "")
    for part in [each for each in _END.split(rest) if each.strip()][:4]:
        words = [word for word in words_in(part) if word not in FILLER | DETERMINERS | PRONOUNS | {"we", "some"}]
        words = _nouns(words)
        if act and words:
            return [singular(([word for word in words if word not in ("out", "up", "off")] or words)[-1]), act]
        if words and not all(word in _EMPTY for word in words):
            return words[:NAME_WORDS]
    return [word for word in words_in(answer) if word not in FILLER][:NAME_WORDS]


def _nouns(words: list[str]) -> list[str]:
    """A sentence is named by its subject and its object: `hospital appointments` of "a hospital books appointments"."""
    for at in range(1, len(words) - 1):
        verb = verb_of(words[at])
        if verb is not None and len(words) > 2 and (not verb.plain or words[at - 1].endswith("s")):
            subject = [word for word in words[:at] if singular(word) not in PEOPLE and word not in _EMPTY]
            rest = [word for word in words[at + 1 :] if word not in ("out", "up", "off")]
            act = ACTS.get(verb.base)
            return [singular(rest[-1]), act] if act and rest and not subject else [*subject[-1:], *rest]
    return words
