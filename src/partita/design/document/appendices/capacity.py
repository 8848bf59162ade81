"""Appendix D, capacity sheets: the arithmetic of each number, by the thing that it measures."""

from __future__ import annotations

from collections.abc import Iterator

from partita.design.document import arithmetic
from partita.design.document.block import PLANNED, A, Block, Calculation, Heading, Paragraph, Section, sums
from partita.design.document.bus_matrix import NAMES, RUN_TODAY, matrix, needs_of, totals
from partita.design.document.topic import groups_of
from partita.design.document.traffic import (
    of_consumer,
    of_producer,
    on_topics,
    parts_of_all,
    parts_of_consumer,
    parts_of_producer,
)
from partita.design.document.view import View
from partita.design.model.delivery import BUS_KINDS
from partita.design.model.section import APPENDICES


def section(view: View) -> Section:
    """The sheets: each is a table of formulas, values and results."""
    design = view.design
    blocks: list[Block] = []
    for title, rows in _sheets(view):
        tables = [each for calculations in rows for each in sums(*calculations)]
        blocks += [Heading(title), *tables] if tables else []
    blocks.append(Heading("Cost"))
    blocks.append(
        Paragraph(
            f"Disk is the part of the cost that {design.domain} decides: {arithmetic.total_disk(design).result} on "
            f"{design.bus.replication.value} brokers; people and machines are not in this design.",
            A,
        )
    )
    return Section("D", APPENDICES["D"], tuple(blocks))


def _sheets(view: View) -> Iterator[tuple[str, list[list[Calculation]]]]:
    """Each sheet with its tables."""
    design = view.design
    streams = [stream for stream in design.load.streams if stream.steady.value > 0]
    yield (
        "Load",
        [
            [arithmetic.peak_of(stream) for stream in streams],
            [arithmetic.peak_of_event(design, event) for event in on_topics(design) if event.rate.value > 0],
            [arithmetic.rates("all messages", parts_of_all(design)), arithmetic.monthly(design)],
        ],
    )
    busy = [topic for topic in view.topics if topic.traffic.steady > 0]
    yield (
        "Load and disk of the topics",
        [
            [arithmetic.rates(topic.name, topic.parts) for topic in view.topics],
            [arithmetic.mean_bytes(topic.name, topic.parts) for topic in busy],
            [arithmetic.partitions(topic) for topic in view.topics],
            [arithmetic.hot_key(design, topic) for topic in view.topics if topic.traffic.peak > 0],
            [arithmetic.disk(design, topic) for topic in view.topics],
            [arithmetic.total_disk(design), arithmetic.volume(design)],
        ],
    )
    yield "Selection of the bus", [_points(view)]
    groups = dict.fromkeys(group for _, group in groups_of(design))
    yield (
        "Consumer groups",
        [[arithmetic.rates(f"group {name}", parts_of_consumer(design, name)) for name in groups]],
    )
    senders = [service.name for service in design.services if of_producer(design, service.name).steady > 0]
    backlog = [arithmetic.backlog(design, name) for name in senders]
    yield (
        "Outboxes",
        [
            [arithmetic.rates(f"outbox of {name}", parts_of_producer(design, name)) for name in senders],
            [arithmetic.mean_bytes(f"the outbox of {name}", parts_of_producer(design, name)) for name in senders],
            [rows for rows, _ in backlog],
            [size for _, size in backlog],
            [arithmetic.lossy_bytes(design, event.name) for event in design.events if event.lossy],
        ],
    )
    consumers = [service.name for service in design.services if of_consumer(design, service.name).steady > 0]
    marks = [arithmetic.window_rows(design, each, arithmetic.window_of(design, each)) for each in consumers]
    yield "Idempotency marks", [[rows for rows, _ in marks], [size for _, size in marks]]
    sourced = [each for each in design.aggregates if each.stored.value == "event-sourced"]
    lengths = [arithmetic.stream_length(design, each) for each in sourced]
    snapshots = [arithmetic.snapshots(a, length.amount) for a, length in zip(sourced, lengths, strict=True)]
    audits = [rule.keep for rule in design.rules if rule.kind == "audit" and rule.keep is not None]
    yield "Streams and audits", [lengths, snapshots, [arithmetic.audit_rows(design, kept) for kept in audits]]


def _points(view: View) -> list[Calculation]:
    needs = needs_of(view.design)
    found = []
    for position, kind in enumerate(BUS_KINDS):
        values = " + ".join(f"{need.weight} x {need.scores[position]}" for need in matrix(needs))
        amount = totals(needs)[kind]
        mark = A if kind in RUN_TODAY else PLANNED
        found.append(Calculation(NAMES[kind], "sum of weight x score", values, f"{amount} points", float(amount), mark))
    return found
