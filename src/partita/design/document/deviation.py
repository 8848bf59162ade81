"""The deviations of a design from a clause of an answer: the bounds within which its keepers keep it, from the facts alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from partita.design.brief.asking.amounts import times_in
from partita.design.checking.keys import commands_named
from partita.design.document import arithmetic
from partita.design.document.assumed import AWAY_S
from partita.design.document.block import A, Mark, R
from partita.design.document.clashes.found import questions
from partita.design.document.clashes.promising import limit_of, spanning
from partita.design.document.clashes.repeating import LIMITED
from partita.design.document.outside import outside
from partita.design.document.quantity import count, listed, rate, span
from partita.design.document.rule_words import ANY_ORDER, CEILING
from partita.design.document.traffic import of_event
from partita.design.document.view import View
from partita.design.model.keeper import Keeper
from partita.design.model.origin import Fact, Origin
from partita.design.model.rule import Rule
from partita.design.model.saga import SagaDesign, StepDesign

Source = Mark | Origin | Fact[Any]


@dataclass(frozen=True, slots=True)
class Deviation:
    """The words for it, and its weight: the heavier, the earlier a reader has to know it. `of` are the facts that it is computed
    from, `about` is the part of a clash that says the same."""

    text: str
    weight: float
    of: tuple[Source, ...]
    about: str = ""


def deviations(view: View, said: str, keeper: Keeper) -> Iterator[Deviation]:
    """The deviations of one keeper of a clause."""
    if keeper.rule is not None:
        yield from _of_rule(view, said, keeper.rule)
    elif keeper.kind == "time" and keeper.key == "timeout" and keeper.step is not None and keeper.step.human:
        yield from _of_person(view, keeper.saga, keeper.step)
    elif keeper.kind == "load":
        yield from _of_load(view, keeper)
    elif keeper.kind == "read model":
        columns = "its columns are no part of the design"
        yield Deviation(columns, 40, (R,))
    elif keeper.kind == "reaction" and times_in(said):
        waits = arithmetic.retry_time(view.design)
        text = f"no alarm after {' or '.join(times_in(said))}: {waits.result} of retries, then a dead letter waits"
        yield Deviation(text, 45, (waits.mark,))


def _of_rule(view: View, said: str, rule: Rule) -> Iterator[Deviation]:
    if rule.kind == "exactly-once-effect":
        yield from _of_effect(view, rule)
    elif rule.kind == "invariant":
        yield from _of_invariant(view, rule)
    elif rule.kind == "staleness" and rule.max is not None:
        yield from _of_read_model(view, said, rule, rule.max)
    elif rule.kind == "order" and not ANY_ORDER.search(rule.text):
        yield from _of_order(view, rule)
    elif rule.kind == "outbox":
        yield from _of_outage(view, said)
    elif rule.kind == "audit":
        rows = [each.name for each in view.design.aggregates if each.stored.value != "event-sourced"]
        if rows:
            stored = tuple(each.stored for each in view.design.aggregates)
            yield Deviation(f"{listed(rows)}: the present row alone, no history", 50, stored)


def _of_effect(view: View, rule: Rule) -> Iterator[Deviation]:
    """A window bounds marks; a call to a provider is one effect only as far as the provider knows its key."""
    found = []
    if rule.window is not None and not LIMITED.search(rule.text):
        found.append(f"{span(rule.window)} by the mark, later by the number of its message and `dedupe_by`")
    named = {command.name for command in commands_named(view.design, rule)}
    calls = [step for _, step in outside(view.design) if step.do in named or not named][:1]
    for step in calls:
        asked = _asked(view, f"behind {step.do} ")
        found.append(f"if the provider behind `{step.do}` honours the key{asked}")
    if found:
        yield Deviation("; ".join(found), 90 if calls else 60, (rule.bound, *(step.origin for step in calls)))


def _of_invariant(view: View, rule: Rule) -> Iterator[Deviation]:
    """A limit holds where it is compared; an equation over two databases holds as an interval while a saga runs."""
    limited = limit_of(view, rule)
    if limited is not None:
        _, last, limit, is_known = limited
        of = (rule.bound, view.design.command(last.do).origin)
        if is_known:
            yield Deviation(
                f"checked by `{last.at}` where `{last.do}` commits, against {limit} of that command", 60, of
            )
        else:
            asked = _asked(view, f"bounds `{last.do}`")
            yield Deviation(f"not checked yet: `{last.do}` does not carry {limit}{asked}", 95, of)
        return
    wide = None if CEILING.search(rule.text) else spanning(view, rule)
    if wide is not None:
        saga, step = wide
        each = of_event(view.design, view.design.event(saga.start))
        gap = f"{rate(each.peak)} x {span(step.timeout.value)} = {count(each.peak * step.timeout.value)}"
        of_gap = (rule.bound, each.mark, step.timeout)
        yield Deviation(f"while `{saga.name}` runs: apart by {gap} at most", 65, of_gap)


def _of_read_model(view: View, said: str, rule: Rule, most: float) -> Iterator[Deviation]:
    back, waits = arithmetic.recovery(view.design), view.design.failure.retry_topics
    found: list[tuple[str, Source]] = []
    if rule.bound.mark == "assumed" and not times_in(said):
        found.append((f"{span(most)} is assumed", rule.bound))
    if back.amount > most:
        found.append((f"{back.result} after a process died", back.mark))
    if waits.value and waits.value[0] > most:
        found.append((f"{span(waits.value[0])} after a failed message", waits))
    if found:
        yield Deviation("; ".join(text for text, _ in found), 62, (rule.bound, *(source for _, source in found)))


def _of_order(view: View, rule: Rule) -> Iterator[Deviation]:
    topics = [each.name for each in view.topics if each.kind == "events" and rule.key in each.keys]
    if len(topics) > 1:
        text = f"the events of one {rule.key} in {len(topics)} topics, as {listed(topics[:2])}, may pass each other"
        yield Deviation(f"within a topic; {text}", 55, (rule.bound,))


def _of_outage(view: View, said: str) -> Iterator[Deviation]:
    """Nothing is lost while a participant is away, and the sagas that wait for it are given up."""
    for saga, step in view.design.steps:
        early = saga.steps.index(step) <= saga.pivot and not step.human and step.on_timeout.value != "retry"
        if early and step.timeout.value < AWAY_S and step.at != saga.at and step.at in said.lower():
            each = of_event(view.design, view.design.event(saga.start))
            lost = f"{rate(each.peak)} x {span(AWAY_S)} = {count(each.peak * AWAY_S)}"
            ended = f"end as `{saga.failed}`" if saga.failed else "are undone"
            yield Deviation(
                f"no message is lost, but each `{saga.name}` is given up after {span(step.timeout.value)}: {lost} "
                f"{ended}{_asked(view, f'without `{step.at}`')}",
                98,
                (A, step.timeout, each.mark),
                f"away: {step.at}",
            )
            return


def _of_person(view: View, saga: SagaDesign | None, step: StepDesign) -> Iterator[Deviation]:
    if saga is not None and step.on_timeout.value == "undo" and step.kind != "retriable":
        asked = _asked(view, f"no person decided within {span(step.timeout.value)}")
        text = f"at {span(step.timeout.value)} a clock ends `{saga.name}` in the person's place{asked}"
        yield Deviation(text, 92, (step.timeout, step.on_timeout))


def _of_load(view: View, keeper: Keeper) -> Iterator[Deviation]:
    for topic in view.topics:
        need, has = arithmetic.needed(topic), view.design.bus.partitions
        if need > has.value:
            text = f"`{topic.name}` needs {need} partitions at the peak of {keeper.of} and has {has.value}"
            yield Deviation(text, 88, (A, topic.traffic.mark, has))
            return


def _asked(view: View, words: str) -> str:
    """The number of the question with some words, in parentheses."""
    return next((f" ({each.id})" for each in questions(view) if words in each.text), "")
