"""Clashes of windows and keys: how long, and by which field, a second message is recognised."""

from __future__ import annotations

import re
from collections.abc import Iterator

from partita.design.checking.keys import begun, commands_named, rate_of
from partita.design.document.assumed import WEEKEND_S
from partita.design.document.block import A
from partita.design.document.clashes.clash import Clash
from partita.design.document.quantity import YEAR_S, count, lasting, listed, one, rate, span
from partita.design.document.view import View
from partita.design.model.rule import Rule

ENDLESS = re.compile(r"\b(at most once|never twice|only once|exactly once|not twice|once)\b", re.IGNORECASE)
LIMITED = re.compile(r"\b(within|hours?|days?|minutes?|weeks?|window)\b|\d", re.IGNORECASE)


def weekend(view: View) -> Iterator[Clash]:
    """A dead letter waits for longer than messages are known."""
    window = view.design.failure.window
    if window.value >= WEEKEND_S:
        return
    ended = [saga for saga in view.design.sagas if saga.deadline.value < WEEKEND_S]
    late = (
        f"; where its {listed([saga.name for saga in ended], 'or')} is undone by then, a tombstone refuses it"
        if ended
        else ""
    )
    first = view.topics[0].groups[0] if view.topics and view.topics[0].groups else view.design.services[0].name
    yield Clash(
        rule="weekend",
        between=f"messages known {lasting(window.value)} x a dead letter from Friday 18:00 to Monday 09:00 = 63 h",
        literally=f"a letter that `{first}` gets back on Monday is refused as too old, or has its effect twice",
        does=f"its mark stays until a person decides, whatever the {span(window.value)}: one effect{late}",
        owner=view.team(first),
        of=(
            A,
            window,
        ),
        weight=55,
    )


def retention(view: View) -> Iterator[Clash]:
    """Topics keep messages for longer than consumers know them."""
    window = view.design.failure.window.value
    longest = max((each.retention or float("inf") for each in view.topics if each.kind == "events"), default=0.0)
    if longest <= window:
        return
    kept = span(None if longest == float("inf") else longest)
    topic = next(each for each in view.topics if each.kind == "events")
    readers = listed(topic.groups, "or") if topic.groups else "a reader"
    yield Clash(
        rule="retention",
        between=f"messages known {lasting(window)} x `{topic.name}` and others kept {kept}",
        literally=f"{readers} that reads again from the start repeats each effect older than {span(window)}",
        does=f"the number of {one(' or '.join(topic.keys))} decides at any age: not above the last one, it is dropped. "
        f"Without a key an older one "
        "is a dead letter (`Expired`)",
        owner=view.team(topic.producers[0]),
        of=(
            view.design.failure.window,
            view.design.load.retention,
        ),
        weight=30,
    )


def endless(view: View) -> Iterator[Clash]:
    """A rule says "at most once" without an end, and its window has one."""
    for rule in _once(view):
        named = commands_named(view.design, rule)
        if rule.window is None or not ENDLESS.search(rule.text) or LIMITED.search(rule.text) or not named:
            continue
        command = named[0]
        yield Clash(
            rule="endless",
            about=rule.text,
            between=f'"{rule.text}" has no end x {one(rule.key)} is known {lasting(rule.window)}',
            literally=f"{one(f'`{command.name}`')} that comes again after {span(rule.window)} has a second effect",
            does=f"the window bounds marks alone. A copy is dropped at any age by the number of its {rule.key}, and "
            f"`dedupe_by` of the project remembers each {rule.key} at `{command.to}` without an end",
            owner=view.team(command.to),
            question=f"Is a second `{command.name}` for one {rule.key} after {span(rule.window)} ever right?",
            decides="Never: `window: forever` at the rule, with the aggregate whose row keeps the key in `across:`.",
            of=(rule.bound,),
            weight=85,
        )


