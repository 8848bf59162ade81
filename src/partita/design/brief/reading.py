"""The reader of briefs: a text in YAML becomes a design, with its assumptions and open questions."""

from __future__ import annotations

import re
from dataclasses import replace

from partita.design.brief.deriving.assumed_lines import assume_lines
from partita.design.brief.deriving.clauses import ask_about, clauses_of
from partita.design.brief.deriving.fields import is_default
from partita.design.brief.deriving.flows import choreographies_of, sagas_of
from partita.design.brief.deriving.ledger import Ledger
from partita.design.brief.deriving.load import load_of, rates_of, retention_of
from partita.design.brief.deriving.messages import commands_of, events_of
from partita.design.brief.deriving.questions import ask_all
from partita.design.brief.deriving.services import namespace_of, services_of
from partita.design.brief.deriving.storage import (
    accepted_of,
    aggregates_of,
    bus_of,
    compatibility_of,
    failure_of,
    read_models_of,
    rules_of,
)
from partita.design.brief.deriving.verbs import words_of
from partita.design.brief.deriving.waiting import answers_of_waiting, commands_of_waiting
from partita.design.brief.form import BRIEF, DEFAULTS, STYLES
from partita.design.brief.matching import Matching, shown
from partita.design.brief.nodes import Node, read_nodes
from partita.design.brief.part import Part
from partita.design.brief.refused import BriefRefused
from partita.design.model.design import Design
from partita.design.model.finding import Finding
from partita.design.model.origin import Fact

_ASSUMED = re.compile(r"^\s*[^\s#].*\s#[^'\"]*\bassumed\b[^'\"]*$")
"""A line with something before its comment, and the word `assumed` in the comment."""


def read_brief(text: str, source: str) -> Design:
    """The design of a brief. It may contradict itself: `partita.design.checking` finds that.

    Raises:
        BriefRefused: the text does not follow the form; it has all findings, each with its line and the words to write.
        SettingsError: PyYAML is not installed.
    """
    lines = [number for number, line in enumerate(text.splitlines(), 1) if _ASSUMED.search(line)]
    return _design(_matched(read_nodes(text, source), source), Ledger(source, frozenset(lines)), lines)


def _matched(node: Node, source: str) -> Part:
    matching = Matching()
    found = matching.value(node, BRIEF, "the brief")
    if found is not None and isinstance(found.of, Part):
        matching.findings += [*_styles(found.of), *_defaults(found.of), *_twice(found.of)]
        if not matching.findings:
            return found.of
    raise BriefRefused(source, matching.findings)


def _styles(brief: Part) -> list[Finding]:
    """The keys of a saga in a choreography, or the other way round: they would be dropped."""
    found = []
    why = "A saga directs steps; in a choreography services react by themselves. One flow is one of them."
    for name, part in brief.named("flows"):
        style = part.text("style")
        needed, foreign = STYLES.get(style, ((), ()))
        found += [
            Finding(part.line, "form", f"{name} is {style}, and has no `{key}`.", why, f"`{key}:` in {name}.")
            for key in needed
            if not part.has(key) and key not in part.refused
        ]
        found += [
            Finding(part.line_of(key), "form", f"{name} is {style}, and has `{key}`.", why, "a flow of its own for it.")
            for key in foreign
            if part.has(key)
        ]
    return found


def _twice(brief: Part) -> list[Finding]:
    """The services that are producers and consumers: the second line would be dropped."""
    begun = dict(brief.named("producers"))
    why = "Producers begin things and may react too; a second line for a service would be dropped."
    return [
        Finding(part.line, "form", f"{name} is a producer in line {begun[name].line}, and a consumer.", why, "it once.")
        for name, part in brief.named("consumers")
        if name in begun
    ]


def _defaults(brief: Part) -> list[Finding]:
    """The defaults that are no values of their field's type."""
    found = []
    rest = [each.part("data") for _, each in brief.named("events")]
    for data in rest:  # it grows by the fields of records
        for name, value in data.entries.items():
            field = value.of
            if not isinstance(field, Part):
                continue
            rest.append(field.part("fields"))
            if field.has("default") and not is_default(field):
                kind = field.text("type")
                what = f"{name}: the default {shown(field.text('default'))} is no value of the type {kind}."
                why = "A reader of an older message would get a value that the type does not have."
                write = "`optional: yes`, without a default." if kind not in DEFAULTS else f"a {kind}."
                found.append(Finding(field.line_of("default"), "form", what, why, write))
    return found


def _design(brief: Part, ledger: Ledger, assumed_lines: list[int]) -> Design:
    namespace = namespace_of(brief, ledger)
    services = services_of(brief, namespace, ledger)
    assume_lines(brief, services, ledger, assumed_lines)
    sagas = sagas_of(brief, services, ledger)
    choreographies = choreographies_of(brief, ledger)
    load = load_of(brief, sagas, ledger)
    rates = rates_of(brief, load, sagas, choreographies, ledger, services)
    events = events_of(brief, sagas, services, rates, retention_of(load), ledger)
    commands = commands_of(brief, events, sagas, choreographies, ledger)
    commands = (*commands, *commands_of_waiting(sagas, commands))
    events = (*events, *answers_of_waiting(sagas, commands, rates, retention_of(load), ledger))
    rules = rules_of(brief, ledger)
    design = Design(
        source=ledger.source,
        domain=brief.text("domain"),
        purpose=_purpose(brief, ledger),
        namespace=namespace,
        load=load,
        services=services,
        events=events,
        commands=commands,
        sagas=sagas,
        choreographies=choreographies,
        aggregates=aggregates_of(brief, services, events, ledger),
        read_models=read_models_of(choreographies, rules, ledger),
        rules=rules,
        failure=failure_of(brief, ledger),
        compatibility=compatibility_of(brief, ledger),
        bus=bus_of(brief, ledger),
        accepted=accepted_of(brief, ledger),
        clauses=clauses_of(brief, ledger),
    )
    ask_about(design.clauses, ledger)
    ask_all(design, ledger)
    return replace(design, assumptions=ledger.assumptions(), questions=ledger.questions())


def _purpose(brief: Part, ledger: Ledger) -> Fact[str]:
    if brief.has("purpose"):
        return ledger.fact(brief, "purpose", brief.text("purpose"))
    starts = [part.text("start") for _, part in brief.named("flows") if part.has("start")]
    begins = " and ".join(" ".join(words_of(name)).lower() for name in starts) or "its events"
    why = f"no `purpose:` is written; the sagas begin with {begins}"
    return Fact(f"Carry {brief.text('domain')} from {begins} to an end that is declared.", ledger.derived(why))
