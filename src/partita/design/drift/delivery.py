"""Changes of the bus, of retries, of the rules, and of the load that all numbers come from."""

from __future__ import annotations

from collections.abc import Iterator

from partita.design.document.quantity import span
from partita.design.drift.change import Change
from partita.design.model.design import Design
from partita.design.model.rule import RuleKind

SECTION_OF: dict[RuleKind, int] = {
    "exactly-once-effect": 11,
    "invariant": 4,
    "staleness": 8,
    "outbox": 9,
    "order": 6,
    "audit": 7,
    "strong-read": 8,
}


def delivery_changes(old: Design, new: Design) -> Iterator[Change]:
    """The changes of delivery, of the rules, and of the load."""
    yield from _bus(old, new)
    yield from _failure(old, new)
    if old.compatibility.value != new.compatibility.value:
        yield Change(
            section=2, what=f"The schemas promise {new.compatibility.value}, and promised {old.compatibility.value}."
        )
    yield from _rules(old, new)
    yield from _load(old, new)


def _bus(old: Design, new: Design) -> Iterator[Change]:
    before, after = old.bus, new.bus
    if before.use.value != after.use.value:
        yield Change(
            section=5,
            what=f"The bus is {after.use.value}, and was {before.use.value}.",
            harm="Messages on the old bus have to be read before it goes.",
            hurt=tuple(each.name for each in old.services),
        )
    if before.partitions.value != after.partitions.value:
        yield Change(
            section=6,
            what=f"Topics have {after.partitions.value} partitions, and had {before.partitions.value}.",
            harm="Keys move to other partitions: order of a key breaks for messages that were not read yet.",
            hurt=tuple(each.name for each in old.services),
            instead="Let consumers read all, then change the number (partita topics plan).",
        )
    if before.replication.value != after.replication.value:
        fewer = after.replication.value < before.replication.value
        yield Change(
            section=5,
            what=f"Each record has {after.replication.value} copies, and had {before.replication.value}.",
            harm="The loss of a broker costs more." if fewer else "",
        )


def _failure(old: Design, new: Design) -> Iterator[Change]:
    before, after = old.failure, new.failure
    if before.retry_topics.value != after.retry_topics.value:
        waits = ", ".join(span(each) for each in after.retry_topics.value) or "none"
        was = ", ".join(span(each) for each in before.retry_topics.value) or "none"
        yield Change(section=10, what=f"The retry topics are {waits}, and were {was}.")
    if before.then.value != after.then.value or before.alert.value != after.alert.value:
        yield Change(section=10, what=f"After all retries: {after.then.value}, and {after.alert.value} is alerted.")
    if before.window.value != after.window.value:
        shorter = after.window.value < before.window.value
        yield Change(
            section=11,
            what=f"Consumers know their messages for {span(after.window.value)}, and did for "
            f"{span(before.window.value)}.",
            harm="An older copy cannot be told from a new message: it becomes a dead letter." if shorter else "",
        )


def _rules(old: Design, new: Design) -> Iterator[Change]:
    olds, news = {rule.text: rule for rule in old.rules}, {rule.text: rule for rule in new.rules}
    for text in sorted(olds.keys() - news.keys()):
        yield Change(section=SECTION_OF[olds[text].kind], what=f"It is no longer promised: {text}.")
    for text in sorted(news.keys() - olds.keys()):
        yield Change(section=SECTION_OF[news[text].kind], what=f"It is promised now: {text}.")
    for text in sorted(olds.keys() & news.keys()):
        before, after = olds[text], news[text]
        if (before.key, before.window, before.max, before.keep, before.across) != (
            after.key,
            after.window,
            after.max,
            after.keep,
            after.across,
        ):
            yield Change(section=SECTION_OF[after.kind], what=f"The rule has other bounds: {text}.")


def _load(old: Design, new: Design) -> Iterator[Change]:
    olds = {each.name: each for each in old.load.streams}
    for stream in new.load.streams:
        was = olds.get(stream.name)
        if was is not None and (was.steady.value, was.peak.value) != (stream.steady.value, stream.peak.value):
            yield Change(
                section=6,
                what=f"{stream.name}: {stream.steady.value:g}/s and {stream.peak.value:g}/s at the peak, and were "
                f"{was.steady.value:g}/s and {was.peak.value:g}/s.",
            )