def one_key_for_all(view: View) -> Iterator[Clash]:
    """One key recognises duplicates, and one service takes several commands with it."""
    for key in dict.fromkeys(rule.key for rule in _once(view)):
        for service in view.design.services:
            taken = [each for each in view.design.commands if each.to == service.name and each.key == key]
            undo = next((each for each in taken if each.undoes), None)
            if undo is None or len(taken) < 2:
                continue
            yield Clash(
                rule="one-key",
                between=f"duplicates known by {key} x {listed(each.name for each in taken)} of one {key} at "
                f"`{service.name}`",
                literally=f"`{undo.name}` is dropped as a duplicate of `{undo.undoes}`: its effect stays for ever",
                does=f"a command is known by its step: `{key}` and the name of the step, never `{key}` alone",
                owner=view.team(service.name),
                of=(*(each.origin for each in taken),),
                weight=35,
            )
            break


def several(view: View) -> Iterator[Clash]:
    """A key has several messages of one type: it cannot recognise their duplicates."""
    for event in view.design.events:
        base = begun(view.design, event.key)
        if base is None or event.lossy or event.kind != "event" or event.rate.value <= 1.01 * base.rate.value:
            continue
        share = event.rate.value / base.rate.value
        yield Clash(
            rule="several",
            between=f"{rate(event.rate.value)} `{event.name}` x {rate(base.rate.value)} `{base.name}`, both by {event.key}",
            literally=f"{rate(event.rate.value)} / {rate(base.rate.value)} = {share:.3g}; if {event.key} recognised "
            f"duplicates, all but the first "
            f"`{event.name}` were dropped",
            does=f"each `{event.name}` is known by its message id; {event.key} gives its order alone",
            owner=view.team(event.by),
            question=f"Which field makes {one(f'`{event.name}`')} the same one sent twice by its user?",
            decides=f"An effect by that field for `{event.name}`, and not by {event.key}.",
            of=(
                event.rate,
                base.rate,
            ),
            weight=65,
        )


def coarse(view: View) -> Iterator[Clash]:
    """The key of an effect is shared by several commands that it must happen for."""
    for rule in _once(view):
        for command in commands_named(view.design, rule):
            base = begun(view.design, rule.key)
            often = rate_of(view.design, command)
            if base is not None and often > 1.01 * base.rate.value:
                yield Clash(
                    rule="coarse-key",
                    between=f'"{rule.text}" by {rule.key} x {rate(often)} `{command.name}` for '
                    f"{rate(base.rate.value)} `{base.name}`",
                    literally=f"{rate(often)} / {rate(base.rate.value)} = {often / base.rate.value:.3g} for one "
                    f"{rule.key}, and all but one are dropped",
                    does="`partita design check` refuses it: `key-too-coarse`",
                    owner=view.team(command.to),
                    of=(
                        rule.bound,
                        base.rate,
                    ),
                    weight=99,
                )


def outlived(view: View) -> Iterator[Clash]:
    """An effect happens once for ever, and the record about it is kept for a time."""
    for rule in _once(view):
        audit = next((each for each in view.design.rules if each.kind == "audit" and each.keep is not None), None)
        named = commands_named(view.design, rule)
        if rule.window is not None or audit is None or not named:
            continue
        command, kept = named[0], audit.keep or YEAR_S
        rows = rate_of(view.design, command) * kept
        across = listed(rule.across) if rule.across else f"the row of {rule.key}"
        yield Clash(
            rule="outlived",
            between=f'"{rule.text}" x "{audit.text}"',
            literally=f"after {span(kept)} the record is deleted, and a second `{command.name}` of one {rule.key} passes",
            does=f"{across} keeps its unique {rule.key} for ever: {rate(rate_of(view.design, command))} x "
            f"{span(kept)} = {count(rows)} rows; the row "
            "needs no personal data",
            owner=view.team(command.to),
            question=f"May the row that remembers {one(rule.key)} stay after {span(kept)}?",
            decides=f"If not, `window: {_years(kept)}`, and {one(f'`{command.name}`')} older than that is refused.",
            of=(
                rule.bound,
                audit.bound,
                *(event.rate for event in view.design.events if event.name == command.reply),
            ),
            weight=58,
        )


def _years(seconds: float) -> str:
    return f"{seconds / YEAR_S:.0f}y" if seconds >= YEAR_S else f"{seconds / 86_400:.0f}d"


def _once(view: View) -> list[Rule]:
    return [rule for rule in view.design.rules if rule.kind == "exactly-once-effect" and rule.key]
