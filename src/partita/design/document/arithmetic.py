"""The numbers of a document, each with its formula, its values and its result.

A number that no person declared is computed here and nowhere else, so that a reader can follow each one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from partita.design.document.assumed import (
    AVAILABILITY,
    CALL_S,
    HANDLE_MS,
    HEADROOM,
    HOP_MS,
    MARK_BYTES,
    OUTAGE_S,
    PARTITION_BYTES_PER_S,
    REPLAY_PER_S,
    SESSION_S,
    SNAPSHOT_EVENTS,
    TAIL_S,
)
from partita.design.document.block import A, Calculation, Mark, mark_of, weakest
from partita.design.document.outside import outside
from partita.design.document.quantity import MONTH_S, YEAR_S, count, plain, rate, size, span
from partita.design.document.topic import TopicDesign, topics_of
from partita.design.document.traffic import Traffic, of_consumer, of_event, of_producer, on_topics, together, total
from partita.design.model.design import Design
from partita.design.model.load import Stream
from partita.design.model.message import EventDesign
from partita.design.model.origin import Fact, Origin
from partita.design.model.saga import SagaDesign, StepDesign
from partita.design.model.storage import AggregateDesign, ReadModelDesign
from partita.topics.load import Load


def monthly(design: Design) -> Calculation:
    """The events of a month."""
    every = [event.rate.value for event in on_topics(design)]
    amount = sum(every) * MONTH_S
    values = f"({summed(every)}) x {span(MONTH_S)}"
    return Calculation("events a month", "sum of all events/s x 30 d", values, count(amount), amount, _mark(design))


def _mark(design: Design) -> Mark:
    """The mark of the rates of all events together."""
    return weakest(*(event.rate for event in on_topics(design)))


def summed(rates: Iterable[float]) -> str:
    """A sum of rates, equal ones together: "3 x 50/s + 2.5/s"."""
    found = Counter(map(rate, rates))
    return " + ".join(text if times == 1 else f"{times} x {text}" for text, times in found.items()) or "0/s"


def rates(name: str, parts: Iterable[Traffic]) -> Calculation:
    """The messages per second of several kinds together, at steady load and at the peak."""
    every = list(parts)
    steady, peak = sum(part.steady for part in every), sum(part.peak for part in every)
    values = f"{summed(part.steady for part in every)}; peak {summed(part.peak for part in every)}"
    return Calculation(
        f"rate of {name}",
        "sum over its messages",
        values,
        f"{rate(steady)}, peak {rate(peak)}",
        peak,
        weakest(*(part.mark for part in every)),
    )


def mean_bytes(name: str, parts: Iterable[Traffic]) -> Calculation:
    """The mean bytes of the messages of several kinds."""
    every = [part for part in parts if part.steady > 0]
    amount = together(every).bytes_each
    over = " + ".join(f"{rate(part.steady)} x {part.bytes_each:,.0f} B" for part in every)
    values = f"({over}) / ({summed(part.steady for part in every)})"
    formula = "sum of messages/s x bytes / sum of messages/s"
    return Calculation(f"mean message of {name}", formula, values, f"{amount:,.0f} B", amount, A)


def hops(saga: SagaDesign) -> int:
    """The messages of a saga's happy path, one after the other: its start event, a command and a reply for each step; those of
    steps that are sent together go beside each other."""
    return 1 + 2 * len(saga.groups())


def calls_of(design: Design, saga: SagaDesign) -> int:
    """The calls of providers on a saga's happy path, one after the other."""
    calling = {step.do for of, step in outside(design) if of is saga}
    return sum(any(step.do in calling for step in group) for group in saga.groups())


def machines_s(design: Design, saga: SagaDesign) -> float:
    """The seconds of a saga's happy path without the wait for people."""
    return hops(saga) * HOP_MS / 1_000 + calls_of(design, saga) * CALL_S


