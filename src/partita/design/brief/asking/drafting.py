"""Four answers become the text of a brief, by a pattern or by their nouns."""

from __future__ import annotations

import re
from dataclasses import replace

from partita.design.brief.asking.answers import Answers
from partita.design.brief.asking.dropping import drop_producers
from partita.design.brief.asking.generic import Names, generic_text
from partita.design.brief.asking.kept import kept_clauses, spoken_of
from partita.design.brief.asking.lexicon import role_of
from partita.design.brief.asking.loads import set_loads
from partita.design.brief.asking.own_words import speak_as_answered
from partita.design.brief.asking.parties import add_consumer, add_producer, add_reactions, add_step, react
from partita.design.brief.asking.party import Party, said
from partita.design.brief.asking.refused import AnswerRefused
from partita.design.brief.asking.roles import STEPS, main_part, part_of, role_of_party
from partita.design.brief.asking.rule_line import SAID, quoted
from partita.design.brief.asking.saga_step import saga_steps
from partita.design.brief.asking.sections import Sections
from partita.design.brief.asking.times import fit_deadlines, seconds, set_deadline, set_times
from partita.design.brief.asking.wishes import place_wishes
from partita.design.brief.patterns.pattern import pattern_of, pattern_text
from partita.design.brief.reading import read_brief
from partita.design.model.design import Design

ORDER = (
    "design", "domain", "purpose", "answers", "namespace", "load", "producers", "consumers", "events", "commands", "flows",
    "storage", "consistency", "failure", "compatibility", "bus", "accept",
)  # fmt: skip
NAMED = "you named it; the rest of the line is assumed"
MADE = "named after your words; all of the line is assumed"
STEP = f"{SAID}; its names and times are assumed"
UNDONE = f"{SAID} says how it is taken back; the step itself is assumed"
REACTION = f"{SAID}; its events and its words are assumed"
WATCHING = ("watch", "monitor", "observe")
"""Verbs whose work is never taken back."""
DOC_MAX = 480
PLACES = {"bookings": ("Slot", "slot")}
"""The thing of a pattern that takes the name of the user's thing: a room, a seat."""


def draft(answers: Answers) -> str:
    """The text of a brief; each line that no answer says has the word `assumed`.

    Raises:
        AnswerRefused: a service has the name of another thing of the brief.
    """
    pattern = pattern_of(tuple(answers.domain.split("-"))) or pattern_of(answers.words)
    sections = Sections.of(pattern_text(pattern)) if pattern else None
    is_pattern = sections is not None and _fits(answers, sections, pattern)
    if sections is not None and is_pattern:
        names = _into_pattern(answers, sections, pattern)
    else:
        text, names = generic_text(answers)
        sections = Sections.of(text)
    sections.set("domain", f"domain: {answers.domain}", "")
    if answers.purpose:
        sections.set("purpose", f"purpose: {quoted(answers.purpose)}", SAID)
    _set_times(sections, answers, names)
    _set_docs(sections, answers)
    _mark_named(sections, answers)
    _mark_deeds(sections, answers)
    placing = place_wishes(sections, answers.wishes, names, is_pattern=is_pattern)
    uncounted = set_loads(sections, answers.rates, names, placing.retention)
    unread = [*(words for _, words in answers.unread), *uncounted, *placing.unread]
    fit_deadlines(sections)
    _note_reactions(sections, answers)
    design = read_brief(sections.text(ORDER), "the draft")
    _refuse_one_name(design)
    for clause in kept_clauses(answers, placing.kept, unread, design):
        sections.add("answers", clause.line(), SAID)
    return sections.text(ORDER)


def _refuse_one_name(design: Design) -> None:
    """Refuse a service with the name of a drafted message or saga: in a project their modules and classes would meet."""
    messages = [each.name for each in design.events] + [each.name for each in design.commands]
    made = {name.lower(): name for name in (*messages, *(each.name for each in design.sagas))}
    for service in design.services:
        other = made.get(service.name.replace("-", ""))
        if other is not None:
            raise AnswerRefused(
                f"The service {service.name} would have the name of {other}.", hint=f"Call it {service.name}-service."
            )


