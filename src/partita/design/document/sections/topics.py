"""Section 6, topics: each with its key, partitions, retention, writers and groups; order, hot keys, and growth."""

from __future__ import annotations

from partita.design.document import arithmetic
from partita.design.document.block import (
    PLANNED,
    Block,
    Heading,
    Item,
    Paragraph,
    R,
    Row,
    Section,
    bullets,
    mark_of,
    row,
    sums,
    table,
)
from partita.design.document.quantity import listed, rate, span
from partita.design.document.topic import TopicDesign, groups_of
from partita.design.document.traffic import of_consumer, parts_of_consumer
from partita.design.document.view import View


def section(view: View) -> Section:
    """The topics."""
    design = view.design
    blocks: list[Block] = []
    blocks += table(
        "topic | kind | key | partitions | retention | cleanup | producers | groups",
        [_row(view, topic) for topic in view.topics],
    )
    waits = [span(wait).replace(" ", "").replace("min", "m") for wait in design.failure.retry_topics.value]
    pairs = groups_of(design)
    if pairs and waits:
        topic, group = pairs[0]
        rows = [
            row(
                R,
                f"`{each.name}`",
                who,
                ", ".join(f"`retry-{wait}`" for wait in waits),
                "`dlq`",
                "1",
                _failed_kept(view),
            )
            for each, who in pairs
        ]
        blocks.append(Heading("Topics of failed messages, under the names of topic and group"))
        blocks += table("of topic | of group | retry topics | dead letters | partitions | retention", rows)
        names = ", ".join(f"`{topic.name}.{group}.retry-{wait}`" for wait in waits)
        blocks.append(
            Paragraph(f"The group is in the name, so that `{group}` retries its own failures alone: {names}.", R)
        )
    blocks.append(Heading("Names and order"))
    blocks += bullets(*_order(view))
    blocks.append(Heading("Arithmetic"))
    blocks += sums(*(arithmetic.rates(topic.name, topic.parts) for topic in view.topics))
    blocks += sums(
        *(arithmetic.mean_bytes(topic.name, topic.parts) for topic in view.topics if topic.traffic.steady > 0)
    )
    blocks += sums(*(arithmetic.partitions(topic) for topic in view.topics))
    blocks += sums(*(arithmetic.disk(design, topic) for topic in view.topics), arithmetic.total_disk(design))
    blocks.append(Heading("Hot keys and growth"))
    blocks += sums(*(arithmetic.hot_key(design, topic) for topic in view.topics if topic.traffic.peak > 0))
    blocks += _growth(view)
    blocks.append(Heading("Consumer groups"))
    blocks += table(
        "group | topics | messages steady, peak | processes at most | when a process joins or leaves", _groups(view)
    )
    groups = dict.fromkeys(group for _, group in pairs)
    blocks += sums(*(arithmetic.rates(f"group {name}", parts_of_consumer(design, name)) for name in groups))
    return Section("6", "Topics", tuple(blocks))


def _row(view: View, topic: TopicDesign) -> Row:
    partitions = view.design.bus.partitions
    cleanup = "compact" if topic.kind == "compacted" else "never" if topic.retention is None else "delete"
    mark = PLANNED if topic.kind == "compacted" else mark_of(partitions)
    return row(
        mark,
        f"`{topic.name}`",
        topic.kind,
        listed(topic.keys),
        str(partitions.value),
        span(topic.retention),
        cleanup,
        ", ".join(topic.producers),
        ", ".join(topic.groups) or "none",
    )


def _failed_kept(view: View) -> str:
    return "as long as its topic" if not view.design.failure.retry_topics.value else "7 d"


def _order(view: View) -> list[Item]:
    found = []
    for topic in view.topics:
        many = f"one {listed(topic.keys)}" if len(topic.keys) == 1 else f"one key ({listed(topic.keys, 'or')})"
        found.append(
            Item(f"`{topic.name}` keeps {listed(topic.messages)} of {many} in order; across keys there is no order.", R)
        )
    return found


def _growth(view: View) -> tuple[Block, ...]:
    has = view.design.bus.partitions.value
    items = []
    for topic in view.topics:
        need = arithmetic.needed(topic)
        keys = listed(topic.keys)
        if need > has:
            items.append(
                Item(
                    f"`{topic.name}` has {has} partitions and needs {need}: write `partitions: {need}` before the first "
                    f"record, since a later change moves each {keys}.",
                    R,
                )
            )
        else:
            items.append(
                Item(
                    f"`{topic.name}` has {has} partitions and needs {need}: more would move each {keys}, so a new topic beside "
                    f"it takes the new load, and {listed(topic.groups) if topic.groups else 'no group'} must read both until the "
                    "old one is empty.",
                    R,
                )
            )
    return bullets(*items)


def _groups(view: View) -> list[Row]:
    found = []
    for service in view.design.services:
        topics = [topic for topic in view.topics if service.name in topic.groups]
        if topics:
            each = of_consumer(view.design, service.name)
            most = view.design.bus.partitions.value * len(topics)
            keys = listed(dict.fromkeys(key for topic in topics for key in topic.keys))
            found.append(
                row(
                    R,
                    f"`{service.name}`",
                    listed(topic.name for topic in topics),
                    f"{rate(each.steady)}, {rate(each.peak)}",
                    f"{len(topics)} x {view.design.bus.partitions.value} = {most}",
                    f"{most} partitions are shared again, in order per {keys}",
                )
            )
    return found
