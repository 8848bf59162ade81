"""The mechanism that keeps a rule of consistency, and the section that describes it."""

from __future__ import annotations

from partita.design.checking.keys import commands_named
from partita.design.document.quantity import listed, span
from partita.design.document.rule_words import ANY_ORDER, CEILING
from partita.design.document.view import View
from partita.design.model.design import Design
from partita.design.model.message import CommandDesign
from partita.design.model.rule import Rule
from partita.design.model.saga import SagaDesign


def keeper(view: View, rule: Rule) -> tuple[str, str]:
    """The mechanism that keeps a rule, in words of its design, and the number of a section."""
    design = view.design
    if rule.kind == "exactly-once-effect" and rule.window is None and rule.across:
        return f"`{rule.key}` unique in {listed(rule.across)} without an end, in the transaction of the effect", "11"
    if rule.kind == "exactly-once-effect":
        return f"a mark by `{rule.key}` in the transaction of the effect, known {span(rule.window)}", "11"
    if rule.kind == "invariant":
        owners = owners_of(design, rule)
        sagas = [saga.name for saga in spanning(design, rule)]
        if len(owners) < 2:
            return f"one transaction of {listed(owners) if owners else listed(rule.across)}", "8"
        if CEILING.search(rule.text):
            return f"a comparison in the last of {listed(owners)}, as far as its command carries the limit", "0"
        return f"{listed(sagas)} between {listed(owners)}" if sagas else f"no saga spans {listed(owners)} yet", "4"
    if rule.kind == "staleness":
        return f"the lag of the group behind `{rule.read}`, alarmed at half of {span(rule.max)}", "12"
    if rule.kind == "outbox":
        return f"the outbox of {listed(dict.fromkeys(event.by for event in design.events if not event.lossy))}", "9"
    if rule.kind == "order" and ANY_ORDER.search(rule.text):
        return f"no handler needs an order; the groups keep that of `{rule.key}` all the same", "6"
    if rule.kind == "order":
        return f"`{rule.key}` is the key of its partition", "6"
    if rule.kind == "audit":
        kept = [each.name for each in design.aggregates if each.stored.value == "event-sourced"]
        return f"the streams of {listed(kept)}, kept {span(rule.keep)}", "7"
    return f"a read of `{rule.read}` in the database of its writer", "8"


def owners_of(design: Design, rule: Rule) -> list[str]:
    """The services that own the aggregates of a rule."""
    return list(dict.fromkeys(each.service for each in design.aggregates if each.name in rule.across))


def spanning(design: Design, rule: Rule) -> list[SagaDesign]:
    """The sagas with steps at every owner of a rule's aggregates."""
    owners = set(owners_of(design, rule))
    return [saga for saga in design.sagas if {step.at for step in saga.steps} | {saga.at} >= owners]


def commands_of(design: Design, rule: Rule) -> list[CommandDesign]:
    """The commands whose effect a rule bounds, else all by its key."""
    keyed = [each for each in design.commands if each.key == rule.key and not each.undoes]
    return commands_named(design, rule) or keyed
