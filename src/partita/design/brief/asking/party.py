"""The services that an answer names, and their deeds: a reader of clauses with a subject, a verb and an object."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass, field, replace
from difflib import get_close_matches

from partita.design.brief.asking.amounts import times_in
from partita.design.brief.asking.clauses import Clause, clauses_in
from partita.design.brief.asking.deed import (
    ADVERBS,
    DETERMINERS,
    MODIFIERS,
    PRONOUNS,
    Deed,
    deed_of,
    joined,
    noun_phrases,
)
from partita.design.brief.asking.lexicon import (
    GENERIC,
    PEOPLE,
    SERVICES,
    VERBS,
    Verb,
    is_person,
    participle_of,
    role_of,
    third_person,
    verb_of,
)
from partita.design.brief.asking.wording import FILLER, plain, sentences, singular, words_in

NAME_MAX = 4
TAKEN = frozenset(
    "log public partita app services sagas topics tables messages moment outcomes demo send streams".split()
)
"""Names that no service can have: those of schemas, and of the modules of a project."""
_MODALS = frozenset("can could do does may might must shall should to will would".split())
_BE = frozenset("are be been being get gets is was were".split())
_OPENING = re.compile(
    r"^(?:(?:we|you|they) (?:also )?(?:have|use|need|run|own|operate)|it has|there (?:is|are)(?: also)?|namely|such as"
    r"|for example|eg|ie|these are|(?:the )?(?:following )?(?:services|consumers|producers|systems)(?: are)?:?)\s+",
    re.IGNORECASE,
)  # fmt: skip
_LEADING = re.compile(
    r"^(?:at the (?:very )?(?:end|start|beginning)|in the end|after (?:that|this)|in turn|on success|if all goes well"
    r"|in parallel|at the same time),?\s+",
    re.IGNORECASE,
)
_CONDITIONS = frozenset("as because if once since unless until when whenever while".split())
_LABEL = re.compile(r"^([^:]{1,60}?)(?::|\s+(?:-{1,2}>?|=>?)\s)\s*(.*)$")
_EACH = re.compile(r"\b(?:none|nobody|nothing|no one|nothing else|n/a)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Party:
    """A service of an answer. `named` is False where its name is made of its deed, since its subject is a person or "we"."""

    name: str
    words: tuple[str, ...]
    deeds: tuple[Deed, ...] = ()
    said: str = ""
    named: bool = True
    begins: bool = False
    note: str = ""

    @property
    def verb(self) -> str:
        """The verb of its first deed; "" where the answer has none."""
        return self.deeds[0].verb if self.deeds else ""

    @property
    def thing(self) -> tuple[str, ...]:
        """The object of its first deed."""
        return self.deeds[0].thing if self.deeds else ()

    @property
    def doc(self) -> str:
        """The words of the answer about it; "" where it only has a name."""
        return ", ".join(dict.fromkeys(filter(None, (self.note, *(each.said for each in self.deeds)))))

    @property
    def key(self) -> str:
        """The same for `order-service`, `orders` and `order service`."""
        return "-".join(singular(word) for word in self.words)


@dataclass(slots=True)
class Reading:
    """The services of one answer in the making, and the words that have no place."""

    begins: bool
    parties: dict[str, Party] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    current: str = ""
    plural: bool = False
    labelled: bool = False
    lead: str = ""

    def sentence(self, text: str) -> None:
        """Read one sentence."""
        self.current, self.labelled, self.lead = "", False, ""
        found = _LABEL.match(text)
        if found and _is_label(found[1]) and found[2]:
            if not _OPENING.match(f"{found[1]} "):
                self._subject(words_in_clause(found[1]), found[1], plural=True)
                self.labelled = bool(self.current)
            text = found[2]
        clauses = clauses_in(_LEADING.sub("", _OPENING.sub("", text)))
        for at, clause in enumerate(clauses, 1):
            self._clause(clause, is_last=at == len(clauses))

    def _clause(self, clause: Clause, *, is_last: bool) -> None:
        words = [word for word in clause.words if word not in ADVERBS]
        while words and words[0] in DETERMINERS and len(words) > 1 and words[0] not in PRONOUNS:
            words = words[1:]
        if not words or _EACH.fullmatch(clause.text):
            self._modifier(clause.aside)
            return
        if words[0] in MODIFIERS or words[0] in _BE or words[0][0].isdigit() or _is_part(words, clause):
            rest = _after_modifier(words) if words[0] not in _CONDITIONS else None
            if rest is None or self.current:
                if not self.current and is_last:
                    self._miss(clause.said)
                self.lead = self.lead if self.current else f"{self.lead}{clause.said}, "
                self._modifier(clause.said, quiet=not self.current)
                return
            words = rest
        if words[0] in PRONOUNS and len(words) > 1 and self.current:
            words = words[1:]
        if self._continues(words, clause):
            self._deed(self.current, *_phrase(words), clause)
            return
        found = _sentence(words)
        before = self.parties.get(self.current)
        if found is None and clause.joint == "and" and before is not None and not before.deeds:
            found = _sentence(words, both=True)  # the desk and the shop book tours
            if found is not None:
                self._deed(self.current, found[1], found[2], clause)
        if found is not None:
            subject, verb, after, passive = found
            name = self._actor(subject, verb, after, passive, clause)
            self._deed(name, verb, subject + after if passive else after, clause)
        elif not self._more_objects(words, clause):
            self._name(words, clause)
            self._modifier(clause.aside, quiet=True)

    def _name(self, words: list[str], clause: Clause) -> None:
        """A service without a verb: its name ends before a modifier, and the rest of the clause is kept in its words."""
        end = next((at for at, word in enumerate(words) if at and word in MODIFIERS), len(words))
        key = self._subject(words[:end][:NAME_MAX], clause.text)
        if key and (len(words[:NAME_MAX]) < len(words) or end < len(words) or clause.aside):
            self._put(replace(self.parties[key], note=clause.said))

    def _continues(self, words: list[str], clause: Clause) -> bool:
        """Whether a clause is a further verb of the subject before."""
        if not self.current:
            return False
        verb, after = _phrase(words)
        if verb is None:
            return False
        next_ = verb_of(after[0]) if len(after) > 1 else None  # "records keeps the history" begins with a name
        names_one = bool(after) and (after[0] in SERVICES or (next_ is not None and not next_.plain))
        alone = (not after and clause.joint == ",") or names_one
        has_deed = bool(self.parties[self.current].deeds)
        if self.labelled and not has_deed:
            return not names_one
        if verb.plain:
            return self.plural and not alone and has_deed
        return not alone and (has_deed or not clause.joint or _subject_only(self.parties[self.current]))

    def _more_objects(self, words: list[str], clause: Clause) -> bool:
        """Further objects of the verb before: `reserves a bay and the parts`."""
        if not self.current or not self.parties[self.current].deeds:
            return False
        determined = clause.text.split()[0].lower() in DETERMINERS if clause.text else False
        if _is_service(words) or not (determined or clause.joint == "and"):
            return False
        party = self.parties[self.current]
        last = party.deeds[-1]
        thing = next(iter(noun_phrases(words)), ())
        if last.kind == "hold" and not last.undo and thing:
            self._put(replace(party, deeds=(*party.deeds, replace(last, thing=thing, said=clause.said))))
        else:
            self._put(replace(party, deeds=(*party.deeds[:-1], replace(last, said=f"{last.said} and {clause.said}"))))
        self._modifier(clause.aside, quiet=True)
        return True

    def _actor(self, subject: list[str], verb: Verb, after: list[str], passive: bool, clause: Clause) -> str:
        """The service of a sentence: its subject, the one after `by`, or one named after the deed."""
        person = subject[-1:] == ["we"] or (is_person(tuple(subject)) and (self.begins or passive))
        if passive:
            by = after.index("by") if "by" in after else -1
            named = list(next(iter(noun_phrases(after[by + 1 :])), ())) if by >= 0 else []
            if named:
                return self._subject(after[by + 1 : by + 1 + 3], clause.text)
            return self._made(deed_of(verb, subject, "").thing, verb, clause)
        if not person:
            return self._subject(subject, clause.text, plural=verb.plain)
        for word in ("via", "through", "using", "on", "in", "at", "with"):
            place = next(iter(noun_phrases(after[after.index(word) + 1 :])), ()) if word in after else ()
            if place and (place[-1] in SERVICES or place[-1] == "app"):
                return self._subject(list(place), clause.text, named=False, plural=True)
        if subject[-1:] == ["we"]:
            return self._made(deed_of(verb, after, "").thing, verb, clause)
        return self._subject([singular(subject[-1]), "app"], clause.text, named=False, plural=True)

    def _made(self, thing: tuple[str, ...], verb: Verb, clause: Clause) -> str:
        """A service named after its deed."""
        kind = deed_of(verb, list(thing), "").kind
        fixed = {"money": ["payment"], "tell": ["notification"], "show": ["reporting"], "decide": ["back", "office"]}
        words = fixed.get(kind, []) if not self.begins else []
        words = words or [*list(thing)[-1:]] or [verb.base]
        return self._subject([*words, "service"], clause.text, named=False, plural=True)

    def _subject(self, words: list[str], said: str, *, named: bool = True, plural: bool = False) -> str:
        """Make a service the subject, and return its key; "" for words that are no name."""
        words = [word for each in words for word in each.split("-") if word and word not in FILLER | DETERMINERS]
        if len(words) > 1 and words[-1] in GENERIC - {"service"}:
            words = words[:-1]
        words = [found[0] for word in words if (found := words_in(word))][:5]
        if not words:
            self._miss(said)
            return ""
        name = "-".join(words)
        name = f"{name}-service" if name in TAKEN or keyword.iskeyword(name) else name
        own = tuple(word for word in words if word != "service") or tuple(words)
        party = Party(name, own, said=said, named=named, begins=self.begins)
        self.current, self.plural = party.key, plural
        self.parties.setdefault(party.key, party)
        return party.key

    def _deed(self, key: str, verb: Verb | None, after: list[str], clause: Clause) -> None:
        if not key or verb is None:
            return
        party = self.parties[key]
        deed = deed_of(verb, after, self.lead + clause.said)
        self.lead = ""
        if is_person(party.words) and deed.verb in ("confirm", "sign"):
            deed = replace(deed, kind="decide", person=True)
        read_as = _corrected(verb, clause)
        deed = replace(deed, read_as=read_as) if read_as else deed
        deed, read = deed.with_tail(clause.said)
        if not read:
            self._miss(clause.said)
        self._put(replace(party, deeds=tuple(joined(list(party.deeds), deed))))

    def _modifier(self, text: str, *, quiet: bool = False) -> None:
        if not text:
            return
        party = self.parties.get(self.current)
        if party is None or not party.deeds:
            if party is not None and not quiet and _has_time(text):
                self._miss(text)
            if party is not None and _is_human(text):
                self._put(replace(party, deeds=(Deed("decide", "decide", person=True, said=text).with_tail(text)[0],)))
            return
        deed, read = party.deeds[-1].with_tail(text)
        self._put(replace(party, deeds=(*party.deeds[:-1], replace(deed, said=f"{deed.said}, {text}"))))
        if not read:
            self._miss(text)

    def _put(self, party: Party) -> None:
        self.parties[party.key] = party

    def _miss(self, text: str) -> None:
        text = said(text)
        if text and text not in self.unread:
            self.unread.append(text)


def read_parties(text: str, *, begins: bool) -> tuple[list[Party], list[str]]:
    """The services of an answer, and the parts of it that are not understood."""
    reading = Reading(begins)
    for sentence in sentences(text):
        reading.sentence(sentence)
    return list(reading.parties.values()), reading.unread


def said(text: str, length_max: int = 200) -> str:
    """A text for people in a brief: no control characters, one kind of quotes, and not too long."""
    return re.sub(r"\s+", " ", re.sub(r"[^ -~]|[\"\\]", " ", plain(text))).strip()[:length_max].strip()


def words_in_clause(text: str) -> list[str]:
    """The words of a text, with hyphens."""
    return Clause(text).words


def _phrase(words: list[str]) -> tuple[Verb | None, list[str]]:
    """A verb at the beginning, with the words after it."""
    if words[0] in _MODALS and len(words) > 1:
        verb = verb_of(words[1])
        return (Verb(verb.base, verb.kind), words[2:]) if verb else (None, [])
    return _verb(words, 0), words[1:]


def _verb(words: list[str], at: int) -> Verb | None:
    """The verb at a place: a known one, a typing error of one, or an unknown word in `s` with a determiner after it."""
    word = words[at]
    found = verb_of(word)
    if found is not None or "-" in word or word in SERVICES:
        return found
    bases = third_person(word)
    opposite = next((base for base in (*bases, word) if _is_opposite(base)), "")
    if opposite:
        return Verb(opposite, "undo", plain=opposite == word)
    near = next((each for base in bases for each in get_close_matches(base, VERBS, 1, 0.84) if len(base) > 4), "")
    follows = at + 1 < len(words) and words[at + 1] in DETERMINERS | PRONOUNS
    if near and (follows or at == 1) and singular(word) not in PEOPLE:
        return Verb(near, VERBS[near])
    if bases and (follows or (at == 1 and _is_unknown_verb(words))):
        base = bases[-1] if word.endswith(("ches", "shes", "sses", "xes", "zes", "oes")) else word[:-1]
        return Verb(f"{word[:-3]}y" if word.endswith("ies") else base, "act")
    return None


def _is_unknown_verb(words: list[str]) -> bool:
    """Whether the second of some words is a verb between two nouns: in `oven bakes bread`, not in `customer relations office`."""
    return (
        len(words) > 2
        and singular(words[0]) == words[0]
        and words[2] not in SERVICES | MODIFIERS | _BE | _MODALS | {"service"}
        and not _is_service(words[:2])
        and not words[1].endswith(("ions", "ics", "ers", "ors", "als", "ments", "ties", "ses", "us", "is"))
    )


def _is_opposite(base: str) -> bool:
    """Whether a verb takes another one back by its prefix: `deactivate`."""
    return base not in VERBS and any(base != base.removeprefix(each) in VERBS for each in ("de", "un", "dis"))


def _sentence(words: list[str], *, both: bool = False) -> tuple[list[str], Verb, list[str], bool] | None:
    """Subject, verb, the words after it, and whether it is passive; None for a name without a verb."""
    if words[0] == "we":
        verb, after = _phrase(words[1:]) if len(words) > 1 else (None, [])
        return (["we"], Verb(verb.base, verb.kind), after, False) if verb else None
    last = max((at for at, word in enumerate(words[:6]) if word in SERVICES or word == "service"), default=0)
    last = last if not any(word in DETERMINERS | MODIFIERS for word in words[:last]) else 0
    for at in range(max(1, last), min(len(words), 8)):
        word, subject = words[at], [each for each in words[:at] if each not in PRONOUNS]
        if word in DETERMINERS and at > 1:
            break
        if word in _MODALS and at + 1 < len(words) and word != "to":
            verb = verb_of(words[at + 1])
            if verb is not None:
                return subject, Verb(verb.base, verb.kind), words[at + 2 :], False
            if words[at + 1] == "be" and at + 2 < len(words) and (verb := participle_of(words[at + 2])):
                return subject, verb, words[at + 3 :], True
        if word in _BE and at + 1 < len(words) and (verb := participle_of(words[at + 1])):
            return subject, verb, words[at + 2 :], True
        if word in SERVICES and at + 1 < len(words) and third_person(words[at + 1]) and words[at + 1] not in SERVICES:
            continue  # the spares store sets parts aside
        if subject and subject[-1] not in SERVICES and _is_plural(words[: at + 1]) and _has_plain_verb(words[at + 1 :]):
            continue  # sales reports count tickets
        verb = _verb(words, at)
        if (
            verb is not None
            and at >= last
            and (not verb.plain or _is_plural(words[:at]) or (both and at + 1 < len(words)))
            and subject
        ):
            return subject, verb, words[at + 1 :], False
    return None


def _has_plain_verb(words: list[str]) -> bool:
    """Whether a verb after a plural and its object begin here."""
    verb = verb_of(words[0]) if len(words) > 1 else None
    return (
        verb is not None
        and verb.plain
        and words[0] not in SERVICES | {"free", "open", "close", "order", "book", "clean", "clear", "set", "last"}
    )


def _is_plural(subject: list[str]) -> bool:
    return (
        subject[-1].endswith("s")
        and singular(subject[-1]) != subject[-1]
        or subject[-1] in ("people", "staff", "children", "we", "they")
    )


def _is_part(words: list[str], clause: Clause) -> bool:
    """Whether a clause begins with a participle and has no subject: `reminded after 5 days`."""
    if words[0] in ("reminder", "reminders", "deadline", "timeout"):
        return len(words) == 1 or words[1] in MODIFIERS or words[1][0].isdigit()
    if words[0] in ("chase", "nudge") or words[:2] in (["it", "takes"], ["it", "may"]):
        return bool(clause.joint)  # of the deed before: "it takes her two days at most, chase her after one"
    return (
        participle_of(words[0]) is not None
        and bool(clause.joint)
        and (len(words) == 1 or words[1] in MODIFIERS or words[1] in DETERMINERS)
    )


def _after_modifier(words: list[str]) -> list[str] | None:
    """The main clause after a modifier without a comma: `after that billing charges the card`."""
    for at in range(1, len(words) - 1):
        if words[at - 1] in DETERMINERS | MODIFIERS or "-" in words[at]:
            rest = words[at:]
            if (
                words[at] not in DETERMINERS | MODIFIERS
                and (_is_service(rest[:3]) or at <= 2)
                and _sentence(rest) is not None
            ):
                return rest
    return None


def _is_label(text: str) -> bool:
    words = words_in_clause(text)
    return 0 < len(words) <= 5 and not any(word in MODIFIERS | {"we", "they"} for word in words) and "," not in text


def _is_service(words: list[str]) -> bool:
    """Whether words without a verb look like the name of a service."""
    plain_words = tuple(part for word in words for part in word.split("-"))
    return "-" in words[-1] or words[-1] in SERVICES or role_of(plain_words) in ("analytics", "notification", "report")


def _subject_only(party: Party) -> bool:
    return not party.deeds


def _corrected(verb: Verb, clause: Clause) -> str:
    """The typing error that was read as a verb."""
    for word in clause.words:
        found = third_person(word)
        if found and verb.base not in found and any(get_close_matches(base, [verb.base], 1, 0.84) for base in found):
            return f"{word} is read as {verb.base}"
    return ""


def _has_time(text: str) -> bool:
    return bool(times_in(text))


def _is_human(text: str) -> bool:
    return re.search(r"\b(?:an? person|humans?|by hand|manual\w*)\b|^(?:people|persons)\b", text.lower()) is not None