def _fits(answers: Answers, sections: Sections, pattern: str) -> bool:
    """Whether services of the answers can do every step of a pattern. Names without verbs say too little."""
    if pattern not in PLACES and not any(each.deeds for each in answers.reactors):
        return True
    flow = "\n".join(sections.lines["flows"])
    first = flow.split("    failed: ")[0]
    main = sections.names("producers")
    own = {role_of_party(each) for each in (*answers.producers, *answers.reactors)}
    names = {each.name for each in (*answers.producers, *answers.reactors)}
    places = [each for each in dict.fromkeys(re.findall(r" at: ([\w-]+),", first)) if each not in main]
    covered = all(each in names or role_of(tuple(each.removesuffix("-service").split("-"))) in own for each in places)
    deeds = [part_of(deed) for each in answers.reactors for deed in each.deeds]
    return covered and (pattern not in PLACES or sum(part in STEPS[1:] for part in deeds) <= len(places))


def _into_pattern(answers: Answers, sections: Sections, pattern: str) -> Names:
    """Put the services and deeds of the answers into a pattern, and return its names."""
    producers, consumers = _placed(answers, sections)
    _drop_unnamed(answers, sections)
    _rename_thing(answers, sections, pattern)
    speak_as_answered(sections, answers)
    names = _names(sections)
    drop_producers(answers, sections, names.noun)
    taken = {each for key in ("events", "flows", "storage") for each in sections.names(key)}
    taken |= set(re.findall(r"(?:do|undo): (\w+)", "\n".join(sections.lines["flows"])))
    flows = "\n".join(sections.lines["flows"])
    wanted = [(_rest_of(party, answers.name_of(party), flows), answers.name_of(party)) for party in answers.reactors]
    wanted = [(party, name) for party, name in wanted if party.deeds or name in {each.name for each in consumers}]
    names = replace(names, steps=saga_steps(wanted, "".join(names.noun.title().split("_")), taken))
    for party in producers:
        add_producer(sections, party, names)
    added = {each.name for each in consumers}
    for party in consumers:
        add_consumer(sections, party, names)
    for party, name in wanted:
        if name not in added:
            for step in (each for each in names.steps if each.at == name):
                add_step(sections, replace(step, kept=False), names)
            if f"who: {name}," not in flows:
                add_reactions(sections, party, name, names)
    return names


def _drop_unnamed(answers: Answers, sections: Sections) -> None:
    """Answers with verbs name every service: one of the pattern that only reacts is no part of the brief."""
    if not any(each.deeds for each in answers.reactors):
        return
    named = {each.name for each in (*answers.producers, *answers.reactors)}
    flows = "\n".join(sections.lines["flows"])
    for name in [each for each in sections.names("consumers") if each not in named and f" at: {each}," not in flows]:
        models = re.findall(rf"who: {re.escape(name)}, does: project (\w+)", flows)
        sections.drop("flows", f"who: {name},")
        sections.drop("consumers", f"  {name}: ")
        for model in models:
            sections.drop("consistency", f"read: {model},")
    left = "\n".join(sections.lines["flows"])
    main = sections.names("producers")[0]
    for failed in dict.fromkeys(re.findall(r"failed: (\w+)", left)):
        if not re.search(rf"when: \[?[^}}]*\b{failed}\b", left):
            react(sections, f"      - {{when: {failed}, who: {main}, does: close what is open}}")


def _rest_of(party: Party, name: str, flows: str) -> Party:
    """A service without the deeds that the pattern has for it: its first step, and its reactions where it has some."""
    steps = len(re.findall(rf" at: {re.escape(name)},", flows))
    reacts = f"who: {name}," in flows
    left = []
    for deed in party.deeds:
        if part_of(deed) in STEPS and steps > 0:
            steps -= 1
        elif part_of(deed) in STEPS or not (reacts or f" at: {name}," in flows):
            left.append(deed)
    return replace(party, deeds=tuple(left))


