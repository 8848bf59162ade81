"""The assumptions that carry weight: each assumed value is really changed, and the numbers of the design are computed again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from partita.design.brief.deriving.fields import BYTES, ENVELOPE_BYTES, ITEMS, bytes_of
from partita.design.document import arithmetic
from partita.design.document.quantity import count, lasting, rate, span
from partita.design.document.topic import topics_of
from partita.design.document.traffic import of_event
from partita.design.model.design import Design
from partita.design.model.origin import Fact
from partita.design.model.saga import SagaDesign

Weighed = tuple[str, str, str, str]
"""The assumption, its owner, the number that changes, and the line that replaces it."""
TIMES = 2.0
"""An assumed value is changed to so many times of it."""


def weighed(design: Design) -> Iterator[Weighed]:
    """The assumed values whose change alters a number, from the largest change to the smallest."""
    found = [*_of_steps(design), *_of_deadlines(design), *_of_load(design), *_of_sizes(design), *_of_times(design)]
    for _, each in sorted(found, key=lambda pair: -pair[0]):
        yield each


def _of_steps(design: Design) -> Iterator[tuple[float, Weighed]]:
    """A step that is given up later leaves more instances in flight."""
    for saga, step in design.steps:
        peak = of_event(design, design.event(saga.start)).peak
        early = saga.steps.index(step) <= saga.pivot
        if step.timeout.origin.mark != "assumed" or not early or peak <= 0:
            continue
        longer = replace(step, timeout=replace(step.timeout, value=step.timeout.value * TIMES))
        more = peak * (longer.timeout.value - step.timeout.value)
        changed = replace(saga, steps=tuple(longer if each is step else each for each in saga.steps))
        yield (
            more / peak,
            (
                f"{step.do} is given up after {span(step.timeout.value)}.",
                design.service(step.at).team,
                f"At {span(longer.timeout.value)}: {rate(peak)} x ({span(longer.timeout.value)} - "
                f"{span(step.timeout.value)}) = {count(more)}; so many "
                f"more {saga.name} in flight at the peak, if {step.at} is silent{_slack(saga, changed)}",
                f"`timeout:` of {step.do}",
            ),
        )


def _of_deadlines(design: Design) -> Iterator[tuple[float, Weighed]]:
    for saga in design.sagas:
        if saga.deadline.origin.mark == "assumed":
            longer = replace(saga, deadline=replace(saga.deadline, value=saga.deadline.value * TIMES))
            yield (
                30.0,
                (
                    f"{saga.name} has to end within {span(saga.deadline.value)}.",
                    design.service(saga.at).team,
                    f"At {span(longer.deadline.value)}: the time that is left for its undo{_slack(saga, longer, ' is')}",
                    f"`deadline:` of {saga.name}",
                ),
            )


def _of_load(design: Design) -> Iterator[tuple[float, Weighed]]:
    """A higher peak needs more partitions; a longer retention more disk."""
    for number, stream in enumerate(design.load.streams):
        if stream.peak.origin.mark == "assumed" and stream.peak.value > 0:
            higher = replace(stream, peak=_times(stream.peak))
            streams = tuple(higher if at == number else each for at, each in enumerate(design.load.streams))
            changed = replace(design, load=replace(design.load, streams=streams))
            before, after = _partitions(design), _partitions(changed)
            if before != after:
                yield (
                    90.0,
                    (
                        f"At the peak {rate(stream.peak.value)} {stream.name.replace('_', ' ')} come.",
                        "architect",
                        f"At {rate(higher.peak.value)}: the busiest topic needs = {after} partitions; today {before}",
                        "`peak:` of the load",
                    ),
                )
    kept = design.load.retention
    if kept.origin.mark == "assumed":
        disk = arithmetic.total_disk(design)
        more = arithmetic.total_disk(kept_for(design, kept.value * TIMES))
        if disk.result != more.result:
            yield (
                80.0,
                (
                    f"Topics keep events {lasting(kept.value)}.",
                    "architect",
                    f"At {span(kept.value * TIMES)}: the disk of all topics = {more.result}; today {disk.result}",
                    "`load: {retention: ...}`",
                ),
            )


def _of_sizes(design: Design) -> Iterator[tuple[float, Weighed]]:
    """Longer texts and longer lists need more disk."""
    before = arithmetic.total_disk(design)
    for what, size, longer in (
        ("A text has", BYTES["string"], {"text": int(BYTES["string"] * TIMES)}),
        ("A list has", ITEMS, {"items": int(ITEMS * TIMES)}),
    ):
        events = tuple(
            replace(each, bytes=replace(each.bytes, value=bytes_of(each.fields, **longer) + ENVELOPE_BYTES))
            if each.bytes.origin.mark == "assumed"
            else each
            for each in design.events
        )
        after = arithmetic.total_disk(replace(design, events=events))
        if after.result != before.result:
            unit = "bytes" if "text" in longer else "items"
            yield (
                20.0,
                (
                    f"{what} {size} {unit}.",
                    "architect",
                    f"At {size * TIMES:g} {unit}: the disk of all topics = {after.result}; today {before.result}",
                    "the fields that are missing, or a measured size",
                ),
            )


def kept_for(design: Design, seconds: float | None) -> Design:
    """The design with another retention of the topics that have the one of the load; None = for ever."""
    usual = design.load.retention.value
    events = tuple(
        replace(each, retention=replace(each.retention, value=seconds)) if each.retention.value == usual else each
        for each in design.events
    )
    return replace(design, events=events)


def _of_times(design: Design) -> Iterator[tuple[float, Weighed]]:
    """A longer window needs more rows; longer retries keep a failed message from a person for longer."""
    failure = design.failure
    busy = max(
        design.services,
        key=lambda each: arithmetic.window_rows(design, each.name, failure.window.value)[0].amount,
        default=None,
    )
    if failure.window.origin.mark == "assumed" and busy is not None:
        before, _ = arithmetic.window_rows(design, busy.name, failure.window.value)
        after, _ = arithmetic.window_rows(design, busy.name, failure.window.value * TIMES)
        if before.amount > 0:
            yield (
                40.0,
                (
                    f"Consumers know messages {lasting(failure.window.value)}.",
                    busy.team,
                    f"At {span(failure.window.value * TIMES)}: the marks of {busy.name} = {after.result}; today "
                    f"{before.result}",
                    "`failure: {window: ...}`",
                ),
            )
    if failure.retry_topics.origin.mark == "assumed" and failure.retry_topics.value:
        total_s = sum(failure.retry_topics.value)
        yield (
            35.0,
            (
                f"A failed message is tried for {span(total_s)} before it is a dead letter.",
                "architect",
                f"At twice each wait: ({arithmetic.retry_time(design).values}) x {TIMES:g} = {span(total_s * TIMES)} "
                f"until a person sees it",
                "`failure: {retry_topics: [...]}`",
            ),
        )


def _slack(saga: SagaDesign, changed: SagaDesign, verb: str = "; the time left for its undo is") -> str:
    before, after = arithmetic.slack(saga), arithmetic.slack(changed)
    return f"{verb} = {after.result}; today {before.result}"


def _partitions(design: Design) -> int:
    return max((arithmetic.needed(topic) for topic in topics_of(design)), default=0)


def _times(fact: Fact[float]) -> Fact[float]:
    return replace(fact, value=fact.value * TIMES)
