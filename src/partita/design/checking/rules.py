"""The rules of the check by name, and the walk through all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from partita.design.checking import clauses, flows, keys, messages, parties, sagas, times, truths
from partita.design.checking.indexed import Indexed, finding
from partita.design.model.design import Design
from partita.design.model.finding import Finding

Check = Callable[[Indexed], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The findings to mend, and those that the brief accepts with a reason."""

    to_mend: tuple[Finding, ...]
    accepted: tuple[tuple[Finding, str], ...]


CHECKS: tuple[Check, ...] = (
    parties.unknown_services,
    parties.unknown_events,
    parties.taken_names,
    parties.aggregates,
    parties.orphans,
    messages.keys,
    messages.personal_data,
    messages.lossy,
    messages.revisions,
    messages.records,
    messages.reference,
    sagas.undos,
    sagas.order,
    sagas.groups,
    sagas.refusals,
    sagas.ends,
    sagas.filled,
    flows.outcomes,
    flows.refusals_heard,
    flows.command_owners,
    times.deadlines,
    times.waits,
    times.windows,
    truths.needs,
    truths.effects,
    keys.coarse_keys,
    truths.reads,
    truths.audits,
    truths.ordering,
    truths.invariants,
    clauses.keepers,
)
RULES = {
    "unknown-service": "an event, a step or a reaction names a service that is not declared",
    "unknown-event": "a reaction, a saga or a load names an event that is not declared",
    "taken-name": "an event, a command and a saga have one name",
    "two-owners": "two services own one aggregate",
    "unowned-aggregate": "an aggregate has a storage and no service",
    "orphan-event": "no service hears an event",
    "orphan-service": "a service publishes nothing, hears nothing and takes no command",
    "key-not-in-payload": "the key of an event is none of its fields",
    "key-not-always": "the key is no text or whole number that each message has",
    "personal-key": "the key is personal data",
    "pii-in-compacted-topic": "a compacted topic has personal data",
    "outbox-overload": "more than 10,000 events of one type a second go through an outbox",
    "lossy-but-needed": "a saga waits for an event that may be lost",
    "later-without-default": "a field of a later revision has no default",
    "record-without-fields": "a record has no fields",
    "reference-record": "`OrderPlaced` of a domain of orders differs from the contract of reference",
    "step-without-undo": "a step before the pivot cannot be taken back",
    "pivot-without-undo": "the pivot cannot be taken back when its answer is missing at the deadline",
    "undo-without-answer": "`undo` has no `undone`, or the other way round",
    "refusable-undo": "the command of an undo may be refused",
    "step-after-pivot": "a step that may be refused comes after the point of no return",
    "undo-after-pivot": "a step after the point of no return has an undo",
    "group-apart": "a step is sent with one that is not above it, or another step is between them",
    "pivot-in-group": "the pivot is sent together with other steps",
    "mixed-group": "of the steps that are sent together some can be undone and some cannot",
    "group-of-one-answer": "two steps that are sent together have one answer",
    "refused-retriable": "a step that is sent until it is done may be refused",
    "no-refusal": "a step before the point of no return has no `fail`",
    "no-failed": "a saga that may be undone has no event for it",
    "failed-never": "a saga that is never undone has an event for it",
    "end-not-filled": "the event that ends an undone saga has a field that neither the start event nor the reason fills",
    "outcome-of-another-service": "the answer to a command is an event of another service",
    "answer-without-key": "an answer does not have the key of its saga",
    "refusal-heard": "a reaction hears a refusal, which only the sender of the command gets",
    "command-of-two": "one command goes to two services, or has two answers",
    "deadline-shorter-than-steps": "the timeouts of the steps are longer than the deadline together",
    "retries-longer-than-timeout": "the waits between tries in place are longer than the timeout",
    "reminder-after-timeout": "a reminder, an escalation or a timer comes when nothing waits any more",
    "timeout-contradicts-step": "`on_timeout` asks a person for an outcome, or gives up a step after the point of no return",
    "window-shorter-than-retries": "a message may come back after it was forgotten",
    "window-not-kept": "an effect is to happen once for longer than consumers know messages",
    "forever-without-row": "an effect is to happen once for ever, and no aggregate keeps its key",
    "rule-incomplete": "a rule lacks what its kind needs",
    "unknown-key": "the key of an effect is a field of no event",
    "key-too-coarse": "an effect happens once by a key that has several of its commands",
    "unknown-read-model": "a rule is about a read model that no reaction keeps",
    "strong-read-of-a-projection": "the newest state is asked of a read model that is kept by events",
    "staleness-tighter-than-polling": "a read model may be behind by less than 1 s",
    "audit-without-history": "an audit is asked for, and no aggregate is event-sourced",
    "order-without-partitions": "order by key is asked of a bus without it",
    "unknown-aggregate": "a rule is about an aggregate that no service owns",
    "invariant-without-saga": "an invariant spans services that no saga directs",
    "clause-not-kept": "`answers` names a part that keeps a clause, and the brief has no such part",
    "accepts-nothing": "`accept` names a finding that is not there, or a contradiction",
}
"""Each rule, and the place where it finds something."""
ACCEPTABLE = ("orphan-event", "orphan-service", "reference-record", "personal-key")
"""The rules of which a brief may say with a reason that they do not hold for it; all others are contradictions."""


def check(design: Design) -> Verdict:
    """All findings in the order of their lines."""
    indexed = Indexed(design)
    found = sorted({each for rule in CHECKS for each in rule(indexed)})
    reasons = {(each.rule, each.at): each.why for each in design.accepted if each.rule in ACCEPTABLE}
    accepted = tuple((each, reasons[each.rule, each.at]) for each in found if (each.rule, each.at) in reasons)
    unused = _unused(design, {(each.rule, each.at) for each, _ in accepted})
    to_mend = (each for each in found if (each.rule, each.at) not in reasons)
    return Verdict(tuple(sorted([*to_mend, *unused])), accepted)


def _unused(design: Design, used: set[tuple[str, str]]) -> Iterator[Finding]:
    for each in design.accepted:
        if (each.rule, each.at) not in used:
            what = f"`accept` names {each.rule} at {each.at}, and there is no such finding."
            if each.rule not in ACCEPTABLE:
                what = f"`accept` names {each.rule}, which no reason makes right."
            why = "A line that accepts nothing hides the next finding of that name."
            may = f"no such line; these may be accepted: {', '.join(ACCEPTABLE)}."
            yield finding("accepts-nothing", each.origin, each.at, what, why, may)