def _rename_thing(answers: Answers, sections: Sections, pattern: str) -> None:
    """The scarce thing of a pattern takes the user's noun: a room, a seat."""
    old, small = PLACES.get(pattern, ("", ""))
    held = [each.thing for party in answers.reactors for each in party.deeds if part_of(each) == "hold" and each.thing]
    if not old or not held:
        return
    new = held[0][-1]
    text = "\n".join(line for lines in sections.lines.values() for line in lines)
    if (
        new.isalpha()
        and 2 < len(new) < 16
        and new not in ("booking", "deposit", "guest", "type")
        and new.capitalize() not in text
    ):
        for key in sections.lines:
            sections.lines[key] = [
                re.sub(rf"{old}(?![a-z])", new.capitalize(), re.sub(rf"(?<![a-z]){small}(?![a-z])", new, line))
                for line in sections.lines[key]
            ]


def _placed(answers: Answers, sections: Sections) -> tuple[list[Party], list[Party]]:
    """Put the services of the answers in the places of the pattern's, and return those without a place."""
    own = {key: sections.names(key) for key in ("producers", "consumers")}
    producers, consumers = list(answers.producers), list(answers.consumers)
    taken = {each.name for each in (*producers, *consumers)}
    pairs: list[tuple[str, Party]] = []
    main = next((each for each in producers if each.name == own["producers"][0]), producers[0])
    pairs.append((own["producers"][0], main))
    producers.remove(main)
    flows = "\n".join(sections.lines["flows"])
    for place in [*own["producers"][1:], *own["consumers"]]:
        found = next((each for each in (*producers, *consumers) if each.name == place), None)
        role = role_of(tuple(place.removesuffix("-service").split("-")))
        if found is None and place not in taken:
            fitting = [each for each in (*producers, *consumers) if role and role_of_party(each) == role]
            in_saga = f" at: {place}," in flows
            fitting.sort(key=lambda each: in_saga and bool(each.deeds) and main_part(each) not in STEPS)
            found = next(iter(fitting), None)
        if found is not None:
            pairs.append((place, found))
            (producers if found in producers else consumers).remove(found)
    placed = dict(pairs)
    for place in [*own["producers"], *own["consumers"]]:
        if place in taken and place not in placed:  # the user's service of that name has another place
            other = f"{main.name[:20]}-{place}"
            sections.rename(place, other if other not in taken else f"{other}-two")
    for old, party in pairs:
        if old != party.name and old in taken:
            sections.rename(old, f"{old}-before")
            old = f"{old}-before"
        if old != party.name:
            _keep_namespace(sections, old)
            sections.rename(old, party.name)
    return producers, consumers


def _keep_namespace(sections: Sections, service: str) -> None:
    """A service with another name keeps the types of the pattern: `shop.order.v1.OrderPlaced` stays that."""
    space = sections.lines["namespace"][0].partition(": ")[2]
    own = service.removesuffix("-service").replace("-", "_")
    for key in ("producers", "consumers"):
        sections.lines[key] = [
            line.replace("{team:", f"{{namespace: {space}.{own}, team:") if line.startswith(f"  {service}:") else line
            for line in sections.lines[key]
        ]


def _names(sections: Sections) -> Names:
    """The names of a pattern that additions need: its first saga's start, success and end, and its key."""
    flow = "\n".join(sections.lines["flows"])
    start = re.search(r"start: (\w+)", flow)
    failed = re.search(r"failed: (\w+)", flow)
    done = re.search(r"ok: (\w+), retriable", flow)
    assert start is not None
    first = start[1]
    event = "\n".join(sections.lines["events"])
    key = re.search(rf"  {first}:(?: {{by: [\w-]+,|\n    by: [\w-]+\n   ) key: (\w+)", event)
    assert key is not None
    ok = re.search(r"ok: (\w+), fail: \w+, undo: \w+, undone: \w+, pivot", flow)
    end = done[1] if done else ok[1] if ok else first
    return Names(
        key=key[1],
        noun=key[1].removesuffix("_id"),
        start=first,
        done=end,
        failed=failed[1] if failed else "",
        main=sections.names("producers")[0],
    )