def p95(design: Design, saga: SagaDesign) -> Calculation:
    """The latency of a saga's happy path: its messages, the providers that its steps call, and at most the wait for people."""
    groups = saga.groups()
    calls = calls_of(design, saga)
    people = [
        max((step for step in group if step.human), key=lambda step: step.timeout.value, default=None)
        for group in groups
    ]
    waits = [step for step in people if step is not None]
    machines = machines_s(design, saga)
    amount = machines + sum(step.timeout.value for step in waits)
    formula = "(1 start event + 2 messages a step) x time of a hop"
    values = f"(1 + 2 x {len(groups)}) x {HOP_MS:g} ms"
    if calls:
        formula += " + calls outside x time of a call"
        values += f" + {calls} x {span(CALL_S)}"
    result = span(machines)
    if waits:
        formula += " + wait for a person"
        values += "".join(f" + {span(step.timeout.value)} of {step.at} at most" for step in waits)
        result = f"{result} of machines, {span(amount)} at most with {plain([step.at for step in waits])}"
    return Calculation(f"p95 of {saga.name}", formula, values, result, amount, A)


def recovery(design: Design) -> Calculation:
    """The time until another process has done the work of a dead one."""
    peak = total(design).peak
    partitions = design.bus.partitions.value
    topics = max(1, len(topics_of(design)))
    capacity, how = partitions * topics * 1_000 / HANDLE_MS, f"{partitions} x {topics} / {HANDLE_MS:g} ms"
    if capacity < 2 * peak:
        capacity, how = 2 * peak, f"2 x {rate(peak)}"
    amount = SESSION_S + SESSION_S * peak / max(capacity - peak, 1.0)
    formula = "session + session x peak / (capacity - peak); capacity = partitions x topics / time of a message"
    values = f"{span(SESSION_S)} + {span(SESSION_S)} x {rate(peak)} / ({how} - {rate(peak)})"
    return Calculation("RTO of a dead process", formula, values, span(round(amount, 1)), amount, A)


def disk(design: Design, topic: TopicDesign) -> Calculation:
    """The disk of a topic on all brokers; of one that is kept for ever, for each year."""
    copies = design.bus.replication.value
    kept = topic.retention if topic.retention is not None else YEAR_S
    formula = "messages/s x bytes x retention x copies"
    if topic.kind == "compacted":
        kept, formula = TAIL_S, "messages/s x bytes x uncompacted tail x copies"
    each = topic.traffic
    amount = each.steady * each.bytes_each * kept * copies
    values = f"{rate(each.steady)} x {each.bytes_each:,.0f} B x {span(kept)} x {copies}"
    per = " a year" if topic.retention is None and topic.kind != "compacted" else ""
    return Calculation(f"disk of {topic.name}", formula, values, size(amount) + per, amount, A)


def volume(design: Design) -> Calculation:
    """The bytes that all topics keep, before copies."""
    every, copies = total_disk(design), design.bus.replication.value
    amount = every.amount / copies
    return Calculation("volume before copies", "disk / copies", f"{every.result} / {copies}", size(amount), amount, A)


def needed(topic: TopicDesign, *, handle_ms: float = HANDLE_MS, headroom: float = HEADROOM) -> int:
    """The partitions that a topic needs at its peak."""
    return _load(topic, handle_ms, headroom).partitions


def partitions(topic: TopicDesign) -> Calculation:
    """The partitions that a topic needs: for its consumers and for its bytes, the larger of both."""
    load = _load(topic)
    consumers, writes = load.consumers, load.bytes_per_s / PARTITION_BYTES_PER_S
    formula = (
        "max(peak x time of a message, peak x bytes / 5 MB/s) x headroom, rounded up to 2^n or 3 x 2^n, 4 at least"
    )
    values = (
        f"max({rate(topic.traffic.peak)} x {HANDLE_MS:g} ms, {rate(topic.traffic.peak)} x {load.bytes_each:,.0f} B "
        f"/ 5 MB/s) x {HEADROOM:g} = max({consumers:,.2f}, {writes:,.2f})"
    )
    return Calculation(f"partitions of {topic.name}", formula, values, str(load.partitions), load.partitions, A)


def _load(topic: TopicDesign, handle_ms: float = HANDLE_MS, headroom: float = HEADROOM) -> Load:
    each = topic.traffic
    return Load(
        messages_per_s=max(each.peak, 1e-6),
        bytes_each=max(each.bytes_each, 1.0),
        handle_ms=handle_ms,
        headroom=headroom,
    )


def hot_key(design: Design, topic: TopicDesign) -> Calculation:
    """The share of the busiest key that one partition bears: beyond it, order per key costs delay."""
    capacity = 1_000 / HANDLE_MS
    amount = min(100.0, 100 * capacity / max(topic.traffic.peak, 1e-9))
    key = plain(topic.keys, "or")
    formula = "messages/s that one partition handles / peak of the topic"
    values = f"(1 / {HANDLE_MS:g} ms) / {rate(topic.traffic.peak)}, 100 % at most"
    return Calculation(f"share of one {key} that {topic.name} bears", formula, values, f"{amount:.3g} %", amount, A)


