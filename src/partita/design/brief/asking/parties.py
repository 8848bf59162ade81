"""Services that an answer names beside those of the pattern: what they begin, and what they do."""

from __future__ import annotations

from partita.design.brief.asking.generic import (
    Names,
    begun_by,
    event_line,
    kind_text,
    model_of,
    reaction_lines,
    shows,
    team_of,
)
from partita.design.brief.asking.party import Party
from partita.design.brief.asking.saga_step import SagaStep
from partita.design.brief.asking.sections import Sections
from partita.design.brief.asking.wording import pascal, singular


def add_producer(sections: Sections, party: Party, names: Names) -> None:
    """A producer begins something of its own, and the main service keeps it with the thing that it is about."""
    sections.add("producers", f"  {party.name}: {{team: {team_of(party)}, db: postgres}}")
    for event in begun_by(party):
        if event in sections.names("events"):
            event = f"{pascal([singular(word) for word in party.words])}{event}"[:60]
        if event not in sections.names("events"):
            sections.add("events", event_line(event, party.name, names.key, ", occurred_at: timestamp"))
            react(
                sections,
                f"      - {{when: {event}, who: {names.main}, does: note it at the {names.noun.replace('_', ' ')}}}",
            )


def add_consumer(sections: Sections, party: Party, names: Names) -> None:
    """A consumer without a place in the pattern: its deeds are steps before the pivot, or reactions."""
    steps = [step for step in names.steps if step.at == party.name]
    owned = ", ".join(step.aggregate for step in steps if step.owns)
    owns = f", owns: [{owned}]" if owned else ""
    sections.add("consumers", f"  {party.name}: {{team: {team_of(party)}{owns}{kind_text(party)}, db: postgres}}")
    for step in steps:
        add_step(sections, step, names)
    add_reactions(sections, party, party.name, names)


def add_reactions(sections: Sections, party: Party, name: str, names: Names) -> None:
    """The reactions of a service, with the bound of its read model."""
    lines = reaction_lines(party, name, names)
    for line in lines:
        react(sections, line)
    if shows(party) and any("project " in line for line in lines):
        model = model_of(party, names)
        sections.add(
            "consistency", f"  - {{rule: {model} is at most 5 s behind, kind: staleness, read: {model}, max: 5s}}"
        )


def add_step(sections: Sections, step: SagaStep, names: Names) -> None:
    """Put a step before the pivot of the first saga."""
    flows = sections.lines["flows"]
    at = next((at for at, line in enumerate(flows) if "pivot: yes" in line), None)
    at = at if at is not None else next(at for at, line in enumerate(flows) if "retriable: yes" in line)
    flows.insert(at, step.line(pivot=False))
    for line in step.events(names.key):
        sections.add("events", line)
    if step.owns:
        sections.add("storage", step.storage)


def react(sections: Sections, line: str) -> None:
    """Add a reaction to the last flow, which is a choreography."""
    sections.add("flows", line)
