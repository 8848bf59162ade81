"""A deed: the verb and the object of a service in an answer, the verb that takes it back, and its times."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from partita.design.brief.asking.amounts import spans_in, with_digits
from partita.design.brief.asking.lexicon import (
    DOING,
    FIGURES,
    MESSAGES,
    MONEY,
    PAID_OUT,
    PARTICLES,
    PEOPLE,
    VERBS,
    Kind,
    Verb,
    word_set,
)
from partita.design.brief.asking.wording import singular

DETERMINERS = word_set("small", "determiners")
PRONOUNS = word_set("small", "pronouns")
MODIFIERS = word_set("small", "modifiers")
"""Words that begin a modifier: it belongs to the clause before it."""
ADVERBS = word_set("small", "adverbs")
_QUALITIES = word_set("small", "qualities")
_REMIND = re.compile(r"\b(?:remind|reminder|chase|nudge)\w*[^.;]*")
_ESCALATE = re.compile(r"\bescalat\w*[^.;,()]*")
_TO = re.compile(r"\bto ((?:the |our |its )?[a-z][a-z -]{1,38}?)(?= after\b| when\b| if\b|$)")
_WITHIN = re.compile(
    r"\b(within|in|at most|up to|max|maximum|(?:no|not) more than|by|deadline|timeout|under|at the latest|less than|takes|has)\b"
)
_FOR = re.compile(r"\bfor(?: (?:up to|at most|max|maximum|only|about))?\s+$")
_PERSON = re.compile(r"\b(person|human|manual|manually|people|by hand|somebody|someone)\b")
_LAPSES = re.compile(
    r"\b(?:lapses?|lapsed|expires?|expired|timed out|silence (?:is|means|counts as) (?:an? )?(?:no|refusal))\b"
    r"|\b(?:otherwise|or else|if not|failing that)\b[^.;]*"
    r"\b(?:auto\w*|cancel\w*|clos(?:e|ed|es)|declin\w*|dropp\w*|refus\w*|reject\w*)\b"
)
_FAILED = re.compile(
    r"\b(?:if|when|after|whenever|case|unless|once)\b.*\b(?:declin|fail|refus|cancel|reject|denied|not )"
)
_DONE = re.compile(r"\b(?:if|when|after|whenever|once)\b.*\b(?:confirm|paid|succe|complet|done|approv|accept|went)")


@dataclass(frozen=True, slots=True)
class Deed:
    """One verb of a service. `undo` is the verb that takes it back, `inferred` where only its undo was said; `within`, `remind`
    and `lasts` are times as a brief writes them, `escalate` is a time with the people who are asked then; it `lapses` where its
    time decides in a person's place; `read_as` is the correction of a typing error."""

    verb: str
    kind: Kind
    thing: tuple[str, ...] = ()
    undo: str = ""
    inferred: bool = False
    person: bool = False
    within: str = ""
    remind: tuple[str, ...] = ()
    escalate: tuple[str, str] = ("", "")
    lasts: str = ""
    after: str = ""
    lapses: bool = False
    tail: str = ""
    said: str = ""
    read_as: str = ""

    def with_tail(self, text: str) -> tuple[Deed, bool]:
        """The deed with a modifier, and whether the times in the modifier have a place."""
        words = with_digits(text)
        found = replace(self, tail=f"{self.tail} {words}".strip())
        found = replace(found, person=found.person or bool(_PERSON.search(words)))
        if _FAILED.search(words):
            found = replace(found, after="failed")
        elif _DONE.search(words):
            found = replace(found, after="done")
        found = replace(found, lapses=found.lapses or bool(_LAPSES.search(words)))
        escalation = _ESCALATE.search(words)
        times = [each.text for each in spans_in(escalation[0])] if escalation else []
        to = _TO.search(escalation[0].strip()) if escalation else None
        if escalation and times and to:
            name = "-".join(re.findall("[a-z]+", re.sub(r"^(?:the|our|its) ", "", to[1])))
            found = replace(found, escalate=(times[0], name))
            words = words.replace(escalation[0], " ")
        reminders = _REMIND.search(words)
        if reminders:
            found = replace(found, remind=found.remind + tuple(each.text for each in spans_in(reminders[0])))
            words = words.replace(reminders[0], " ")
        read = True
        for span in spans_in(words):
            before = re.split(r"[(,;]", words[: span.start])[-1]
            if found.kind == "hold" and _FOR.search(before):
                found = replace(found, lasts=span.text)
            elif (
                found.kind not in ("tell", "show", "act")
                and not found.within
                and (_WITHIN.search(before) or not before.strip(" ,;"))
            ):
                found = replace(found, within=span.text)
            else:
                read = False
        return found, read


