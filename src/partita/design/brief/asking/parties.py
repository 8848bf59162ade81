"""Services that an answer names beside those of the pattern: what they begin, and what they react to."""

from __future__ import annotations

from partita.design.brief.asking.answers import Party
from partita.design.brief.asking.generic import Names
from partita.design.brief.asking.roles import kind_of
from partita.design.brief.asking.sections import Sections
from partita.design.brief.asking.wording import pascal, singular
from partita.design.brief.deriving.verbs import past_of


def add_producer(sections: Sections, party: Party, names: Names) -> None:
    """A producer begins something of its own, and the main service keeps it with the thing that it is about."""
    event = begun_by(party)
    if event in sections.names("events"):
        event = f"{pascal([singular(word) for word in party.words])}Reported"
    sections.add("producers", f"  {party.name}: {{team: {party.words[0]}, db: postgres}}")
    data = f"{{{names.key}: id, occurred_at: timestamp}}"
    sections.add("events", f"  {event}: {{by: {party.name}, key: {names.key}, data: {data}}}")
    react(sections, event, names.main, f"note it at the {names.noun}")


def add_consumer(sections: Sections, party: Party, names: Names) -> None:
    """A consumer without a place in the saga reacts: it cannot refuse, and nothing waits for it."""
    kind = kind_of(party)
    events = list(dict.fromkeys(filter(None, (names.done, names.failed))))
    if kind == "show":
        model = f"{'_'.join(party.words)}_{names.noun}"[:60]
        sections.add("consumers", f"  {party.name}: {{team: {party.words[0]}, kind: projection, db: postgres}}")
        react(sections, f"[{', '.join(dict.fromkeys([names.start, *events]))}]", party.name, f"project {model}")
        sections.add(
            "consistency", f"  - {{rule: {model} is at most 5 s behind, kind: staleness, read: {model}, max: 5s}}"
        )
        return
    sections.add("consumers", f"  {party.name}: {{team: {party.words[0]}, db: postgres}}")
    does = " ".join((party.verb, *party.thing)) or f"react to the end of a {names.noun}"
    when = events if kind == "tell" else events[:1]
    react(sections, when[0] if len(when) == 1 else f"[{', '.join(when)}]", party.name, does)


def begun_by(party: Party) -> str:
    """The event that a producer begins: `MileageReported` of `telematics reports mileage`."""
    thing = pascal(list(party.thing))
    if party.verb and thing:
        return past_of(party.verb.capitalize() + thing)
    return f"{pascal([singular(word) for word in party.words])}Reported"


def react(sections: Sections, when: str, who: str, does: str) -> None:
    """Add a reaction to the last flow, which is a choreography."""
    sections.add("flows", f"      - {{when: {when}, who: {who}, does: {does}}}")
