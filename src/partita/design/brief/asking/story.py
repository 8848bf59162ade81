"""The story of a domain: its clauses are matched by their words with the parts of a design."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from partita.design.brief.asking.deed import ADVERBS, DETERMINERS, MODIFIERS, PRONOUNS
from partita.design.brief.asking.lexicon import participle_of, verb_of, word_set
from partita.design.brief.asking.wording import singular
from partita.design.brief.deriving.verbs import base_of, words_of
from partita.design.model.design import Design

_SMALL = DETERMINERS | MODIFIERS | PRONOUNS | ADVERBS | word_set("small", "plain") | word_set("small", "qualities")
_EMPTY = frozenset("are been come goes has have make more must need one part service some that thing what will".split())
_BACK = re.compile(
    r"\b(?:(?:goes?|gives?|given|put|sen[dt]s?|comes?) (?:\w+ ){0,3}back|free again)\b|\b(?:return|release|refund)"
)
_FAILED = re.compile(r"\b(?:declin|refus|reject|fail|cancel)")
ENOUGH = 2
"""So many words in common make a clause one about a part; a clause of two words needs one."""
KEEPERS_MAX = 4


class Story:
    """The parts of a design with the words that speak of them: their names, and those of the clauses that they keep."""

    def __init__(self, design: Design, others: Iterable[tuple[str, tuple[str, ...]]]) -> None:
        self._words: dict[str, set[str]] = {}
        for name, text in _parts(design):
            self._words.setdefault(name, set()).update(content(text))
        steps = {step.do: step for _, step in design.steps}
        for name in steps:
            self._words[name] |= _acts(_spaced(name).split()[0].lower())
        for said, names in others:
            for name in names:
                if name in self._words:
                    self._words[name] |= content(said)
                step = steps.get(name)
                for event in step.fail if step is not None else ():
                    self._words.setdefault(event, set()).update(content(said))
        self._undos = {step.undo: content(_spaced(step.undo)) for _, step in design.steps if step.undo}
        self._refusals = {name for _, step in design.steps for name in step.fail}

    def keepers(self, clause: str) -> list[str]:
        """The parts with the most words of a clause, if those are enough."""
        words = content(clause)
        least = ENOUGH if len(words) > ENOUGH else 1
        words |= _acts(clause)
        is_back, is_failed = bool(_BACK.search(clause.lower())), bool(_FAILED.search(clause.lower()))
        scores = {
            name: len(words & own) for name, own in self._words.items() if is_failed or name not in self._refusals
        }
        found = _best(scores, least)
        if is_back:
            found += _best({name: len(words & own) for name, own in self._undos.items()}, 1)
        return list(dict.fromkeys(found))[:KEEPERS_MAX]


def content(text: str) -> set[str]:
    """The words of a text that carry a meaning, each by its beginning; a participle counts as its verb."""
    words = [word for word in re.findall("[a-z]+", text.lower()) if word not in _SMALL | _EMPTY and len(word) > 2]
    return {singular(base_of(word.capitalize()).lower() or word)[:5] for word in words}


def _acts(text: str) -> set[str]:
    """The kinds of the verbs in a text: to reserve and to book are the same."""
    verbs = (verb_of(word) or participle_of(word) for word in re.findall("[a-z]+", text.lower()))
    return {
        f"to {verb.kind}" for verb in verbs if verb is not None and verb.kind in ("check", "hold", "decide", "money")
    }


def _parts(design: Design) -> Iterator[tuple[str, str]]:
    yield "domain", design.domain.replace("-", " ")
    docs = {each.name: each.meaning for each in design.events}
    for saga, step in design.steps:
        yield step.do, f"{_spaced(step.do)} {step.at.replace('-', ' ')}"
        for name in step.fail:
            yield name, _spaced(name)
        if saga.failed:
            yield saga.failed, _spaced(saga.failed)
    for command in design.commands:
        if command.enters:
            meaning = docs[command.reply]
            yield command.reply, f"{_spaced(command.reply)} {meaning.value}"
    for reaction in design.reactions:
        for name in reaction.when:
            if reaction.projects:  # it hears of everything: its own clause alone speaks of it
                yield reaction.projects, ""
            else:
                yield f"{reaction.who}.{name}", f"{_spaced(name)} {reaction.does}"


def _best(scores: dict[str, int], least: int) -> list[str]:
    most = max(scores.values(), default=0)
    return [name for name, score in scores.items() if score == most] if most >= least else []


def _spaced(name: str) -> str:
    return " ".join(words_of(name))
