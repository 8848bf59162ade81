"""Linting the catalog: what a reader of another team would miss or misunderstand, found in the declarations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from partita.catalog.contract import Contract
from partita.flow.checking import check
from partita.flow.flow_map import flow_map
from partita.observability.catalog.entry import Entry, entries
from partita.observability.catalog.plain_name import is_plain
from partita.observability.catalog.rules import RULES, Severity
from partita.observability.catalog.tense import is_order, is_past
from partita.observability.declarations import Declarations
from partita.topics.declared import declared_topics

OF_THE_FLOW = ("unheard-event", "unhandled-command")
"""Rules that the flow map answers; `partita flow check` has them as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A finding about a message, a service or a topic. With an `accepted` reason, which its owner declared, it is no failure."""

    rule: str
    severity: Severity
    subject: str
    place: str
    what: str
    why: str
    instead: str
    accepted: str = ""


def lint(app: Declarations) -> tuple[Finding, ...]:
    """The findings of all rules, in the order of the rules; accepted ones too, with their reasons."""
    found = [entry for entry in entries(app) if not entry.becomes]
    contracts = app.catalog.contracts
    findings = [
        *_orphans(app),
        *(finding for entry in found for finding in _of_message(entry, contracts[entry.type])),
        *_two_owners(found, app),
        *_of_topics(app),
        *_of_services(app),
    ]
    order = list(RULES)
    return tuple(sorted(findings, key=lambda finding: order.index(finding.rule)))


def failures(findings: Iterable[Finding], *, strict: bool = False) -> list[Finding]:
    """The findings that fail a build: errors, and with `strict` also warnings, that no owner accepts."""
    return [each for each in findings if not each.accepted and (strict or each.severity == "error")]


def _finding(rule: str, entry: Entry, contract: Contract, what: str, field: str = "") -> Finding:
    """A finding about a message, accepted where its class says so."""
    of = RULES[rule]
    names = {
        "name": entry.declared_as,
        "wire_name": entry.wire_name,
        "owner": entry.owner,
        "topic": entry.topic,
        "field": field,
    }
    accept = f'Or say why it is right: class {entry.declared_as}(..., accept={{"{rule}": "the reason"}}).'
    return Finding(
        rule=rule,
        severity=of.severity,
        subject=entry.declared_as,
        place=entry.place,
        what=what,
        why=of.why,
        instead=f"{of.instead.format(**names)}{'' if entry.kind == 'refusal' else f' {accept}'}",
        accepted=contract.notes.accept.get(rule, ""),
    )


def _orphans(app: Declarations) -> Iterator[Finding]:
    for each in check(flow_map(app.catalog)):
        if each.rule in OF_THE_FLOW:
            yield Finding(
                rule=each.rule,
                severity=RULES[each.rule].severity,
                subject=each.message,
                place=str(each.place),
                what=each.what,
                why=each.why,
                instead=each.instead,
                accepted=each.accepted,
            )


def _of_message(entry: Entry, contract: Contract) -> Iterator[Finding]:
    name = entry.declared_as
    if not entry.meaning:
        yield _finding(
            "no-description", entry, contract, f"The {entry.kind} {name} of {entry.owner} has no description."
        )
    if entry.kind == "event" and not is_past(entry.wire_name):
        yield _finding("event-not-past", entry, contract, f"The event {entry.wire_name} is named in no past tense.")
    if entry.kind == "command" and not is_order(entry.wire_name):
        yield _finding("command-no-order", entry, contract, f"The command {entry.wire_name} is not named as an order.")
    if entry.key and not entry.key_meaning:
        what = f"The key {name}.{entry.key} has no description and no named type."
        yield _finding("key-without-meaning", entry, contract, what, contract.key_field or "")
    for field in entry.fields:
        if not (field.meaning or field.is_key or field.is_choice or is_plain(field.name)):
            what = f"The field {name}.{field.name} has no description, and its name does not say what it holds."
            yield _finding("field-without-meaning", entry, contract, what, field.name)
    if entry.personal and entry.kept == "for ever":
        what = f"{entry.topic} keeps {name}.{', '.join(entry.personal)} for ever."
        yield _finding("pii-kept-for-ever", entry, contract, what, entry.personal[0])
    if entry.personal and not entry.has_subject:
        what = f"{name} has personal data ({', '.join(entry.personal)}), and no field names the person."
        yield _finding("pii-without-subject", entry, contract, what)
    if entry.example is None:
        yield _finding("no-example", entry, contract, f"{name} has no example.")


def _two_owners(found: Sequence[Entry], app: Declarations) -> Iterator[Finding]:
    """Messages of one name and kind in two services, by any of their names."""
    first: dict[tuple[str, str], Entry] = {}
    for entry in found:
        for called in dict.fromkeys((entry.wire_name.casefold(), entry.declared_as.casefold())):
            held = first.setdefault((entry.kind, called), entry)
            if held.owner != entry.owner:
                what = f"{held.owner} and {entry.owner} both have the {entry.kind} {entry.called}: {held.type}, {entry.type}."
                yield _finding("two-owners", entry, app.catalog.contracts[entry.type], what)
                break


def _of_topics(app: Declarations) -> Iterator[Finding]:
    first: dict[str, tuple[str, str]] = {}
    for topic in declared_topics(app.catalog, app.topics):
        held, owner = first.setdefault(topic.name.replace(".", "_"), (topic.name, topic.owner))
        if (held, owner) != (topic.name, topic.owner):
            what = f"The topics {held} of {owner} and {topic.name} of {topic.owner} are one in Kafka's metrics."
            yield _of_service(app, "topics-collide", topic.owner, topic.name, what)


def _of_services(app: Declarations) -> Iterator[Finding]:
    for service in app.services:
        if service.messages and not service.team:
            yield _of_service(
                app,
                "owner-without-team",
                service.name,
                service.name,
                f"{service.name} owns messages and names no team.",
            )


def _of_service(app: Declarations, rule: str, owner: str, subject: str, what: str) -> Finding:
    of = RULES[rule]
    return Finding(
        rule=rule,
        severity=of.severity,
        subject=subject,
        place=str(app.catalog.service(owner).place),
        what=what,
        why=of.why,
        instead=of.instead.format(owner=owner),
    )