def window_of(design: Design, consumer: str) -> float | None:
    """The seconds for which a consumer knows its messages: the widest that a rule about its steps asks for."""
    windows: list[float | None] = [design.failure.window.value]
    keys = {command.key for command in design.commands if command.to == consumer}
    windows += [rule.window for rule in design.rules if rule.kind == "exactly-once-effect" and rule.key in keys]
    return None if None in windows else max(each for each in windows if each is not None)


def window_rows(design: Design, consumer: str, window: float | None) -> tuple[Calculation, Calculation]:
    """The idempotency marks of a consumer: rows, and their bytes; of a window without an end, for each year."""
    each = of_consumer(design, consumer)
    steady = each.steady
    kept, per = (YEAR_S, " a year") if window is None else (window, "")
    rows = steady * kept
    first = Calculation(
        f"marks of {consumer}",
        "messages/s x window",
        f"{rate(steady)} x {span(kept)}",
        f"{count(rows)} rows{per}",
        rows,
        weakest(each.mark, *_windows(design)),
    )
    second = Calculation(
        f"size of the marks of {consumer}",
        "rows x bytes of a mark",
        f"{count(rows)} x {MARK_BYTES} B",
        size(rows * MARK_BYTES) + per,
        rows * MARK_BYTES,
        A,
    )
    return first, second


def _windows(design: Design) -> list[Fact[float] | Origin]:
    """The facts that a window is chosen from."""
    return [design.failure.window, *(rule.bound for rule in design.rules if rule.kind == "exactly-once-effect")]


def replay(design: Design, model: ReadModelDesign) -> Calculation:
    """The time in which a read model is rebuilt from the retained events."""
    inputs = [design.event(name) for name in model.inputs]
    longest = design.load.retention.value
    kept = [(event.rate.value, min(event.retention.value or longest, longest)) for event in inputs]
    kept = [(each, TAIL_S if event.compact else s) for (each, s), event in zip(kept, inputs, strict=True)]
    amount = sum(each * seconds for each, seconds in kept) / REPLAY_PER_S
    values = f"({' + '.join(f'{rate(each)} x {span(s)}' for each, s in kept)}) / {REPLAY_PER_S:,.0f}/s"
    formula = "sum of events/s x retention / events/s of a rebuild"
    return Calculation(f"rebuild of {model.name}", formula, values, span(round(amount)), amount, A)


def budget(saga: SagaDesign) -> Calculation:
    """The time that the steps of a saga take at most, one timeout of each retriable step included; beside its deadline."""
    slowest = [max(group, key=lambda step: step.timeout.value) for group in saga.groups()]
    amount = sum(step.timeout.value for step in slowest)
    values = " + ".join(span(step.timeout.value) for step in slowest)
    mark = weakest(*(step.timeout for step in saga.steps))
    return Calculation(
        f"slowest way of {saga.name}", "sum of the timeouts of its steps", values, span(amount), amount, mark
    )


def tries(step: StepDesign) -> Calculation:
    """The time between the first try of a step and its last one, at its service."""
    amount = sum(step.retry)
    values = " + ".join(span(wait) for wait in step.retry)
    return Calculation(f"tries of {step.do}", "sum of the waits", values, span(amount), amount, mark_of(step.origin))


def slack(saga: SagaDesign) -> Calculation:
    """The rest of a saga's deadline after its slowest way; it has to hold the undo."""
    slowest = budget(saga)
    used, mark = slowest.amount, weakest(slowest.mark, saga.deadline)
    amount = saga.deadline.value - used
    values = f"{span(saga.deadline.value)} - {span(used)}"
    result = span(amount) if amount > 0 else f"-{span(-amount)}" if amount < 0 else "0 s"
    return Calculation(f"slack of {saga.name}", "deadline - slowest way", values, result, amount, mark)


