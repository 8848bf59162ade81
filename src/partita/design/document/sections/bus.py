"""Section 5, the bus: the decision matrix, its arithmetic, the topology, the cluster, the rights, and the loss of a broker."""

from __future__ import annotations

from partita.design.document.block import (
    PLANNED,
    A,
    Block,
    Figure,
    Heading,
    Item,
    Paragraph,
    Pointer,
    R,
    Section,
    bullets,
    compact,
    row,
    table,
    weakest,
)
from partita.design.document.bus_matrix import NAMES, RUN_TODAY, Needs, matrix, needs_of, said_tips, totals, winner
from partita.design.document.quantity import listed, rate, size
from partita.design.document.scene import topology
from partita.design.document.traffic import of_producer
from partita.design.document.view import View
from partita.design.model.delivery import BUS_KINDS


def section(view: View) -> Section:
    """The bus and its cluster."""
    design = view.design
    needs = needs_of(design)
    chosen = design.bus.use.value
    blocks: list[Block] = [Paragraph(_choice(view, needs, chosen), A)]
    blocks.append(Heading("Decision matrix"))
    rows = [row(need.mark, need.name, need.because, str(need.weight), *map(str, need.scores)) for need in matrix(needs)]
    names = [NAMES[kind] + ("" if kind in RUN_TODAY else " (planned)") for kind in BUS_KINDS]
    points = [f"{totals(needs)[kind]} points" for kind in BUS_KINDS]
    rows.append(row(A, "together", "sum of weight x score", "-", *points))
    blocks += table(" | ".join(["need", "because", "weight", *names]), rows)
    blocks.append(
        Pointer("D", f"the points of each bus, and the {rate(needs.peak)} and {size(needs.disk)} behind them")
    )
    blocks.append(Heading("What would tip it"))
    blocks += bullets(*(Item(f"{said}.", A) for said in said_tips(needs, chosen)))
    writers = listed(dict.fromkeys(producer for topic in view.topics for producer in topic.producers))
    many = max(view.topics, key=lambda topic: len(topic.groups), default=None)
    if many is not None:
        point = f"{writers} write; `{many.name}` has the most readers, {listed(many.groups)}"
        blocks.append(Figure("topology", topology(design), f"{point}.", R))
    blocks += [Heading("Cluster"), *_cluster(view), Heading("Rights")]
    blocks += _rights(view)
    return Section("5", "Bus and cluster", tuple(blocks))


def _choice(view: View, needs: Needs, chosen: str) -> str:
    found, best = totals(needs), winner(needs)
    keys = listed(needs.keys)
    if best == chosen:
        return (
            f"{NAMES[chosen]} carries {view.design.domain}: it reaches {found[chosen]} points on the needs of {keys}, "
            f"{rate(needs.peak)} at the peak and {needs.teams} teams."
        )
    return (
        f"{NAMES[chosen]} is declared and reaches {found[chosen]} points; the needs of {keys} speak for {NAMES[best]} with "
        f"{found[best]}: give the brief a reason, or take {NAMES[best]}."
    )


def _cluster(view: View) -> tuple[Block, ...]:
    design = view.design
    copies = design.bus.replication.value
    enough = max(copies - 1, 1)
    load = weakest(*(of_producer(design, service.name).mark for service in design.services))
    mark = weakest(design.bus.replication, load)
    copied = weakest(design.bus.replication)
    lost = [f"{service.name} {rate(of_producer(design, service.name).steady)}" for service in design.services]
    writing = [text for text in lost if not text.endswith(" 0/s")]
    unlossy = [event.name for event in design.events if event.lossy]
    if design.bus.use.value == "database":
        rows = [
            row(R, "copies", "those of the database", "a standby that confirms each commit is part of the RPO"),
            row(
                load,
                "database lost",
                f"outbox and log stop together: {', '.join(writing)}",
                "the RTO is that of its standby",
            ),
        ]
        return table("part | value | reason", rows)
    rows = [
        row(
            mark,
            "copies of each record",
            str(copies),
            f"{', '.join(writing)}: what is acknowledged has {enough} copies at least, and survives the loss of {enough - 1}",
        ),
        row(
            copied,
            "brokers and racks",
            f"{copies} of each, one copy a rack",
            "the loss of a rack is the loss of one copy",
        ),
        row(
            copied,
            "in sync before an acknowledgement",
            f"{copies} - 1 = {enough}",
            f"acks=all for {listed(_producers(view))}",
        ),
        row(
            R, "one broker or rack lost", "writing goes on", "its partitions get another leader; groups go on in order"
        ),
        row(
            load,
            "two lost",
            f"{', '.join(writing)} wait in their outboxes",
            "section 9 has the room; what only these two had acknowledged is back with the first of their disks",
        ),
        row(
            PLANNED,
            "several regions",
            f"one region writes each {listed(_keys(view))}",
            "two would need an order between them that no key of the catalog gives",
        ),
    ]
    if unlossy:
        rows.append(
            row(R, "lossy stream", listed(unlossy), "acks=1, no outbox, a bounded buffer: what does not fit is dropped")
        )
    return table("part | value | reason", rows)


def _producers(view: View) -> list[str]:
    return list(dict.fromkeys(producer for topic in view.topics if not topic.lossy for producer in topic.producers))


def _keys(view: View) -> list[str]:
    return list(dict.fromkeys(key for topic in view.topics for key in topic.keys))


def _rights(view: View) -> tuple[Block, ...]:
    rows = []
    for service in view.design.services:
        writes = [topic.name for topic in view.topics if service.name in topic.producers]
        reads = [topic.name for topic in view.topics if service.name in topic.groups]
        if writes or reads:
            name = f"`{service.name}`"
            rows.append(row(R, name, listed(writes) if writes else "-", listed(reads) if reads else "-"))
    readers = [topic for topic in view.topics if topic.groups]
    group = readers[0].groups[0] if readers else ""
    failed = f"; beside its own failed messages, as `*.{group}.retry-*` and `*.{group}.dlq`" if group else ""
    said = f"Over TLS, each service with a certificate of its own, and with no right but these{failed}."
    return (Paragraph(said, R), *compact("principal | may write | may read", rows)) if rows else ()
