"""Section 6, topics: each with its key, partitions, retention, writers and groups; order, hot keys, and growth."""

from __future__ import annotations

from partita.design.document import arithmetic
from partita.design.document.block import (
    PLANNED,
    A,
    Block,
    Heading,
    Item,
    Pointer,
    R,
    Row,
    Section,
    bullets,
    compact,
    row,
    weakest,
)
from partita.design.document.quantity import listed, rate, span
from partita.design.document.topic import TopicDesign, dead_letters, groups_of
from partita.design.document.traffic import of_consumer
from partita.design.document.view import View


def section(view: View) -> Section:
    """The topics."""
    blocks: list[Block] = [
        *compact(
            "topic | kind | messages, in their order | key | partitions, needed | kept | cleanup | disk | one key may be",
            [_row(view, topic) for topic in view.topics],
        ),
        Pointer("D", f"rates, sizes, partitions, hot keys and disks of {len(view.topics)} topics, computed"),
        Heading("Parties"),
        *compact(
            "topic | producers | groups",
            [
                row(R, f"`{each.name}`", ", ".join(each.producers), ", ".join(each.groups) or "none")
                for each in view.topics
            ],
        ),
        Heading("Names and order"),
        *bullets(*_names(view)),
        Heading("Growth"),
        *_growth(view),
        Heading("Consumer groups"),
        *compact("group | topics | messages steady, peak | processes at most", _groups(view)),
    ]
    return Section("6", "Topics", tuple(blocks))


def _row(view: View, topic: TopicDesign) -> Row:
    design, partitions = view.design, view.design.bus.partitions
    cleanup = "compact" if topic.kind == "compacted" else "never" if topic.retention is None else "delete"
    mark = PLANNED if topic.kind == "compacted" else A  # its disk is computed of assumed sizes
    return row(
        mark,
        f"`{topic.name}`",
        topic.kind,
        ", ".join(topic.messages),
        listed(topic.keys, "or"),
        f"{partitions.value}, {arithmetic.needed(topic)}",
        span(topic.retention),
        cleanup,
        arithmetic.disk(design, topic).result,
        f"{arithmetic.hot_key(design, topic).result} of the peak" if topic.traffic.peak > 0 else "-",
    )


def _names(view: View) -> list[Item]:
    """The grammar of the names, the topics of failed messages, and the promise of order in words."""
    design = view.design
    keys = listed(dict.fromkeys(key for topic in view.topics for key in topic.keys), "or")
    spaces = listed(dict.fromkeys(design.service(each.by).namespace for each in design.events))
    found = [
        Item(
            f"A topic is its owner's namespace ({spaces}) and `events`, `commands` or the name of a compacted event.", R
        ),
        Item(
            f"Messages of one {keys} in one topic are handled in their order; between topics, and across keys, there is none.",
            R,
        ),
    ]
    pairs = groups_of(design)
    waits = [span(wait).replace(" ", "").replace("min", "m") for wait in design.failure.retry_topics.value]
    if pairs and waits:
        topic, group = pairs[0]
        names = ", ".join(f"`{topic.name}.{group}.retry-{wait}`" for wait in waits)
        found.append(
            Item(
                f"Each of the {len(pairs)} pairs of topic and group has {len(waits)} retry topics and one of dead letters, of 1 "
                f"partition each: {names} and `{dead_letters(topic, group)}` of `{group}`.",
                weakest(design.failure.retry_topics),
            )
        )
    return found


def _growth(view: View) -> tuple[Block, ...]:
    has = view.design.bus.partitions.value
    small = [topic for topic in view.topics if arithmetic.needed(topic) > has]
    items = []
    for topic in small:
        need, keys = arithmetic.needed(topic), listed(topic.keys)
        items.append(
            Item(
                f"`{topic.name}` has {has} partitions and needs {need}: write `partitions: {need}` before the first record: "
                f"a later change moves each {keys}.",
                A,
            )
        )
    enough = [topic for topic in view.topics if topic not in small]
    if enough:
        most = max(enough, key=arithmetic.needed)
        keys = listed(dict.fromkeys(key for topic in enough for key in topic.keys))
        which = f"the other {len(enough)} topics" if small else "each topic"
        items.append(
            Item(
                f"{has} partitions are enough for {which}: `{most.name}` needs {arithmetic.needed(most)}. More would move each "
                f"{keys}: a new topic beside the full one takes the new load, and its groups "
                f"({listed(most.groups) if most.groups else 'none'}) read both until the old one is empty.",
                A,
            )
        )
    return bullets(*items)


def _groups(view: View) -> list[Row]:
    found = []
    for service in view.design.services:
        topics = [topic for topic in view.topics if service.name in topic.groups]
        if topics:
            each = of_consumer(view.design, service.name)
            has = view.design.bus.partitions.value
            found.append(
                row(
                    weakest(each.mark, view.design.bus.partitions),
                    f"`{service.name}`",
                    listed(topic.name for topic in topics),
                    f"{rate(each.steady)}, {rate(each.peak)}",
                    f"{len(topics)} x {has} = {len(topics) * has}",
                )
            )
    return found
