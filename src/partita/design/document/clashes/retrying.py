"""Clashes of retries and outages with timeouts and deadlines."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from partita.design.document.assumed import AWAY_S
from partita.design.document.block import A
from partita.design.document.clashes.clash import Clash
from partita.design.document.quantity import count, listed, one, rate, span, words
from partita.design.document.traffic import of_event
from partita.design.document.view import View
from partita.design.model.saga import SagaDesign, StepDesign


def first_retry(view: View) -> Iterator[Clash]:
    """The first wait of the retry topics is longer than a step waits for its answer."""
    waits = view.design.failure.retry_topics.value
    for saga in view.design.sagas:
        short = [step for step in _given_up(saga) if waits and patience(saga, step) <= waits[0]]
        if not short:
            continue
        tightest = min(short, key=lambda step: patience(saga, step))
        limit = span(patience(saga, tightest))
        names = listed(step.do for step in short)
        yield Clash(
            rule="first-retry",
            between=f"first retry after {span(waits[0])} x {listed([tightest.do])} given up after {limit}",
            literally=f"one {listed((step.do for step in short), 'or')} that fails is undone before its first retry: "
            f"no retry topic saves it",
            does=f"tries in place come first; then `{saga.name}` undoes, and "
            f"{listed((step.undo for step in short if step.undo), 'or')} takes the "
            "failed command out of its retry topic",
            owner=view.team(tightest.at),
            question=f"May {names} take longer than {span(waits[0])}, so that a retry is in time?",
            decides=f"`timeout:` of {names} above {span(waits[0])}, or a first wait below {limit}.",
            of=(
                view.design.failure.retry_topics,
                *(step.timeout for step in saga.steps),
            ),
            weight=70,
        )


def ladder(view: View) -> Iterator[Clash]:
    """All waits together are longer than the deadline of a saga."""
    waits = view.design.failure.retry_topics.value
    total_s = sum(waits)
    over = " + ".join(span(wait) for wait in waits)
    for saga in view.design.sagas:
        if not waits or total_s < saga.deadline.value:
            continue
        late = sum(passed > saga.deadline.value for passed in itertools.accumulate(waits))
        forward = [step.do for step in saga.steps[saga.pivot + 1 :]]
        goes_on = f"; {listed(forward)} goes on after it, with an alert" if forward else ""
        yield Clash(
            rule="ladder",
            between=f"retries for {over} = {span(total_s)} x `{saga.name}` ends within {span(saga.deadline.value)}",
            literally=f"{late} of {len(waits)} waits end when `{saga.name}` has ended, and their messages act on a "
            f"closed {saga.key}",
            does=f"`{saga.name}` is undone at {span(saga.deadline.value)}; tombstones refuse its late commands{goes_on}",
            owner=view.team(saga.at),
            of=(
                view.design.failure.retry_topics,
                saga.deadline,
            ),
            weight=60,
        )


def outage(view: View) -> Iterator[Clash]:
    """A participant is away for longer than a step waits for it."""
    for saga in view.design.sagas:
        ended = [step for step in _given_up(saga) if step.at != saga.at and patience(saga, step) < AWAY_S]
        if not ended:
            continue
        step = next((each for each in ended if each.kind == "pivot"), ended[-1])
        each = of_event(view.design, view.design.event(saga.start))
        lost = each.peak * AWAY_S
        end = f"end as `{saga.failed}`" if saga.failed else "are undone"
        twice = f", so {words(step.do)} happens and is taken back" if step.undo else ""
        yield Clash(
            rule="outage",
            about=f"away: {step.at}",
            between=f"`{step.at}` away for {span(AWAY_S)} x `{step.do}` given up after {span(patience(saga, step))}",
            literally=f"{rate(each.peak)} x {span(AWAY_S)} = {count(lost)}; so many `{saga.name}` {end}, and at "
            f"steady load "
            f"{rate(each.steady)} x {span(AWAY_S)} = {count(each.steady * AWAY_S)}",
            does=f"as it says: nothing is lost, and `{step.undo or saga.name}` waits for `{step.at}` too. Back again, "
            f"it handles each "
            f"waiting `{step.do}` before its undo{twice}",
            owner=view.team(saga.at),
            question=f"Is an hour without `{step.at}` the end of {one(f'`{saga.name}`')}, or a wait?",
            decides=f"A wait: `on_timeout: {'ask' if step.on_timeout.value == 'ask' else 'retry'}` at `{step.do}`, and "
            f"`deadline:` of `{saga.name}` above {span(AWAY_S)}.",
            of=(
                A,
                step.timeout if step.on_timeout.value == "undo" else saga.deadline,
                each.mark,
            ),
            weight=95,
        )


def dead_letters(view: View) -> Iterator[Clash]:
    """The retries end before an outage does."""
    total_s = sum(view.design.failure.retry_topics.value)
    streams = [each for each in view.design.load.streams if each.peak.value > 0]
    if total_s >= AWAY_S or not streams:
        return
    stream = streams[0]
    letters = (AWAY_S - total_s) * stream.peak.value
    owner = view.design.sagas[0].at if view.design.sagas else view.design.services[0].name
    yield Clash(
        rule="dead-letters",
        between=f"retries end after {span(total_s)} x a database or provider is away for {span(AWAY_S)}",
        literally=f"({span(AWAY_S)} - {span(total_s)}) x {rate(stream.peak.value)} = {count(letters)}; so many of the "
        f"{stream.name} "
        "leave a dead letter",
        does="none: when a third of the latest messages of a type failed, its group tries one at a time (a storm); no "
        f"message of the {stream.name} uses up a wait",
        owner=view.team(owner),
        of=(
            A,
            view.design.failure.retry_topics,
            stream.peak,
        ),
        weight=75,
    )


def patience(saga: SagaDesign, step: StepDesign) -> float:
    """The time after which a missing answer undoes a step. One that is sent again, or asked about while its service is away,
    waits until the deadline: the question waits behind the command."""
    return step.timeout.value if step.on_timeout.value == "undo" else saga.deadline.value


def _given_up(saga: SagaDesign) -> list[StepDesign]:
    """The steps that a machine waits for, and that a missing answer undoes."""
    return [step for step in saga.steps[: saga.pivot + 1] if not step.human and step.on_timeout.value != "retry"]
