"""The clauses of the answers, each with the parts of the drafted brief that keep it. None is dropped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from partita.design.brief.asking.answers import Answers
from partita.design.brief.asking.clauses import Clause, clauses_in
from partita.design.brief.asking.deed import MODIFIERS, Deed
from partita.design.brief.asking.lexicon import verb_of
from partita.design.brief.asking.party import Party, said
from partita.design.brief.asking.rates import SECONDS, rates_in
from partita.design.brief.asking.roles import STEPS, part_of
from partita.design.brief.asking.rule_line import quoted
from partita.design.brief.asking.story import Story, content
from partita.design.brief.asking.times import seconds
from partita.design.brief.asking.wish import Wish, parts_of, wishes_in
from partita.design.brief.asking.wording import sentences
from partita.design.brief.deriving.verbs import words_of
from partita.design.model.design import Design
from partita.design.model.keeper import keepers_of
from partita.design.model.saga import StepDesign

SAID_MAX = 480
_VERBAL = frozenset(
    "are ask asks be been come comes get gets go goes has have is need needs want wants was were".split()
)


@dataclass(frozen=True, slots=True)
class Kept:
    """The words of a clause, and the names of the parts that keep it."""

    said: str
    by: tuple[str, ...] = ()

    def line(self) -> str:
        """Its line in a brief."""
        names = ", ".join(each if re.fullmatch(r"[\w.-]+", each) else quoted(each) for each in self.by)
        return f"  - {{said: {quoted(self.said)}, kept: {f'[{names}]' if names else 'none'}}}"


def kept_clauses(
    answers: Answers, placed: list[tuple[Wish, tuple[str, ...]]], unread: list[str], design: Design
) -> list[Kept]:
    """Each clause of the four answers with its keepers in a design; `placed` are the keepers of the wishes, `unread` the words
    without a place: within a clause that is kept they are a clause of their own."""
    keeping = _Keeping(answers, placed, design)
    found = [*keeping.of_parties(answers.texts[1], begins=True), *keeping.of_parties(answers.texts[2], begins=False)]
    found += keeping.of_wishes(answers.texts[3])
    found = [*keeping.of_story(answers.texts[0], found), *found]
    alone = {_words(each.said) for each in found}
    every = " ".join(_words(each.said) for each in found if not each.by)
    missed = [Kept(words) for words in unread if _words(words) not in alone and _words(words) not in every]
    known = keepers_of(design)
    return [Kept(each.said, tuple(name for name in each.by if name in known)) for each in (*found, *missed)]


@dataclass(frozen=True, slots=True)
class _Keeping:
    answers: Answers
    placed: list[tuple[Wish, tuple[str, ...]]]
    design: Design

    def of_parties(self, text: str, *, begins: bool) -> Iterator[Kept]:
        """The clauses about services: all that an answer says of one, up to the next one."""
        for party, words in spoken_of(self.answers, text):
            yield self._of_party(party, words, begins)

    def _of_party(self, party: Party | None, words: str, begins: bool) -> Kept:
        if party is None or _is_unread(self.answers, words):
            return Kept(_said(words), self._loads(words))
        name = self.answers.name_of(party)
        deeds = [deed for deed in party.deeds if _is_in(deed, words)]
        if begins:
            keepers = self._begun(name, deeds)
        else:
            keepers = [each for deed in deeds for each in self._of_deed(name, party, deed)]
        keepers = keepers or self._all_of(name)
        return Kept(_said(words), tuple(dict.fromkeys([*keepers, *self._loads(words)])))

    def _of_deed(self, name: str, party: Party, deed: Deed) -> list[str]:
        step = self._step(name, party, deed) if part_of(deed) in STEPS else None
        if step is None:
            return self._reactions(name, deed) or self._all_of(name)
        saga = next(saga for saga, each in self.design.steps if each is step)
        found = [step.do]
        found += [step.undo] if deed.undo and step.undo else []
        found += [f"{step.do}.timeout"] if deed.within else []
        found += [f"{step.do}.remind"] if deed.remind else []
        found += [f"{step.do}.escalate"] if deed.escalate[0] else []
        return [*found, f"{saga.name}.deadline"] if deed.lasts else found

    def _step(self, name: str, party: Party, deed: Deed) -> StepDesign | None:
        """The step that a deed became: by its verb, else by its place among the deeds."""
        steps = [step for _, step in self.design.steps if step.at == name]
        verbs = {deed.verb.capitalize(), deed.undo.capitalize()} - {""}
        for step in steps:
            if any(each.startswith(verb) for verb in verbs for each in (step.do, step.undo)):
                return step
        deeds = [each for each in party.deeds if part_of(each) in STEPS]
        deeds.sort(key=lambda each: STEPS.index(part_of(each)))
        at = deeds.index(deed)
        return steps[at] if at < len(steps) else None

    def _reactions(self, name: str, deed: Deed) -> list[str]:
        own = [each for each in self.design.reactions if each.who == name]
        words = content(f"{deed.verb} {' '.join(deed.thing)}")
        near = [each for each in own if each.projects or words & content(each.does)]
        found = [(each, event) for each in near or own for event in each.when]
        return [each.projects or f"{name}.{event}" for each, event in found]

    def _begun(self, name: str, deeds: list[Deed]) -> list[str]:
        """The events that begin at a service: those that its deeds name, else all."""
        every = [each.reply for each in self.design.commands if each.enters and each.to == name]
        every = every or [each.name for each in self.design.events if each.by == name and each.kind == "event"]
        words = {word for deed in deeds for word in content(f"{deed.verb} {' '.join(deed.thing)}")}
        named = [each for each in every if words & content(" ".join(words_of(each)))]
        return named or every

    def _all_of(self, name: str) -> list[str]:
        """Everything that a service does; the service itself where that is nothing."""
        found = [step.do for _, step in self.design.steps if step.at == name]
        for each in self.design.reactions:
            if each.who == name:
                found += [each.projects] if each.projects else [f"{name}.{event}" for event in each.when]
        return found or self._begun(name, []) or [name]

    def _loads(self, words: str) -> tuple[str, ...]:
        rates = [each.steady / SECONDS[each.unit] for each in rates_in(words)[0]]
        return tuple(
            f"load.{stream.name}"
            for stream in self.design.load.streams
            if any(abs(own.value - rate) <= 1e-3 * rate for rate in rates for own in (stream.steady, stream.peak))
        )

    def of_wishes(self, text: str) -> Iterator[Kept]:
        """The clauses about consistency: a wish each."""
        for sentence in sentences(text):
            parts = [sentence] if rates_in(sentence, limits=True)[0] else parts_of(sentence)
            for part in parts:
                words = _words(part)
                names = [name for wish, by in self.placed if _words(wish.said) in words for name in by]
                names += self._loads(part)
                late = [wish for wish, _ in self.placed if wish.kind == "late" and _words(wish.said) in words]
                names = names or [name for wish in late for name in self._told(wish)]
                yield Kept(_said(part), tuple(dict.fromkeys(names)))

    def _told(self, wish: Wish) -> list[str]:
        """The reactions that may be late: a service sends messages or reacts, and keeps no read model."""
        words = content(wish.words)
        for party in self.answers.reactors:
            name = self.answers.name_of(party)
            own = [each for each in self.design.reactions if each.who == name and not each.projects]
            if own and words & (content(party.doc) | content(" ".join(party.words))):
                return [f"{name}.{event}" for each in own for event in each.when]
        return []

    def of_story(self, text: str, others: list[Kept]) -> Iterator[Kept]:
        """The clauses of the domain: its name, its loads, and what happens in it."""
        story = Story(self.design, [(each.said, each.by) for each in others])
        for at, words in enumerate(_told_in(text)):
            names = [*(["domain"] if not at else []), *self._loads(words)]
            names += [name for wish, by in self.placed if _words(wish.said) in _words(words) for name in by]
            names = names or self._audits(words)
            yield Kept(_said(words), tuple(dict.fromkeys(names or story.keepers(words))))

    def _audits(self, words: str) -> list[str]:
        """The audits with the time of a clause that speaks of one: another answer says the same."""
        times = [seconds(each) for wish in wishes_in(words) if wish.kind == "audit" for each in wish.times]
        return [each.text for each in self.design.rules if each.kind == "audit" and each.keep in times]


def spoken_of(answers: Answers, text: str) -> Iterator[tuple[Party | None, str]]:
    """The words of an answer about each service, as they were said; words without a place are apart."""
    for sentence in sentences(text):
        current: Party | None = None
        words = ""
        for clause in clauses_in(sentence):
            party = _party(answers, clause, current)
            if words and (party is not current or _is_unread(answers, clause.said) or _is_unread(answers, words)):
                yield current, words
                words = ""
            words = f"{words}{clause.before if words else ''}{clause.said}"
            current = party
        if words:
            yield current, words


def _party(answers: Answers, clause: Clause, current: Party | None) -> Party | None:
    """The service that a clause is about: the same as before where it has no other."""
    own = _words(clause.text)
    for party in (*([current] if current else []), *answers.producers, *answers.reactors):
        texts = [_words(each) for each in (party.said, party.note, *(deed.said for deed in party.deeds)) if each]
        if any(own in each or each in own for each in texts):
            return party
    return current


def _is_unread(answers: Answers, words: str) -> bool:
    return any(_words(words) == _words(each) for _, each in answers.unread)


def _told_in(text: str) -> Iterator[str]:
    """The clauses of a story: a part of a sentence with a verb of its own begins one."""
    for sentence in sentences(text):
        words = ""
        for clause in clauses_in(sentence):
            if words and _has_verb(clause) and _has_verb(Clause(words)):
                yield words
                words = ""
            words = f"{words}{clause.before if words else ''}{clause.said}"
        yield words


def _has_verb(clause: Clause) -> bool:
    words = clause.words
    if len(words) < 2 or words[0] in MODIFIERS or words[0][0].isdigit():
        return len(words) > 2 and words[0] in ("when", "if", "while") and any(word in _VERBAL for word in words)
    return any(word in _VERBAL or verb_of(word) is not None for word in words[:-1]) or verb_of(words[-1]) is not None


def _is_in(deed: Deed, words: str) -> bool:
    """Whether some words say a deed, or one of its parts."""
    own = _words(words)
    return any(_words(each) in own for each in (deed.said, *deed.said.split(", ")) if _words(each).strip())


def _said(words: str) -> str:
    """The words as a person wrote them, in one line."""
    return re.sub(r"\s+", " ", words).strip(" ,")[:SAID_MAX].strip()


def _words(text: str) -> str:
    return f" {' '.join(re.findall('[a-z0-9]+', said(text, 10_000).lower()))} "
