"""The ledger of a document: the assumptions of its design, and then its own constants with the numbers that hang on them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

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
from partita.design.document.bus_matrix import NAMES, needs_of, winner
from partita.design.document.outside import outside
from partita.design.document.quantity import count, listed, plain, rate, size, span
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
    needs = needs_of(design)
    now, half = (NAMES[winner(replace(needs, peak=needs.peak * by))] for by in (1, 2))
    carried = ", ".join(f"{name} {each:,.0f}/s" for name, each in BUS_MESSAGES_PER_S.items())
    yield (
        f"Buses carry, untuned: {carried}; the peak here is {rate(needs.peak)}.", _owner(design),
        _at("half of each", "most points are those of", half, now), "measure an hour at the peak",
    )  # fmt: skip
    for stream in design.load.streams:
        if stream.steady.value > 0:
            budget = arithmetic.error_budget(stream)
            yield (
                f"{AVAILABILITY * 100:g} % of {rate(stream.steady.value)} {stream.name} end in their time.", _owner(design),
                _at(
                    f"{100 - (100 - AVAILABILITY * 100) / 2:g} %", f"{stream.name} a month that may fail =",
                    count(budget.amount / 2), budget.result,
                ),
                "an owner decides it",
            )  # fmt: skip


def _of_topics(design: Design) -> Iterator[_Own]:
    topics = topics_of(design)
    if not topics:
        return
    busiest = max(topics, key=lambda topic: topic.traffic.peak)
    peak, need = rate(busiest.traffic.peak), arithmetic.needed(busiest)
    slower = arithmetic.needed(busiest, handle_ms=HANDLE_MS * 2)
    roomier = arithmetic.needed(busiest, headroom=HEADROOM * 2)
    parts = f"the partitions of {busiest.name} ="
    owner = design.service(busiest.groups[0]).team if busiest.groups else _owner(design)
    yield (
        f"A consumer needs {HANDLE_MS:g} ms, with its commit, for each of the {peak} in {busiest.name}.", owner,
        _at(f"{HANDLE_MS * 2:g} ms", parts, f"{slower:,}", f"{need:,}"),
        "measure `partita consumers list`",
    )  # fmt: skip
    yield (
        f"A topic must bear {HEADROOM:g} times its peak, {busiest.name} so {HEADROOM:g} x {peak}.", owner,
        _at(f"{HEADROOM * 2:g} times", parts, f"{roomier:,}", f"{need:,}"),
        "`bus: {partitions: N}`",
    )  # fmt: skip
    for event in design.events:
        if event.compact:
            tail = arithmetic.disk(design, next(topic for topic in topics if event.name in topic.messages))
            yield (
                f"The cleaner leaves {span(TAIL_S)} of {event.name} uncompacted, at {rate(event.rate.value)}.", owner,
                
                _at(span(TAIL_S * 2), f"the topic of {event.name} has", size(tail.amount * 2), tail.result), "measure the topic",
            )  # fmt: skip
    sent = [command.name for command in design.commands][:2]
    if sent:
        disk = arithmetic.total_disk(design)
        of_commands = sum(arithmetic.disk(design, topic).amount for topic in topics if topic.kind == "commands")
        yield (
            f"A command such as {plain(sent)} takes {COMMAND_BYTES} B, and its topic keeps it {span(COMMANDS_KEPT_S)}.",
            _owner(design), _at(f"{COMMAND_BYTES * 2} B", "all topics take", size(disk.amount + of_commands), disk.result),
            "measure one record",
        )  # fmt: skip


def _of_sagas(design: Design) -> Iterator[_Own]:
    if design.sagas:
        saga = design.sagas[0]
        hops, today = arithmetic.hops(saga), arithmetic.machines_s(design, saga)
        yield (
            f"A hop takes {HOP_MS:g} ms at p95, and {saga.name} has {hops} of them.",
            _owner(design),
            _at(f"{HOP_MS * 2:g} ms", f"the machines of {saga.name} take", span(today + hops * HOP_MS / 1_000), span(today)),
            "measure `partita metrics`",
        )  # fmt: skip
    for service in design.services:
        if of_producer(design, service.name).steady > 0:
            rows, disk = arithmetic.backlog(design, service.name)
            yield (
                f"The bus is away for {span(OUTAGE_S)} at most, which is {rows.result} in {service.name}.", service.team,
                _at(span(OUTAGE_S * 2), f"the outbox of {service.name} takes", size(disk.amount * 2), disk.result),
                "an owner decides it",
            )  # fmt: skip
            return


def _of_calls(design: Design) -> Iterator[_Own]:
    for saga, step in outside(design)[:1]:
        peak = rate(of_event(design, design.event(saga.start)).peak)
        today, calls = arithmetic.machines_s(design, saga), arithmetic.calls_of(design, saga)
        yield (
            f"The provider behind {step.do} answers in {span(CALL_S)}, at a peak of {peak}.", design.service(step.at).team,
            _at(span(CALL_S * 2), f"the machines of {saga.name} take", span(today + calls * CALL_S), span(today)),
            "measure the provider",
        )  # fmt: skip


def _of_consumers(design: Design) -> Iterator[_Own]:
    busy = [(of_consumer(design, service.name).steady, service) for service in design.services]
    steady, service = max(busy, key=lambda pair: pair[0], default=(0.0, None))
    if service is not None and steady > 0:
        window = arithmetic.window_of(design, service.name)
        _, marks = arithmetic.window_rows(design, service.name, window)
        a_year = " a year" if window is None else ""
        yield (
            f"A mark takes {MARK_BYTES} B with its index, and {service.name} writes {rate(steady)} of them.", service.team,
            _at(f"{MARK_BYTES * 2} B", f"the {marks.name} is", size(marks.amount * 2) + a_year, marks.result),
            "measure `partita doctor`",
        )  # fmt: skip
    if total(design).peak > 0:
        back = arithmetic.recovery(design)
        yield (
            f"A dead process loses its partitions after {span(SESSION_S)}, at a peak of {rate(total(design).peak)}.",
            _owner(design), _at(span(SESSION_S * 2), f"the {back.name} is", span(back.amount * 2), back.result),
            "`session.timeout.ms`",
        )  # fmt: skip
    for model in design.read_models:
        time = arithmetic.replay(design, model)
        yield (
            f"A rebuild of {model.name} from {listed(model.inputs)} handles {REPLAY_PER_S:,.0f}/s.",
            design.service(model.service).team,
            _at(f"{REPLAY_PER_S / 2:,.0f}/s", f"the {time.name} takes", span(round(time.amount * 2)), time.result), "measure it",
        )  # fmt: skip


def _owner(design: Design) -> str:
    return design.service(design.sagas[0].at).team if design.sagas else "architect"


def _at(other: str, subject: str, changed: object, today: object) -> str:
    """A number under another value of its assumption."""
    return f"At {other}: {subject} {changed}; today {today}."
