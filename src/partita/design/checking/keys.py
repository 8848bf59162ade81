"""Rules about keys and their rates: a key that several commands share drops all but one of them."""

from __future__ import annotations

from collections.abc import Iterator

from partita.design.brief.deriving.verbs import words_of
from partita.design.checking.indexed import Indexed, finding
from partita.design.model.design import Design
from partita.design.model.finding import Finding
from partita.design.model.message import CommandDesign, EventDesign
from partita.design.model.rule import Rule

SHARE = 1.01
"""Rates differ by so much because of units alone."""


def coarse_keys(of: Indexed) -> Iterator[Finding]:
    """An effect that happens once by a key has a command that comes once by that key."""
    for rule in of.design.rules:
        base = begun(of.design, rule.key)
        if rule.kind != "exactly-once-effect" or base is None:
            continue
        for command in commands_named(of.design, rule):
            often = rate_of(of.design, command)
            if often > SHARE * base.rate.value:
                yield finding(
                    "key-too-coarse", rule.origin, rule.key,
                    f'"{rule.text}" by {rule.key}, and {command.name} comes {often / base.rate.value:.3g} times for '
                    f'each {base.name}.',
                    f"All but the first {command.name} of one {rule.key} would be dropped as duplicates.",
                    f"key: a field that each {command.name} has for itself.",
                )  # fmt: skip


def begun(design: Design, key: str) -> EventDesign | None:
    """The event with which a key begins: the start of a saga by that key, else the begin of a stream."""
    names = [saga.start for saga in design.sagas if saga.key == key]
    names += [stream.begins for stream in design.load.streams]
    found = [event for event in design.events if event.name in names and event.key == key and event.rate.value > 0]
    return next((event for name in names for event in found if event.name == name), None)


def rate_of(design: Design, command: CommandDesign) -> float:
    """The rate of a command at steady load: of one from outside that of its reply, else that of its saga's start."""
    rates = {event.name: event.rate.value for event in design.events}
    starts = [saga.start for saga, step in design.steps if step.do == command.name]
    return sum(rates.get(name, 0.0) for name in starts) if starts else rates.get(command.reply, 0.0)


def commands_named(design: Design, rule: Rule) -> list[CommandDesign]:
    """The commands by its key that a rule is about: those whose verb it has ("charged" of ChargePayment), else those of the
    aggregates that it names, else those whose thing it has."""
    keyed = [each for each in design.commands if each.key == rule.key and not each.undoes]
    owners = {each.service for each in design.aggregates if each.name in rule.across}
    things = [each for each in keyed if any(word.lower()[:5] in rule.text.lower() for word in words_of(each.name)[1:])]
    named = [each for each in keyed if speaks_of(rule.text, each.name)]
    return named or [each for each in keyed if each.to in owners] or things


def speaks_of(text: str, command: str) -> bool:
    """Whether a text has the verb of a command, in any of its forms."""
    verb = words_of(command)[0].lower()
    return verb[: max(4, len(verb) - 1)] in text.lower()
