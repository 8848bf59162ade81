"""The ledger of a document: the assumptions of its design, and then its own constants with the numbers that hang on them."""

from __future__ import annotations

from collections.abc import Iterator

from partita.design.document import arithmetic
from partita.design.document.assumed import (
    AVAILABILITY,
    BUS_MESSAGES_PER_S,
    CALL_S,
    COMMAND_BYTES,
    COMMANDS_KEPT_S,
    HANDLE_MS,
    HEADROOM,
    HOP_MS,
    MARK_BYTES,
    OUTAGE_S,
    REPLAY_PER_S,
    SESSION_S,
    TAIL_S,
)
from partita.design.document.outside import outside
from partita.design.document.quantity import listed, plain, rate, span
from partita.design.document.topic import topics_of
from partita.design.document.traffic import of_consumer, of_event, of_producer, total
from partita.design.document.weight import weighed
from partita.design.model.design import Design
from partita.design.model.ledger import Assumption

_Own = tuple[str, str, str, str]
"""The assumption, its owner, the number that changes, and the line that replaces it."""


def ledger_of(design: Design) -> tuple[Assumption, ...]:
    """All assumptions, under one numbering: those of the design, those of its lines that carry weight, those of the document."""
    first = len(design.assumptions) + 1
    every = (*weighed(design), *_own(design))
    own = (Assumption(f"A-{number}", *parts) for number, parts in enumerate(every, first))
    return (*design.assumptions, *own)


def _own(design: Design) -> Iterator[_Own]:
    yield from _of_topics(design)
    yield from _of_sagas(design)
    yield from _of_calls(design)
    yield from _of_consumers(design)
    peak, chosen = rate(total(design).peak), design.bus.use.value
    carried = ", ".join(f"{name} {each:,.0f}/s" for name, each in BUS_MESSAGES_PER_S.items())
    yield (
        f"Buses carry, untuned: {carried}; the peak here is {peak}.", _owner(design),
        f"Section 5 may speak for another bus than {chosen}.", "measure an hour at the peak",
    )  # fmt: skip
    for stream in design.load.streams:
        if stream.steady.value > 0:
            budget = arithmetic.error_budget(stream)
            yield (
                f"{AVAILABILITY * 100:g} % of {rate(stream.steady.value)} {stream.name} end in their time.", _owner(design),
                f"Not {budget.result} of {stream.name} a month may fail.", "an owner decides it",
            )  # fmt: skip


def _of_topics(design: Design) -> Iterator[_Own]:
    topics = topics_of(design)
    if not topics:
        return
    busiest = max(topics, key=lambda topic: topic.traffic.peak)
    peak, need = rate(busiest.traffic.peak), arithmetic.needed(busiest)
    owner = design.service(busiest.groups[0]).team if busiest.groups else _owner(design)
    yield (
        f"A consumer needs {HANDLE_MS:g} ms for each of the {peak} in {busiest.name}, its share of the commit included.", owner,
        f"{busiest.name} does not need {need} partitions.", "measure `partita consumers list`",
    )  # fmt: skip
    yield (
        f"A topic must bear {HEADROOM:g} times its peak, {busiest.name} so {HEADROOM:g} x {peak}.", owner,
        f"{busiest.name} does not need {need} partitions.", "`bus: {partitions: N}`",
    )  # fmt: skip
    for event in design.events:
        if event.compact:
            yield (
                f"The cleaner leaves {span(TAIL_S)} of {event.name} uncompacted, at {rate(event.rate.value)}.", owner,
                f"The topic of {event.name} and its rebuilds change.", "measure the topic",
            )  # fmt: skip
    sent = [command.name for command in design.commands][:2]
    if sent:
        disk = arithmetic.total_disk(design).result
        yield (
            f"A command such as {plain(sent)} takes {COMMAND_BYTES} B, and its topic keeps it {span(COMMANDS_KEPT_S)}.",
            _owner(design), f"All topics do not take {disk} together.", "measure one record",
        )  # fmt: skip


def _of_sagas(design: Design) -> Iterator[_Own]:
    if design.sagas:
        way = arithmetic.p95(design, design.sagas[0])
        yield (
            f"A hop takes {HOP_MS:g} ms at p95, and {design.sagas[0].name} has {arithmetic.hops(design.sagas[0])} of them.",
            _owner(design), f"{way.name} is not {way.result}.", "measure `partita metrics`",
        )  # fmt: skip
    for service in design.services:
        if of_producer(design, service.name).steady > 0:
            rows, disk = arithmetic.backlog(design, service.name)
            yield (
                f"The bus is away for {span(OUTAGE_S)} at most, which is {rows.result} in {service.name}.", service.team,
                f"The outbox of {service.name} does not take {disk.result}.", "an owner decides it",
            )  # fmt: skip
            return


def _of_calls(design: Design) -> Iterator[_Own]:
    for saga, step in outside(design)[:1]:
        peak = rate(of_event(design, design.event(saga.start)).peak)
        yield (
            f"The provider behind {step.do} answers in {span(CALL_S)}, at a peak of {peak}.", design.service(step.at).team,
            f"The concurrency of {step.do} is another number, as is {arithmetic.p95(design, saga).name}.", "measure the provider",
        )  # fmt: skip


def _of_consumers(design: Design) -> Iterator[_Own]:
    busy = [(of_consumer(design, service.name).steady, service) for service in design.services]
    steady, service = max(busy, key=lambda pair: pair[0], default=(0.0, None))
    if service is not None and steady > 0:
        rows, size = arithmetic.window_rows(design, service.name, design.failure.window.value)
        yield (
            f"A mark takes {MARK_BYTES} B with its index, and {service.name} writes {rate(steady)} of them.", service.team,
            f"{size.name[0].upper()}{size.name[1:]} is not {size.result}.", "measure `partita doctor`",
        )  # fmt: skip
    if total(design).peak > 0:
        back = arithmetic.recovery(design)
        yield (
            f"A dead process loses its partitions after {span(SESSION_S)}, at a peak of {rate(total(design).peak)}.",
            _owner(design), f"The {back.name} is not {back.result}.", "`session.timeout.ms`",
        )  # fmt: skip
    for model in design.read_models:
        time = arithmetic.replay(design, model)
        yield (
            f"A rebuild of {model.name} from {listed(model.inputs)} handles {REPLAY_PER_S:,.0f}/s.",
            design.service(model.service).team, f"The {time.name} does not take {time.result}.", "measure it",
        )  # fmt: skip


def _owner(design: Design) -> str:
    return design.service(design.sagas[0].at).team if design.sagas else "architect"
