"""Rules about names: services, events and aggregates that are not there, are there twice, or are of no use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from difflib import get_close_matches

from partita.design.brief.deriving.verbs import not_done_of, timer_answer_of
from partita.design.checking.indexed import Indexed, finding
from partita.design.model.finding import Finding
from partita.design.model.origin import Origin


def unknown_services(of: Indexed) -> Iterator[Finding]:
    """Every service that is named is declared."""
    named: list[tuple[str, Origin, str]] = [(each.by, each.origin, each.name) for each in of.design.events]
    named += [(step.at, step.origin, step.do) for _, step in of.design.steps]
    named += [(each.who, each.origin, each.who) for each in of.design.reactions]
    for service, origin, at in named:
        if service not in of.services:
            near = get_close_matches(service, of.services, 1)
            write = f"{near[0]}, or " if near else ""
            yield finding(
                "unknown-service", origin, at, f"{at} names the service {service}, which is not declared.",
                "No process would publish, take or hear the message.",
                f"{write}{service}: {{team: ...}} under `consumers`.",
            )  # fmt: skip


def unknown_events(of: Indexed) -> Iterator[Finding]:
    """Every event that is heard, published or waited for is declared."""
    named: list[tuple[str, Origin, str]] = []
    for reaction in of.design.reactions:
        named += [(name, reaction.origin, reaction.who) for name in (*reaction.when, *reaction.gives)]
    for saga in of.design.sagas:
        named += [(name, saga.origin, saga.name) for name in (saga.start, saga.failed) if name]
    for _, step in of.design.steps:
        named += [(name, step.origin, step.do) for name in (step.ok, step.undone, *step.fail) if name]
    named += [(each.begins, each.steady.origin, each.name) for each in of.design.load.streams]
    for event, origin, at in named:
        if event not in of.events:
            near = get_close_matches(event, of.events, 1)
            write = f"{near[0]}, or " if near else ""
            yield finding(
                "unknown-event", origin, at, f"{at} names the event {event}, which is not declared.",
                "It would wait for a message that no service publishes.",
                f"{write}{event}: {{by: ..., key: ..., data: {{...}}}} under `events`.",
            )  # fmt: skip


def taken_names(of: Indexed) -> Iterator[Finding]:
    """Events, commands and sagas are classes of one program: no two have one name."""
    answers = {name for _, step in of.design.steps for name in of.design.waiting_answers(step)}
    times = Counter(each.name for each in of.design.events)
    seen = {name: "an event" for name, count in times.items() if name not in answers or count > 1}
    others = [(each.name, "a saga", each.origin) for each in of.design.sagas]
    commands = {name: step.origin for _, step in of.design.steps for name in (step.do, step.undo) if name}
    others += [(name, "a command", origin) for name, origin in commands.items()]
    others += [(each.name, "a command", each.origin) for each in of.design.commands if each.enters]
    for _, step in of.design.steps:
        for timer in step.timers:
            others.append((timer.do, f"a command that is sent while {step.do} waits", step.origin))
            others.append((timer_answer_of(timer.do), f"the answer to {timer.do}", step.origin))
        others += [(step.ask, f"the question about {step.do}", step.origin)] if step.ask else []
        others += [(not_done_of(step.do), f"the answer to {step.ask}", step.origin)] if step.ask else []
    for name, kind, origin in others:
        if name in seen and seen[name] != kind:
            yield finding(
                "taken-name", origin, name, f"{name} is {kind}, and {seen[name]} too.",
                "A reader, a schema and a program could not know which of them is meant.",
                "a command as an order (PlaceOrder), an event in the past tense (OrderPlaced).",
            )  # fmt: skip
        seen.setdefault(name, kind)


def aggregates(of: Indexed) -> Iterator[Finding]:
    """Every aggregate has one owner."""
    owners: dict[str, str] = {}
    for service in of.design.services:
        for name in service.owns:
            if name in owners:
                yield finding(
                    "two-owners", service.origin, name, f"{service.name} owns {name}, and {owners[name]} owns it too.",
                    "Two databases would hold it, and no transaction keeps them equal.",
                    f"owns: [{name}] at one of them; the other one hears its events.",
                )  # fmt: skip
            owners.setdefault(name, service.name)
    for aggregate in of.design.aggregates:
        if not aggregate.service:
            yield finding(
                "unowned-aggregate", aggregate.origin, aggregate.name, f"No service owns {aggregate.name}.",
                "It has a storage, and no service that changes it.", f"owns: [{aggregate.name}] at its service.",
            )  # fmt: skip


def orphans(of: Indexed) -> Iterator[Finding]:
    """Every event is heard, and every service does something. While a name is unknown, its owner only seems to be an orphan."""
    if any(unknown_services(of)) or any(unknown_events(of)):
        return
    heard = {name for each in of.design.reactions for name in each.when}
    waited = {saga.start for saga in of.design.sagas}
    waited |= {name for _, step in of.design.steps for name in (step.ok, step.undone, *step.fail)}
    waited |= {name for _, step in of.design.steps for name in of.design.waiting_answers(step)}
    waited |= {name for each in of.design.commands for name in each.refusals}  # the sender of a command has its answer
    for event in of.design.events:
        if event.name not in heard | waited:
            yield finding(
                "orphan-event", event.origin, event.name, f"No service hears {event.name}.",
                "It is published, stored and kept compatible for no reader.",
                f"a reaction with `when: {event.name}` in a choreography, or leave the event out.",
            )  # fmt: skip
    busy = {each.by for each in of.design.events} | {each.who for each in of.design.reactions}
    busy |= {step.at for _, step in of.design.steps}
    for service in of.design.services:
        if service.name not in busy:
            yield finding(
                "orphan-service", service.origin, service.name,
                f"{service.name} publishes nothing, hears nothing and takes no command.",
                "A team would run a process without work.",
                f"a reaction of {service.name} in a choreography, or leave the service out.",
            )  # fmt: skip
