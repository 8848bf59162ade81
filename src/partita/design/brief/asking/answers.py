"""The four answers, and the names, verbs and wishes in them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from partita.design.brief.asking.refused import AnswerRefused
from partita.design.brief.asking.wording import FILLER, plain, singular, verb_in, words_in

QUESTIONS = {
    "domain": "Which business domain is it? A few words, or a sentence.",
    "producers": "Which services begin things? Separate them by commas; `telematics reports mileage` says what one does.",
    "consumers": "Which services react? `garage reserves a bay, billing charges the owner` says what each of them does.",
    "consistency": "Which consistency is needed? What must happen once, what may be late and by how much, what must hold?",
}
"""The questions of `partita design new`, by the names of its options."""
PARTIES_MAX = 40
_TAKEN = ("log", "public", "partita")
_SPAN = re.compile(
    r"(\d{1,5})\s*(ms|milliseconds?|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d|years?|y)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Party:
    """A service that an answer names; `verb` and `thing` (the words of its object) where the answer says what it does."""

    name: str
    words: tuple[str, ...]
    verb: str = ""
    thing: tuple[str, ...] = ()
    said: str = ""


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers as read. `purpose` is the first one where it is a sentence; `wishes` are the parts of the last one."""

    domain: str
    purpose: str
    words: tuple[str, ...]
    producers: tuple[Party, ...]
    consumers: tuple[Party, ...]
    wishes: tuple[str, ...]


def read_answers(domain: str, producers: str, consumers: str, consistency: str) -> Answers:
    """The names, verbs and wishes in four answers.

    Raises:
        AnswerRefused: an answer has no word, or far too many.
    """
    words = [word for word in words_in(domain) if word not in FILLER]
    if not words:
        raise AnswerRefused("The answer about the domain has no word.", hint='Such as --domain "order processing".')
    begin = _parties(producers, "producers")
    if not begin:
        raise AnswerRefused("No service begins anything.", hint='Such as --producers "order-service".')
    names = {each.name for each in begin}
    react = tuple(each for each in _parties(consumers, "consumers") if each.name not in names)
    sentence = _clean(domain)
    return Answers(
        domain="-".join(word[:20] for word in words[:3]),
        purpose=f"{sentence[0].upper()}{sentence[1:].rstrip('.')}." if len(words) > 4 else "",
        words=tuple(words),
        producers=begin,
        consumers=react,
        wishes=tuple(filter(None, (_clean(each) for each in re.split(r"[,;\n]|\.\s", consistency))))[:PARTIES_MAX],
    )


def span_in(text: str) -> str:
    """The first time in a text as a brief writes it (`24 hours`: `24h`); "" where there is none."""
    found = _SPAN.search(text)
    if not found or not int(found[1]):
        return ""
    unit = found[2].lower()
    short = "ms" if unit.startswith(("ms", "milli")) else unit[0]
    return f"{int(found[1])}{short}"


def _parties(text: str, question: str) -> tuple[Party, ...]:
    parts = [each for each in re.split(r"[,;\n]|\band\b", text) if each.strip()]
    if len(parts) > PARTIES_MAX:
        raise AnswerRefused(
            f"The answer about {question} names {len(parts)} services.", hint="A brief for each domain."
        )
    found: dict[str, Party] = {}
    for part in parts:
        party = _party(part)
        if party is None:
            raise AnswerRefused(
                f"The answer about {question} has no name in {part.strip()[:40]!a}.", hint="Use letters."
            )
        found.setdefault(party.name, party)
    return tuple(found.values())


def _party(text: str) -> Party | None:
    before, _, inside = plain(text).partition("(")
    tokens = [token for token in before.split() if words_in(token) and token.lower() not in FILLER]
    verb_at = next((at for at, token in enumerate(tokens) if at and verb_in(token.lower())), len(tokens))
    phrase = words_in(" ".join(tokens[verb_at:])) or words_in(inside)
    words = words_in(" ".join(tokens[:verb_at]))[:5]
    if not words:
        return None
    name = "-".join(word[:30] for word in words)
    name = f"{name}-service" if name in _TAKEN else name
    verb = verb_in(phrase[0]) if phrase else ""
    thing = [singular(word) for word in phrase[1:] if word not in FILLER][:2] if verb else []
    return Party(
        name, tuple(word for word in words if word != "service") or tuple(words), verb, tuple(thing), _clean(text)
    )


def _clean(text: str) -> str:
    """A text for people in a brief: no control characters, no quotes that end it, 200 characters."""
    return re.sub(r"[^ -~]|['\"\\]", " ", plain(text)).strip()[:200].strip()