def _set_times(sections: Sections, answers: Answers, names: Names) -> None:
    """The times that an answer gives a deed: of its step, or of the whole saga where a thing is held for a time."""
    own = {id(step.deed): step.do for step in names.steps}
    for party in answers.reactors:
        for deed in party.deeds:
            if deed.within or deed.remind or deed.escalate[0] or deed.lapses:
                set_times(sections, answers.name_of(party), deed, own.get(id(deed), ""))
    held = sorted((each.lasts for party in answers.reactors for each in party.deeds if each.lasts), key=seconds)
    if held:
        set_deadline(sections, held[0], f"{SAID}: no thing is held for longer")


def _note_reactions(sections: Sections, answers: Answers) -> None:
    """The question about services that may refuse, and the typing errors that were read as verbs."""
    flows = "\n".join(sections.lines.get("flows", ()))
    names = [
        answers.name_of(each) for each in answers.reactors if main_part(each) == "react" and each.verb not in WATCHING
    ]
    unsure = [name for name in dict.fromkeys(names) if f"at: {name}," not in flows]
    if unsure:
        verb, their, they = ("may", "its", "it") if len(unsure) == 1 else ("may", "their", "they")
        sections.notes.append(
            f"question: {verb} {_listed(unsure)} refuse, or must {their} work be taken back? Here {they} only "
            f"react{'s' if len(unsure) == 1 else ''}. If yes, it is a step of the saga, with `fail`, `undo` and `undone`."
        )
    read_as = [
        each.read_as for party in (*answers.producers, *answers.reactors) for each in party.deeds if each.read_as
    ]
    sections.notes += [f"a typing error: {each}." for each in dict.fromkeys(read_as)]


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def _set_docs(sections: Sections, answers: Answers) -> None:
    """The words of an answer are the `doc` of their service: a condition that has no other place in the brief is there."""
    docs: dict[str, list[str]] = {}
    for text in answers.texts[1:3]:
        for party, words in spoken_of(answers, text):
            if party is not None and party.doc:
                docs.setdefault(answers.name_of(party), []).append(words.strip(" ,"))
    for name, texts in docs.items():
        words = said(", ".join(dict.fromkeys(texts)), DOC_MAX)
        for key in ("producers", "consumers") if words else ():
            for at, line in enumerate(sections.lines.get(key, ())):
                if line.startswith(f"  {name}: "):
                    sections.lines[key][at] = re.sub(r"(?:, doc: [^}]*)?\}$", "", line) + f", doc: {quoted(words)}}}"


def _mark_deeds(sections: Sections, answers: Answers) -> None:
    """Each step and each reaction of a deed says that an answer has it, and what of it is assumed."""
    flows = sections.lines.get("flows", [])
    for party in answers.reactors:
        name = re.escape(answers.name_of(party))
        steps = [line for line in flows if re.search(rf"- \{{do: \w+, at: {name},", line)]
        deeds = sorted(
            (each for each in party.deeds if part_of(each) in STEPS), key=lambda each: STEPS.index(part_of(each))
        )
        for line, deed in zip(steps, deeds, strict=False):
            sections.say(line, UNDONE if deed.inferred else STEP)
        if any(part_of(each) not in STEPS for each in party.deeds):
            for line in flows:
                if re.search(rf"who: {name},", line):
                    sections.say(line, REACTION)


def _mark_named(sections: Sections, answers: Answers) -> None:
    named = {each.name: NAMED if each.named else MADE for each in (*answers.consumers, *answers.producers)}
    for key in ("producers", "consumers"):
        for line in sections.lines.get(key, ()):
            comment = named.get(line.strip().partition(":")[0])
            if comment:
                sections.say(line, comment)
