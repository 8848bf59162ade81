"""The lines of a brief that are marked as assumed, as assumptions: one for each part that a person would answer for by itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from partita.design.brief.deriving.ledger import Ledger
from partita.design.brief.deriving.services import ARCHITECT, owner_of
from partita.design.brief.part import Part, Value
from partita.design.model.service import ServiceDesign

NAMES_MAX = 4
_Subject = tuple[set[int], str, str, str, str]
"""The lines of a part, the assumption, its owner, its consequence, and the line to write."""


def assume_lines(brief: Part, services: tuple[ServiceDesign, ...], ledger: Ledger, assumed: Collection[int]) -> None:
    """Put each part with an assumed line into the ledger. Its times and rates are weighed by the document, each by itself."""
    for subject in (_of_services, _of_events, _of_flows, _of_storage, _of_rules, _of_values):
        for lines, text, owner, wrong, write in subject(brief, services):
            if lines & set(assumed):
                ledger.assume(text, owner, wrong, write)


def _of_services(brief: Part, services: tuple[ServiceDesign, ...]) -> Iterator[_Subject]:
    for name, part in (*brief.named("producers"), *brief.named("consumers")):
        team, database = part.text("team") or "of its own", part.text("db")
        stored = f", and has its own {database}" if database else ""
        wrong = f"alerts and dead letters of {name} reach another team" + (
            ", and its tables another database" if stored else ""
        )
        yield (
            _lines(part),
            f"{name} belongs to team {team}{stored}.",
            ARCHITECT,
            wrong,
            f"{name}: {{team: ..., db: ...}}",
        )


def _of_events(brief: Part, services: tuple[ServiceDesign, ...]) -> Iterator[_Subject]:
    events = brief.named("events")
    for by in dict.fromkeys(part.text("by") for _, part in events):
        own = [(name, part) for name, part in events if part.text("by") == by]
        lines = set().union(*(_lines(part) for _, part in own))
        fields = sum(len(part.part("data").entries) for _, part in own)
        text = f"{by} publishes {_plain([name for name, _ in own])}, with these keys and {fields} fields."
        wrong = f"{len(own)} schemas of {by} change, and each service that reads them"
        yield (
            lines,
            text,
            owner_of(services, by),
            wrong,
            f"lines {min(lines)} to {max(lines)} without the comment `# assumed`",
        )


def _of_flows(brief: Part, services: tuple[ServiceDesign, ...]) -> Iterator[_Subject]:
    begins = {name: part.text("by") for name, part in brief.named("events")}
    for name, part in brief.named("flows"):
        steps, lines = part.parts("steps"), _lines(part)
        owner = owner_of(services, begins.get(part.text("start"), ""))
        if steps:
            undos = sum(each.has("undo") for each in steps)
            text = f"{name} does {_plain([each.text('do') for each in steps])}, in this order."
            wrong = f"{len(steps)} steps and {undos} undos change, with their rows of the failure matrix"
        else:
            reacts = part.parts("reacts")
            text = f"{name} is a choreography: {_plain([each.text('does') for each in reacts])}."
            wrong = f"{len(reacts)} reactions change; one that may refuse is a step of a saga"
        yield lines, text, owner, wrong, f"lines {min(lines)} to {max(lines)} without the comment `# assumed`"


def _of_storage(brief: Part, services: tuple[ServiceDesign, ...]) -> Iterator[_Subject]:
    owners = {name: each.team for each in services for name in each.owns}
    for name, part in brief.named("storage"):
        other = "crud" if part.text("as") == "event-sourced" else "event-sourced"
        wrong = f"as {other}, {name} has other tables, and {'no' if other == 'crud' else 'a'} history to ask for"
        text = f"{name} is stored as {part.text('as')}."
        yield _lines(part), text, owners.get(name, ARCHITECT), wrong, f"storage: {{{name}: {{as: {other}}}}}"


def _of_rules(brief: Part, services: tuple[ServiceDesign, ...]) -> Iterator[_Subject]:
    for part in brief.parts("consistency"):
        rule = part.text("rule")
        wrong = "the parts that keep it do work that no person asks for"
        yield {part.line}, f'It must hold that "{rule}".', ARCHITECT, wrong, "the rule as a person says it, or no rule"


def _of_values(brief: Part, services: tuple[ServiceDesign, ...]) -> Iterator[_Subject]:
    for key, wrong in (
        ("namespace", "each topic and each type has another name"),
        ("compatibility", "other changes of schemas are allowed, and another side upgrades first"),
    ):
        if brief.has(key):
            yield {brief.line_of(key)}, f"The {key} is {brief.text(key)}.", ARCHITECT, wrong, f"{key}: ..."
    bus = brief.part("bus")
    for key, text, wrong in (
        ("use", "The bus is {}.", "its topics, rights and room for an outage are those of another bus"),
        ("partitions", "A topic has {} partitions.", "as many processes of one group work at once on a topic"),
        (
            "replication",
            "A record has {} copies.",
            "all brokers but one of so many may be lost; the disk changes by the same factor",
        ),
    ):
        if bus.has(key):
            yield {bus.line_of(key)}, text.format(bus.plain(key)), ARCHITECT, wrong, f"bus: {{{key}: ...}}"


def _lines(part: Part) -> set[int]:
    """The lines of a part with those of its values."""
    found = {part.line}
    waiting = list(part.entries.values())
    while waiting:
        value: Value = waiting.pop()
        found.add(value.line)
        if isinstance(value.of, Part):
            waiting += value.of.entries.values()
        elif isinstance(value.of, tuple):
            waiting += value.of
    return found


def _plain(names: list[str]) -> str:
    more = len(names) - NAMES_MAX
    shown = names[:NAMES_MAX] + ([f"{more} more"] if more > 0 else [])
    return f"{', '.join(shown[:-1])} and {shown[-1]}" if shown[1:] else "".join(shown)
