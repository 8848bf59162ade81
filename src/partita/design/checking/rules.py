"""The rules of the check by name, and the walk through all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from partita.design.checking import flows, messages, parties, sagas, times, truths
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
    truths.reads,
    truths.audits,
    truths.ordering,
    truths.invariants,
)
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
