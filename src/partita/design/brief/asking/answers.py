"""The four answers, and the names, deeds, loads and wishes in them."""

from __future__ import annotations

from dataclasses import dataclass

from partita.design.brief.asking.domain_name import domain_words, wishes_first
from partita.design.brief.asking.party import Party, read_parties, said
from partita.design.brief.asking.rates import Rate, rates_in
from partita.design.brief.asking.refused import AnswerRefused
from partita.design.brief.asking.wish import WISHES_MAX, Wish, wishes_in
from partita.design.brief.asking.wording import FILLER, sentences, words_in

QUESTIONS = {
    "domain": "Which business domain is it, and how much happens in it? A few words, or some sentences.",
    "producers": "Which services begin things? Separate them by commas; `telematics reports mileage` says what one does.",
    "consumers": "Which services react? `garage reserves a bay and releases it, billing charges the owner` says what each does.",
    "consistency": "Which consistency is needed? What must happen once, what may be late and by how much, what must hold?",
}
"""The questions of `partita design new`, by the names of its options."""
REPORTS = ("collect", "detect", "log", "measure", "monitor", "record", "report", "scan", "send", "track")
"""Verbs that begin no process where another service begins one."""
MOVES = ("deliver", "ship")
ASKS = ("order", "request")
PARTIES_MAX = 40
ANSWER_MAX = 10_000
PURPOSE_MAX = 480


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers as read. `purpose` is the first one where it is a sentence; `reactors` are all services of the third answer,
    also those that begin things; `unread` has the words without a place by the name of their answer; `texts` are the answers."""

    domain: str
    purpose: str
    words: tuple[str, ...]
    producers: tuple[Party, ...]
    reactors: tuple[Party, ...]
    wishes: tuple[Wish, ...]
    rates: tuple[Rate, ...]
    unread: tuple[tuple[str, str], ...]
    texts: tuple[str, str, str, str]

    @property
    def consumers(self) -> tuple[Party, ...]:
        """The services of the third answer that begin nothing."""
        begun = {each.key for each in self.producers}
        return tuple(each for each in self.reactors if each.key not in begun)

    def name_of(self, party: Party) -> str:
        """The name of a service: a producer that reacts too has the name of the second answer."""
        return next((each.name for each in self.producers if each.key == party.key), party.name)


def read_answers(domain: str, producers: str, consumers: str, consistency: str) -> Answers:
    """The names, deeds, loads and wishes in four answers.

    Raises:
        AnswerRefused: an answer has no word, or far too many.
    """
    for name, text in zip(QUESTIONS, (domain, producers, consumers, consistency), strict=True):
        if len(text) > ANSWER_MAX:
            raise AnswerRefused(
                f"The answer about {name} has {len(text):,} characters.", hint="A few sentences are enough."
            )
    words = [word for word in words_in(domain) if word not in FILLER]
    if not words:
        raise AnswerRefused("The answer about the domain has no word.", hint='Such as --domain "order processing".')
    rates, about = rates_in(domain)
    begin, unread_begin = _parties(producers, "producers", rates)
    if not begin:
        raise AnswerRefused("No service begins anything.", hint='Such as --producers "order-service".')
    react, unread_react = _parties(consumers, "consumers", rates)
    more, rest = rates_in(consistency, limits=True)
    wishes = wishes_in(rest)
    if len(wishes) > WISHES_MAX:
        raise AnswerRefused(f"The answer about consistency has {len(wishes)} wishes.", hint="A brief for each domain.")
    told = [each for each in wishes_in(about) if each.kind in ("audit", "once") and (each.times or each.forever)]
    first = wishes_in(wishes_first(about)[0])
    wishes += first
    timed = any(each.kind == "audit" and (each.times or each.forever) for each in wishes)
    wishes += [] if timed else [each for each in told if each not in first]
    return Answers(
        domain="-".join(word[:20] for word in domain_words(domain)),
        purpose=_purpose(domain) if len(words) > 4 else "",
        words=tuple(words),
        producers=tuple(_main_first(begin)),
        reactors=tuple(react),
        wishes=tuple(wishes),
        rates=tuple({each.noun: each for each in reversed([*rates, *more])}.values())[::-1],
        unread=(*(("producers", each) for each in unread_begin), *(("consumers", each) for each in unread_react)),
        texts=(domain, producers, consumers, consistency),
    )


def _parties(text: str, question: str, rates: list[Rate]) -> tuple[list[Party], list[str]]:
    found, rest = rates_in(text)
    rates += found
    parties, unread = read_parties(rest, begins=question == "producers")
    if len(parties) > PARTIES_MAX:
        raise AnswerRefused(
            f"The answer about {question} names {len(parties)} services.", hint="A brief for each domain."
        )
    if text.strip() and not parties and not words_in(text):
        raise AnswerRefused(f"The answer about {question} has no name in {text.strip()[:40]!a}.", hint="Use letters.")
    return parties, unread


def _main_first(producers: list[Party]) -> list[Party]:
    """The service that begins the process first: one that only reports or measures begins none where another one does."""
    main = next((each for each in producers if each.verb not in REPORTS), producers[0])
    if main.verb in MOVES:  # what is shipped was ordered, where another service orders
        main = next((each for each in producers if each.verb in ASKS), main)
    return [main, *(each for each in producers if each is not main)]


def _purpose(answer: str) -> str:
    """The answer as the purpose: whole sentences, as many as the form takes."""
    found = ""
    for sentence in sentences(answer):
        text = _sentence(sentence)
        if found and len(found) + len(text) > PURPOSE_MAX:
            break
        found = f"{found} {text[0].upper()}{text[1:]}.".strip() if text else found
    return found[: PURPOSE_MAX + 10]


def _sentence(sentence: str) -> str:
    """A sentence for people in a brief, cut at a word where it is too long."""
    kept: list[str] = []
    for word in sentence.split():
        if sum(len(each) + 1 for each in kept) + len(word) > PURPOSE_MAX:
            break
        kept.append(said(word))
    return " ".join(filter(None, kept)).rstrip(".")
