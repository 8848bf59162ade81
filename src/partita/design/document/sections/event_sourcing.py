"""Section 7, event sourcing or rows: the decision for each aggregate, streams, snapshots, the store, and erasing a person."""

from __future__ import annotations

from partita.design.document import arithmetic
from partita.design.document.assumed import SNAPSHOT_EVENTS
from partita.design.document.block import (
    PLANNED,
    A,
    Block,
    Heading,
    Item,
    Paragraph,
    Pointer,
    R,
    Row,
    Section,
    bullets,
    compact,
    mark_of,
    row,
    table,
    weakest,
)
from partita.design.document.quantity import listed, rate, sentence, span
from partita.design.document.view import View
from partita.design.model.storage import AggregateDesign


def section(view: View) -> Section:
    """The stores of the aggregates."""
    design = view.design
    blocks: list[Block] = []
    if not design.aggregates:
        names = listed(service.name for service in design.services)
        blocks.append(Paragraph(f"The brief names no aggregate of {names}.", R))
    blocks += compact(
        "aggregate | service | stored | why | audit | history asked | writers of one at once | stream of one",
        _decisions(view),
    )
    sourced = [each for each in design.aggregates if each.stored.value == "event-sourced"]
    if sourced:
        services = listed(dict.fromkeys(each.service for each in sourced))
        names = listed(each.name for each in sourced)
        blocks += [
            Heading("Selection of the event store"),
            *table("candidate | for it | verdict | against it", _selection(view, sourced)),
        ]
        blocks.append(
            Paragraph(
                f"A stream of {names} gets a snapshot after each {SNAPSHOT_EVENTS} events, so {_snapshots(view, sourced)}.",
                A,
            )
        )
        blocks.append(Pointer("D", f"the lengths of the streams of {names}, and their snapshots"))
        blocks.append(Pointer("E", f"the tables of the streams of {services}"))
    blocks += [Heading("Erasing a person"), *_erasing(view)]
    return Section("7", "Event sourcing or rows", tuple(blocks))


def _snapshots(view: View, sourced: list[AggregateDesign]) -> str:
    """The snapshots of each stream, in words."""
    found = []
    for each in sourced:
        length = arithmetic.stream_length(view.design, each).amount
        number = arithmetic.snapshots(each, length).result
        found.append(f"one `{each.name}` of {length:.3g} events has {'none' if number == '0' else number}")
    return ", ".join(found)


def _decisions(view: View) -> list[Row]:
    found = []
    for each in view.design.aggregates:
        audits = [rule.text for rule in view.design.rules if rule.kind == "audit" or each.name in rule.across]
        readers = dict.fromkeys(m.name for m in view.design.read_models if set(m.inputs) & set(each.events))
        writers = dict.fromkeys(
            [each.service, *(saga.at for saga, step in view.design.steps if step.at == each.service)]
        )
        mark = PLANNED if each.stored.value == "event-sourced" else mark_of(each.stored)
        found.append(
            row(
                mark,
                f"`{each.name}`",
                each.service,
                each.stored.value,
                sentence(each.why.value),
                "; ".join(audits) or "-",
                f"by {listed(readers)}" if readers else "-",
                f"{len(writers)}: {', '.join(writers)}",
                _stream(view, each),
            )
        )
    return found


def _stream(view: View, each: AggregateDesign) -> str:
    """The events of an aggregate, and the length of one stream where it has one."""
    names = ", ".join(each.events) or "-"
    if each.stored.value != "event-sourced" or not each.events:
        return names
    return f"{names}: {arithmetic.stream_length(view.design, each).result}"


def _selection(view: View, sourced: list[AggregateDesign]) -> list[Row]:
    names = listed(each.name for each in sourced)
    databases = listed(dict.fromkeys(_database(view, each.service) for each in sourced))
    every = [[view.design.event(name).rate.value for name in each.events] for each in sourced]
    most = max(every, key=sum, default=[])
    kept = span(max((rule.keep or 0.0 for rule in view.design.rules), default=0.0) or view.design.load.retention.value)
    kept_mark = weakest(view.design.load.retention, *(rule.bound for rule in view.design.rules if rule.kind == "audit"))
    return [
        row(
            weakest(*(view.design.event(name).rate for each in sourced for name in each.events)),
            f"a table in {databases}",
            f"the state of {names} and the outbox commit together",
            "chosen",
            f"an index and a disk for {arithmetic.summed(most)} = {rate(sum(most))}",
        ),
        row(
            R,
            "EventStoreDB",
            f"streams of {names} without a table",
            "rejected",
            "a second database: no common commit with the outbox",
        ),
        row(
            kept_mark,
            "the topics of the bus",
            f"no second copy of {names}",
            "rejected",
            f"to read one of {names} is to read the topic, {kept} of it",
        ),
    ]


def _database(view: View, service: str) -> str:
    return view.design.service(service).database.value


def _erasing(view: View) -> tuple[Block, ...]:
    held = [event for event in view.design.events if event.pii]
    if not held:
        return (Paragraph(f"No field of {view.design.domain} is marked as personal data.", R),)
    ways: dict[str, list[str]] = {}
    for event in held:
        kept = event.retention.value
        if event.compact:
            way = f"a tombstone of its `{event.key}` removes it at the next compaction"
        elif kept is not None and kept <= 30 * 86_400.0:
            way = f"it is gone after {span(kept)}"
        else:
            way = f"it is encrypted with a key of its person; deleting the key erases it, {event.by} keeps the keys"
        topic = view.topic(event.name)
        place = f"`{topic.name}`" if topic is not None else f"`{event.by}`"
        ways.setdefault(f"in {place}: {way}", []).extend(f"{event.name}.{name}" for name in event.pii)
    return bullets(*(Item(f"{listed(fields)} {way}.", PLANNED) for way, fields in ways.items()))