def backlog(design: Design, service: str) -> tuple[Calculation, Calculation]:
    """The outbox of a service while the bus is away, at the peak: rows, and their bytes."""
    each = of_producer(design, service)
    rows = each.peak * OUTAGE_S
    first = Calculation(
        f"outbox rows of {service}",
        "messages/s at the peak x outage",
        f"{rate(each.peak)} x {span(OUTAGE_S)}",
        f"{count(rows)} rows",
        rows,
        A,
    )
    amount = rows * each.bytes_each
    second = Calculation(
        f"outbox disk of {service}",
        "rows x bytes",
        f"{count(rows)} x {each.bytes_each:,.0f} B",
        size(amount),
        amount,
        A,
    )
    return first, second


def stream_length(design: Design, aggregate: AggregateDesign) -> Calculation:
    """The mean number of events in the stream of one aggregate."""
    rates = [design.event(name).rate.value for name in aggregate.events]
    mark = weakest(*(design.event(name).rate for name in aggregate.events))
    most = max(rates, default=0.0)
    amount = sum(rates) / most if most else float(len(rates))
    values = f"({' + '.join(map(rate, rates)) or '0'}) / {rate(most)}" if most else f"{len(rates)} kinds of events"
    formula = "events/s of the stream / events/s of its most frequent event"
    return Calculation(f"stream of one {aggregate.name}", formula, values, f"{amount:.3g} events", amount, mark)


def snapshots(aggregate: AggregateDesign, length: float) -> Calculation:
    """The snapshots of a stream."""
    amount = length // SNAPSHOT_EVENTS
    values = f"{length:.3g} events / {SNAPSHOT_EVENTS} events, whole"
    return Calculation(
        f"snapshots of one {aggregate.name}", "stream / events between snapshots", values, f"{amount:.0f}", amount, A
    )


def retry_time(design: Design) -> Calculation:
    """The time from the first failure of a message to its dead letter."""
    waits = design.failure.retry_topics.value
    amount = sum(waits)
    values = " + ".join(span(wait) for wait in waits) or "0 s"
    mark = weakest(design.failure.retry_topics)
    return Calculation("first failure to dead letter", "sum of the waits", values, span(amount), amount, mark)


def error_budget(stream: Stream) -> Calculation:
    """The things of a month that may miss their objective."""
    things = stream.steady.value * MONTH_S
    amount = things * (1 - AVAILABILITY)
    values = f"{rate(stream.steady.value)} x {span(MONTH_S)} x (1 - {AVAILABILITY:g})"
    name = f"{stream.name} of a month that may fail"
    return Calculation(name, "rate x 30 d x (1 - objective)", values, count(amount), amount, A)


def peak_of(stream: Stream) -> Calculation:
    """The factor between the peak and the steady load."""
    amount = stream.peak.value / stream.steady.value if stream.steady.value else 0.0
    values = f"{rate(stream.peak.value)} / {rate(stream.steady.value)}"
    mark = weakest(stream.peak, stream.steady)
    return Calculation(f"peak of {stream.name}", "peak / steady", values, f"{amount:.3g} x", amount, mark)


def peak_of_event(design: Design, event: EventDesign) -> Calculation:
    """The messages per second of an event at the peak of its stream."""
    each = of_event(design, event)
    values = f"{each.peak / each.steady:.3g} x {rate(each.steady)}"
    return Calculation(
        f"peak of {event.name}", "factor of its stream x rate", values, rate(each.peak), each.peak, each.mark
    )


def total_disk(design: Design) -> Calculation:
    """The disk of all topics of events and commands; of topics that are kept for ever, the first year."""
    parts = [disk(design, topic) for topic in topics_of(design)]
    amount = sum(part.amount for part in parts)
    values = " + ".join(part.result for part in parts)
    return Calculation("disk of all topics", "sum over the topics", values, size(amount), amount, A)


def lossy_bytes(design: Design, event: str) -> Calculation:
    """The bytes per second of a lossy event at its peak."""
    each = of_event(design, design.event(event))
    amount = each.peak * each.bytes_each
    values = f"{rate(each.peak)} x {each.bytes_each:,.0f} B"
    return Calculation(f"stream of {event}", "peak x bytes", values, f"{size(amount)}/s", amount, A)


def audit_rows(design: Design, kept: float) -> Calculation:
    """The events that an audit keeps."""
    every = [event.rate.value for event in on_topics(design) if not event.lossy]
    amount = sum(every) * kept
    mark = weakest(_mark(design), *(rule.bound for rule in design.rules if rule.kind == "audit"))
    values = f"({summed(every)}) x {span(kept)}"
    return Calculation("events under audit", "events/s x time", values, count(amount), amount, mark)
