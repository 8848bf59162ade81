"""Producers of a pattern that no answer speaks of: they and all that they begin are no part of the brief."""

from __future__ import annotations

import re

from partita.design.brief.asking.answers import Answers
from partita.design.brief.asking.sections import Sections
from partita.design.brief.asking.wording import pascal, singular, words_in
from partita.design.brief.deriving.verbs import words_of

SHORT = 3


def drop_producers(answers: Answers, sections: Sections, noun: str) -> None:
    """Take out each producer beside the main one that the answers do not name and whose things they do not mention. Answers
    without verbs say too little."""
    if not any(each.deeds for each in answers.reactors):
        return
    named = {answers.name_of(each) for each in (*answers.producers, *answers.reactors)}
    flows = "\n".join(sections.lines["flows"])
    mentioned = {singular(word) for text in answers.texts for word in words_in(text)}
    for name in sections.names("producers")[1:]:
        begun = [
            event
            for event in sections.names("events")
            if f"  {event}: {{by: {name}," in "\n".join(sections.lines["events"])
        ]
        if name not in named and f" at: {name}," not in flows and not _things(sections, name, begun) & mentioned:
            _drop(sections, name, begun, noun)


def _things(sections: Sections, name: str, begun: list[str]) -> set[str]:
    """The nouns of a producer: of its description and of its events."""
    line = next(each for each in sections.lines["producers"] if each.startswith(f"  {name}: "))
    described = words_in(line.partition("doc: ")[2].strip(" .}"))
    return {singular(word) for word in described if len(word) > SHORT} | {words_of(each)[0].lower() for each in begun}


def _drop(sections: Sections, name: str, begun: list[str], noun: str) -> None:
    line = next(each for each in sections.lines["producers"] if each.startswith(f"  {name}: "))
    owned = re.search(r"owns: \[([^]]*)\]", line)
    for aggregate in owned[1].split(", ") if owned else ():
        sections.drop("storage", f"  {aggregate}: ")
    sections.drop("producers", f"  {name}: ")
    for event in begun:
        sections.drop("events", f"  {event}: ")
        sections.lines["load"] = [
            re.sub(rf"\w+: \{{[^}}]*begins: {event}\}}(?:, )?", "", each) for each in sections.lines["load"]
        ]
        _give_another_reason(sections, event, noun)
        sections.drop("flows", f"when: {event},")
    sections.drop("flows", f"who: {name},")


def _give_another_reason(sections: Sections, event: str, noun: str) -> None:
    """The flow that heard an event had a reason about that event."""
    lines = sections.lines["flows"]
    heard = next((at for at, line in enumerate(lines) if f"when: {event}," in line), None)
    if heard is None:
        return
    top = max(at for at in range(heard) if re.fullmatch(r"  \w+:", lines[at]))
    lines[top] = f"  After{pascal(noun.split('_'))}:"
    why = next(at for at in range(top, heard) if lines[at].startswith("    why: "))
    lines[why] = f"    why: a letter or a report holds up no {noun.replace('_', ' ')}, and each of them may come later"