def deed_of(verb: Verb, after: list[str], said: str) -> Deed:
    """The deed of a verb and the words after it."""
    base, kind = verb.base, verb.kind
    for (its, particle), meant in PARTICLES.items():
        if base == its and particle in after[:6]:
            at = after.index(particle)
            after = after[:at] + after[at + 1 :]
            base, kind = meant, _kind(meant, kind)
    phrases = noun_phrases(after)
    base, kind, thing = _meant(base, kind, phrases)
    return Deed(base, kind, thing, said=said)


def _kind(base: str, otherwise: Kind) -> Kind:
    return VERBS.get(base, otherwise)


def _meant(base: str, kind: Kind, phrases: list[tuple[str, ...]]) -> tuple[str, Kind, tuple[str, ...]]:
    """The kind that a verb has with its objects: a payout that is sent moves money, a message that is sent does not."""
    heads = [singular(each[-1]) for each in phrases]
    thing = phrases[0] if phrases else ()
    if base in ("send", "issue", "pay", "transfer") and any(head in PAID_OUT for head in heads):
        return base, "money", next(each for each in phrases if singular(each[-1]) in PAID_OUT)
    if base == "send" and heads and not any(head in MESSAGES or head in PEOPLE for head in heads):
        return base, "act", thing
    if base in ("build", "create", "make", "prepare", "produce") and heads and heads[0] in FIGURES:
        return base, "show", thing
    if base in ("deliver", "give", "provide", "supply") and any(head in FIGURES for head in heads):
        return base, "show", next(each for each in phrases if singular(each[-1]) in FIGURES)
    if base in ("authorise", "authorize") and heads and heads[0] not in MONEY | PEOPLE | {"account"}:
        return base, "decide", thing
    if base == "take" and heads and heads[0] in MONEY - {"claim"}:
        return base, "money", thing
    if (
        kind == "money"
        and base in ("collect", "capture", "transfer", "credit")
        and heads
        and heads[0] not in MONEY | PEOPLE | {"account"}
    ):
        return base, "act", thing
    if base in ("book", "order") and heads and heads[0] in MONEY:
        return base, "show", thing
    return base, kind, thing


def noun_phrases(words: list[str]) -> list[tuple[str, ...]]:
    """The objects after a verb: a determiner begins the next one, a modifier ends them. A pronoun is none."""
    found: list[list[str]] = [[]]
    for word in words:
        if word in MODIFIERS or word in PRONOUNS or word[0].isdigit() or word in ("and", "or"):
            break
        elif word in DETERMINERS:
            found.append([])
        elif word not in _QUALITIES and word not in ADVERBS:
            found[-1].append(singular(word.rpartition("-")[2]))
    return [tuple(each[-2:]) for each in found if each]


USUAL = {
    "void": ("authorise", "authorize", "hold"), "refund": ("charge", "pay", "capture", "collect", "take", "bill", "debit"),
    "release": ("reserve", "hold", "authorise", "book", "block"),
}  # fmt: skip
"""The verbs that an undo usually takes back, where a service has several."""


def _same(old: Deed, new: Deed) -> bool:
    """Whether two deeds may be about one thing: one of them names none, or both name the same."""
    return not new.thing or not old.thing or new.thing[-1] == old.thing[-1]


def joined(deeds: list[Deed], new: Deed) -> list[Deed]:
    """The deeds of a service with one more; an undo belongs to the deed that it takes back."""
    if (
        deeds and deeds[-1].inferred and deeds[-1].verb == new.verb and _same(deeds[-1], new)
    ):  # it unlocks a bike, and locks it
        first = deeds[-1]
        return [
            *deeds[:-1],
            replace(first, verb=first.undo, undo=new.verb, inferred=False, said=f"{first.said}, {new.said}"),
        ]
    takes_back = new.kind == "undo" or new.verb in (
        "cancel",
        "withdraw",
        "credit",
        "close",
        "remove",
        "delete",
        "recall",
        "stop",
    )
    usual = USUAL.get(new.verb, ())
    for at in sorted(range(len(deeds)), key=lambda at: (deeds[at].verb in usual, at), reverse=True):
        old = deeds[at]
        fits = _same(old, new) or (new.kind == "undo" and old.kind == "money")
        if takes_back and not old.undo and old.kind in ("hold", "money", "check", "decide", "act") and fits:
            kind: Kind = "hold" if old.kind == "act" else old.kind
            if new.thing and not old.thing:
                old = replace(old, thing=new.thing)
            words = f"{old.said}, {new.said}".strip(", ")
            return [*deeds[:at], replace(old, undo=new.verb, kind=kind, said=words), *deeds[at + 1 :]]
    if new.kind == "undo" and new.thing and new.verb in ("release", "free", *DOING) and new.verb != "return":
        verb = DOING.get(new.verb, "reserve")
        kind = "money" if verb in ("charge", "authorise") else "hold"
        return [*deeds, replace(new, verb=verb, kind=kind, undo=new.verb, inferred=True)]
    return [*deeds, replace(new, kind="act") if new.kind == "undo" else new]
