"""The clauses of the answers, each with the parts that keep it and the bounds within which they do."""

from __future__ import annotations

from dataclasses import dataclass

from partita.design.document.block import PLANNED, Block, Heading, Mark, Row, row, table, weakest
from partita.design.document.clashes.found import questions
from partita.design.document.deviation import deviations
from partita.design.document.quantity import listed, rate, span
from partita.design.document.rule_keeping import keeper as mechanism
from partita.design.document.view import View
from partita.design.model.clause import Clause
from partita.design.model.keeper import Keeper, keepers_of

COLUMNS = "you said | kept by | deviation"
FIRST = 4
"""So many clauses are on the first page: with more of them it is a second one."""
_TITLES = {
    "remind": "reminders",
    "escalate": "escalation",
    "retry": "tries in place",
    "timers": "timers",
    "human": "a person",
}


@dataclass(frozen=True, slots=True)
class Answered:
    """A clause in the words of the document; the heavier, the earlier it is named. `parts` are the names of its keepers."""

    said: str
    kept_by: str
    deviation: str
    weight: float
    mark: Mark
    parts: tuple[str, ...]


def answered(view: View) -> list[Answered]:
    """Each clause of the answers, in their order."""
    known = keepers_of(view.design) if view.design.clauses else {}
    return [_answered(view, each, known) for each in view.design.clauses]


def first_clauses(view: View) -> tuple[list[Block], frozenset[str]]:
    """The clauses that nothing keeps and those with the heaviest deviations, for the first page, and the parts that they are
    about."""
    every = answered(view)
    bound = {each.deviation: each for each in reversed(every) if each.weight > 0}
    shown = sorted(bound.values(), key=lambda each: -each.weight)[:FIRST]
    if not shown:
        return [], frozenset()
    open_ = sum(each.mark is PLANNED for each in every)
    kept = f"{open_} not kept" if open_ else "all kept"
    heading = Heading(
        f"What you said: {len(every)} clauses, {kept}, {sum(each.weight > 0 for each in every) - open_} with a deviation"
    )
    parts = frozenset(part for each in shown for part in each.parts)
    return [heading, *table(COLUMNS, [_row(each) for each in shown])], parts


def all_clauses(view: View) -> list[Block]:
    """Each clause with its keepers, for the ledger."""
    rows = [_row(each) for each in answered(view)]
    return [Heading("What you said"), *table(COLUMNS, rows)] if rows else []


def _row(each: Answered) -> Row:
    return row(each.mark, f'"{each.said}"', each.kept_by, each.deviation)


def _answered(view: View, clause: Clause, known: dict[str, Keeper]) -> Answered:
    if not clause.kept:
        asked = next((each.id for each in questions(view) if f'"{clause.said}"' in each.text), "a question")
        return Answered(clause.said, f"nothing: {asked}", "not kept", 100.0, PLANNED, ())
    found = [known[name] for name in clause.kept if name in known]
    missing = [name for name in clause.kept if name not in known]
    kept = _kept_by(view, found)
    kept += [f"missing: {name}" for name in missing]
    bounds = [each for keeper in found for each in deviations(view, clause.said, keeper)]
    bounds.sort(key=lambda each: -each.weight)
    weight = 99.0 if missing else bounds[0].weight if bounds else 0.0
    text = "; ".join(dict.fromkeys(each.text for each in bounds)) or ("not kept" if missing else "-")
    mark = weakest(*(each.origin for each in found), *(source for each in bounds for source in each.of))
    parts = (*(each.of for each in found), *(each.about for each in bounds))
    return Answered(clause.said, "; ".join(dict.fromkeys(kept)), text, weight, mark, parts)


def _kept_by(view: View, found: list[Keeper]) -> list[str]:
    """The keepers in words with their sections; steps of one saga together, and reactions of one service."""
    groups: dict[tuple[str, str], list[Keeper]] = {}
    for each in found:
        kind = "step" if each.kind == "undo" else each.kind
        of = (
            (each.saga.name if each.saga is not None else "")
            if kind == "step"
            else each.of
            if kind == "reaction"
            else each.name
        )
        groups.setdefault((kind, of), []).append(each)
    return [_words(view, kind, of, group) for (kind, of), group in groups.items()]


def _words(view: View, kind: str, of: str, group: list[Keeper]) -> str:
    each = group[0]
    design = view.design
    names = listed(one.name for one in group)
    if kind == "step":
        return f"{names} of `{of}` (4)"
    if kind == "reaction":
        return f"`{of}` on {listed(one.key for one in group)} (3)"
    if each.rule is not None:
        words, section = mechanism(view, each.rule)
        return f"{words} ({'A' if section == '0' else section})"
    if kind == "load":
        stream = next(one for one in design.load.streams if one.name == each.of)
        return f"{rate(stream.steady.value)} and {rate(stream.peak.value)} at the peak, in all sizes (5, 6)"
    if kind == "time" and each.step is not None:
        return f"`timeout` {span(each.step.timeout.value)} (4)" if each.key == "timeout" else f"{_TITLES[each.key]} (4)"
    if kind == "deadline" and each.saga is not None:
        return f"`{each.of}` ends within {span(each.saga.deadline.value)} (4)"
    if kind == "retention":
        kept = design.load.retention.value
        return f"topics keep events {span(None if kept == float('inf') else kept)} (6)"
    if kind == "failure":
        waits = ", ".join(span(one) for one in design.failure.retry_topics.value)
        texts = {
            "retry_topics": f"retry topics {waits}", "window": f"messages known for {span(design.failure.window.value)}",
            "then": "dead letters", "alert": "an alert for each dead letter",
        }  # fmt: skip
        return f"{texts[each.key]} ({'11' if each.key == 'window' else '10'})"
    sections = {"event": "1", "field": "2", "saga": "4", "read model": "8", "time": "8", "aggregate": "7", "bus": "5"}
    if kind in sections:
        return f"{names} ({sections[kind]})"
    return f"the domain `{design.domain}`" if kind == "domain" else names
