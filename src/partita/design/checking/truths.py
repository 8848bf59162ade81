"""Rules about the consistency that a brief asks for: whether anything can keep it."""

from __future__ import annotations

from collections.abc import Iterator

from partita.design.checking.indexed import Indexed, finding, span
from partita.design.model.finding import Finding
from partita.design.model.rule import Rule

POLLING_S = 1.0
"""A worker that missed its bell looks again after this time (`runtime/background/same_database.py`)."""
NEEDS = {
    "exactly-once-effect": ("key",),
    "invariant": ("across",),
    "staleness": ("read", "max"),
    "strong-read": ("read",),
    "order": ("key",),
}
"""The keys without which a rule of a kind says nothing."""
EXAMPLES = {"key": "order_id", "across": "[Order, StockItem]", "read": "order_summary", "max": "2s"}


def needs(of: Indexed) -> Iterator[Finding]:
    """A rule has the facts that its kind needs."""
    for rule in of.design.rules:
        values = {"key": rule.key, "across": rule.across, "read": rule.read, "max": rule.max}
        for key in NEEDS.get(rule.kind, ()):
            if not values[key]:
                yield finding(
                    "rule-incomplete", rule.origin, key, f'"{rule.text}" is of the kind {rule.kind}, and has no `{key}`.',
                    "Nothing can keep it, and no test can show it.", f"{key}: {EXAMPLES[key]}",
                )  # fmt: skip


def effects(of: Indexed) -> Iterator[Finding]:
    """An effect that happens once has a key that messages carry; one that happens once for ever has a row that keeps it."""
    fields = {field.name for event in of.design.events for field in event.fields}
    for rule in of.design.rules:
        if rule.key and rule.key not in fields:
            yield finding(
                "unknown-key", rule.origin, rule.key, f'"{rule.text}" has the key {rule.key}, which no event has.',
                "A second one could not be recognised.", "key: a field of the events that it is about.",
            )  # fmt: skip
        owned = [name for name in rule.across if name in of.aggregates and of.aggregates[name].service]
        if rule.kind == "exactly-once-effect" and rule.window is None and not owned:
            yield finding(
                "forever-without-row", rule.origin, rule.key, f'"{rule.text}" holds for ever, and no aggregate keeps its key.',
                "Marks of messages are deleted after a window; only a row with a unique key remembers for ever.",
                f"across: [{_row(of, rule) or 'the aggregate whose row has the key'}], or a window.",
            )  # fmt: skip


def _row(of: Indexed, rule: Rule) -> str:
    """The last aggregate whose service answers with that key: the one that has the effect."""
    last = ""
    for _, step in of.design.steps:
        event = of.events.get(step.ok)
        if event is not None and rule.key in {field.name for field in event.fields}:
            last = next((each.name for each in of.design.aggregates if each.service == step.at), last)
    return last


def reads(of: Indexed) -> Iterator[Finding]:
    """A read model is behind its events: by how much is a promise, that it is not behind is none."""
    for rule in of.design.rules:
        if rule.kind not in ("staleness", "strong-read") or not rule.read:
            continue
        model = of.read_models.get(rule.read)
        if model is None:
            known = ", ".join(of.read_models) or "none"
            yield finding(
                "unknown-read-model", rule.origin, rule.read,
                f'"{rule.text}" is about {rule.read}, which no reaction keeps; there are: {known}.',
                "A bound on nothing is always kept.", f"does: project {rule.read}, at the reaction that keeps it.",
            )  # fmt: skip
        elif rule.kind == "strong-read":
            owners = sorted({of.events[name].by for name in model.inputs if name in of.events})
            yield finding(
                "strong-read-of-a-projection", rule.origin, rule.read,
                f'"{rule.text}" asks {rule.read} for the newest state, and {model.service} keeps it by events.',
                "An event is on its way for some time: a read model is always behind by that time.",
                f"kind: staleness, max: 2s; or read from {' or '.join(owners) or 'the owner'}, in its own transaction.",
            )  # fmt: skip
        elif rule.max is not None and rule.max < POLLING_S:
            yield finding(
                "staleness-tighter-than-polling", rule.origin, rule.read,
                f'"{rule.text}" allows {rule.max * 1_000:g} ms, and a consumer that missed its wake-up looks after '
                f"{POLLING_S:g} s.",
                "The bound would hold on most days, and break whenever a wake-up is lost.", "max: 2s",
            )  # fmt: skip


def audits(of: Indexed) -> Iterator[Finding]:
    """An audit is kept by event-sourced aggregates, or by topics that keep their events as long."""
    if any(each.stored.value == "event-sourced" for each in of.design.aggregates):
        return
    longest = max((each.retention.value or float("inf") for each in of.design.events), default=0.0)
    for rule in of.design.rules:
        if rule.kind == "audit" and (rule.keep or float("inf")) > longest:
            keep = span(rule.keep) if rule.keep else "ever"
            yield finding(
                "audit-without-history", rule.origin, rule.kind,
                f'"{rule.text}" asks for {keep}; every aggregate is a row, and topics keep events for {span(longest)}.',
                "A row has its present state alone: what was decided before, and on which facts, is gone.",
                "storage: {NAME: event-sourced} for the aggregate with the decisions.",
            )  # fmt: skip


def ordering(of: Indexed) -> Iterator[Finding]:
    """Order by key needs a bus that has partitions or one consumer for each key."""
    for rule in of.design.rules:
        if rule.kind == "order" and of.design.bus.use.value == "eventbridge":
            yield finding(
                "order-without-partitions", rule.origin, rule.key,
                f'"{rule.text}" asks for the order of {rule.key}, and EventBridge delivers in any order.',
                "A later event of a key overtakes an earlier one.", "bus: {use: kafka}, or no such rule.",
            )  # fmt: skip


def invariants(of: Indexed) -> Iterator[Finding]:
    """A saga over the services of an invariant keeps it."""
    for rule in of.design.rules:
        for name in rule.across:
            if name not in of.aggregates or not of.aggregates[name].service:
                yield finding(
                    "unknown-aggregate", rule.origin, name, f'"{rule.text}" is about {name}, which no service owns.',
                    "No transaction could keep it.", f"owns: [{name}] at its service.",
                )  # fmt: skip
        services = {of.aggregates[name].service for name in rule.across if name in of.aggregates} - {""}
        sagas = [{saga.at, *(step.at for step in saga.steps)} for saga in of.design.sagas]
        if rule.kind == "invariant" and len(services) > 1 and not any(services <= parties for parties in sagas):
            names = " and ".join(sorted(services))
            yield finding(
                "invariant-without-saga", rule.origin, ", ".join(rule.across),
                f'"{rule.text}" is about aggregates of {names}, and no saga directs these services.',
                "No transaction covers two databases: without a saga one of them keeps its change when the other refuses.",
                f"a flow of the style orchestration with steps at {names}, or both aggregates in one service.",
            )  # fmt: skip
