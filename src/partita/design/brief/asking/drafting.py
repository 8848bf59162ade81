"""Four answers become the text of a brief, by a pattern or by their nouns."""

from __future__ import annotations

import re

from partita.design.brief.asking.answers import Answers, Party
from partita.design.brief.asking.generic import Names, generic_text
from partita.design.brief.asking.parties import add_consumer, add_producer
from partita.design.brief.asking.roles import kind_of, role_of
from partita.design.brief.asking.sections import Sections
from partita.design.brief.asking.wishes import add_wishes
from partita.design.brief.patterns.pattern import pattern_of, pattern_text

ORDER = (
    "design", "domain", "purpose", "namespace", "load", "producers", "consumers", "events", "commands", "flows", "storage",
    "consistency", "failure", "compatibility", "bus", "accept",
)  # fmt: skip
NAMED = "you named it; the rest of the line is assumed"


def draft(answers: Answers) -> str:
    """The text of a brief; each line that no answer says has the word `assumed`."""
    pattern = pattern_of(answers.words)
    if pattern:
        sections = Sections.of(pattern_text(pattern))
        rest = _placed(answers, sections)
        names = _names(sections)
    else:
        text, names = generic_text(answers)
        sections = Sections.of(text)
        rest = ([], [])
    sections.set("domain", f"domain: {answers.domain}", "")
    if answers.purpose:
        sections.set("purpose", f"purpose: '{answers.purpose}'", "your answer")
    for party in rest[0]:
        add_producer(sections, party, names)
    for party in rest[1]:
        add_consumer(sections, party, names)
    _note_reactions(sections, answers)
    _mark_named(sections, {each.name for each in (*answers.producers, *answers.consumers)})
    add_wishes(sections, answers.wishes, names)
    return sections.text(ORDER)


def _placed(answers: Answers, sections: Sections) -> tuple[list[Party], list[Party]]:
    """Put the services of the answers in the places of the pattern's, and return those without a place."""
    own = {key: sections.names(key) for key in ("producers", "consumers")}
    producers, consumers = list(answers.producers), list(answers.consumers)
    taken = {each.name for each in (*producers, *consumers)}
    pairs: list[tuple[str, Party]] = []
    main = next((each for each in producers if each.name == own["producers"][0]), producers[0])
    pairs.append((own["producers"][0], main))
    producers.remove(main)
    for place in [*own["producers"][1:], *own["consumers"]]:
        found = next((each for each in (*producers, *consumers) if each.name == place), None)
        role = role_of(tuple(place.removesuffix("-service").split("-")))
        if found is None and place not in taken:
            found = next((each for each in (*producers, *consumers) if role and role_of(each.words) == role), None)
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


def _note_reactions(sections: Sections, answers: Answers) -> None:
    """A consumer without a word that says more only reacts: whether it may refuse is a question to its owner."""
    flows = "\n".join(sections.lines.get("flows", ()))
    for party in answers.consumers:
        if kind_of(party) == "react" and f"at: {party.name}," not in flows:
            sections.notes.append(
                f"question: may {party.name} refuse, or must its work be taken back? Here it only reacts. "
                "If yes, it is a step of the saga, with `fail`, `undo` and `undone`."
            )


def _mark_named(sections: Sections, named: set[str]) -> None:
    for key in ("producers", "consumers"):
        for line in sections.lines.get(key, ()):
            if line.strip().partition(":")[0] in named:
                sections.say(line, NAMED)
