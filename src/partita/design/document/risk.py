"""The risks of a design, found in it and sorted by weight."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from partita.design.document import arithmetic
from partita.design.document.block import A, Mark, mark_of, weakest
from partita.design.document.quantity import count, listed, one, rate, span, words
from partita.design.document.rule_words import CEILING
from partita.design.document.view import View
from partita.design.model.saga import SagaDesign


@dataclass(frozen=True, slots=True)
class Risk:
    """A risk: the heavier, the earlier it is named."""

    weight: float
    text: str
    mark: Mark


def risks(view: View) -> list[Risk]:
    """The risks of a design, the heaviest first."""
    found = [*_of_sagas(view), *_of_rules(view), *_of_data(view), *_of_load(view)]
    return sorted(found, key=lambda risk: -risk.weight)


def _of_sagas(view: View) -> Iterator[Risk]:
    for saga in view.design.sagas:
        yield from _of_slack(saga)
        for position, step in enumerate(saga.steps):
            earlier = [each.do for each in saga.steps[:position] if each.undo]
            if step.human:
                yield Risk(
                    80,
                    f"`{step.at}` may hold {one(f'`{saga.name}`')} for {span(step.timeout.value)}; meanwhile the effects of "
                    f"{listed(earlier)} stay taken.",
                    mark_of(step.timeout),
                )
            elif step.kind == "pivot":
                yield Risk(
                    95,
                    f"The outcome of `{step.do}` is unknown when `{step.at}` does not answer in {span(step.timeout.value)}: "
                    f"asking again with the same key must not {words(step.do)} twice.",
                    weakest(step.timeout, step.origin),
                )
            if step.kind == "step" and not step.undo and not step.no_effect:
                yield Risk(
                    90,
                    f"`{step.do}` has no undo, although a later step of `{saga.name}` may be refused.",
                    weakest(step.origin),
                )


def _of_slack(saga: SagaDesign) -> Iterator[Risk]:
    slack = arithmetic.slack(saga)
    if slack.amount < 0.2 * saga.deadline.value:
        yield Risk(
            85,
            f"The slowest way of `{saga.name}` leaves {slack.result} of its deadline of {span(saga.deadline.value)} "
            "to undo it.",
            slack.mark,
        )


def _of_rules(view: View) -> Iterator[Risk]:
    for rule in view.design.rules:
        if rule.kind == "invariant" and len(rule.across) > 1 and not CEILING.search(rule.text):
            owners = [each.service for each in view.design.aggregates if each.name in rule.across]
            yield Risk(
                70,
                f'"{rule.text}" spans {listed(dict.fromkeys(owners) or rule.across)}: it holds when a saga has ended, '
                "and as an interval while one runs.",
                weakest(rule.origin),
            )
        if rule.kind == "exactly-once-effect" and rule.window is not None:
            horizon = arithmetic.retry_time(view.design).amount
            if horizon > 0.5 * rule.window:
                yield Risk(
                    88,
                    f"Retries take {span(horizon)} of the {span(rule.window)} for which {one(f'`{rule.key}`')} is known.",
                    weakest(rule.bound, view.design.failure.retry_topics),
                )
        if rule.kind == "staleness" and rule.max is not None:
            coming = sum(view.design.event(name).rate.value for name in _inputs(view, rule.read))
            yield Risk(
                40,
                f"`{rule.read}` is late by more than {span(rule.max)} as soon as its projection misses "
                f"{rate(coming)} x {span(rule.max)} = {count(coming * rule.max)} events.",
                weakest(rule.bound, *(view.design.event(name).rate for name in _inputs(view, rule.read))),
            )


def _inputs(view: View, read: str) -> list[str]:
    return [name for model in view.design.read_models if model.name == read for name in model.inputs]


def _of_data(view: View) -> Iterator[Risk]:
    held = [event for event in view.design.events if event.pii]
    if held:
        kept = max((event.retention.value or float("inf") for event in held), default=0.0)
        fields = [f"{event.name}.{name}" for event in held for name in event.pii]
        yield Risk(
            60,
            f"{listed(fields)} hold personal data in topics that keep it {span(None if kept == float('inf') else kept)}: "
            "erasing a person needs keys of their own.",
            weakest(*(event.retention for event in held)),
        )


def _of_load(view: View) -> Iterator[Risk]:
    for event in view.design.events:
        if event.lossy:
            yield Risk(
                65,
                f"`{event.name}` comes {rate(event.rate.value)} and goes past the outbox: its readers must bear a gap.",
                weakest(event.rate),
            )
    for topic in view.topics:
        need, has = arithmetic.needed(topic), view.design.bus.partitions.value
        if need > has:
            yield Risk(92, f"`{topic.name}` needs {need} partitions at its peak and has {has}.", A)
