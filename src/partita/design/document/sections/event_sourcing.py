"""Section 7, event sourcing or rows: the decision for each aggregate, streams, snapshots, the store, and erasing a person."""

from __future__ import annotations

from partita.design.document import arithmetic
from partita.design.document.block import (
    PLANNED,
    Block,
    Code,
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
from partita.design.document.quantity import listed, rate, sentence, span
from partita.design.document.view import View
from partita.design.model.storage import AggregateDesign

_STORE = """\
CREATE TABLE {service}_stream (
    stream TEXT NOT NULL, version BIGINT NOT NULL, type TEXT NOT NULL, schema TEXT NOT NULL,
    payload BYTEA NOT NULL, subject_key TEXT, at_us BIGINT NOT NULL, PRIMARY KEY (stream, version)
);
-- one stream for each {keys}; the primary key refuses the second writer of a version"""


def section(view: View) -> Section:
    """The stores of the aggregates."""
    design = view.design
    blocks: list[Block] = []
    if not design.aggregates:
        names = listed(service.name for service in design.services)
        blocks.append(Paragraph(f"The brief names no aggregate of {names}.", R))
    blocks += table(
        "aggregate | service | stored | why | audit | history asked | writers of one at once | stream", _decisions(view)
    )
    sourced = [each for each in design.aggregates if each.stored.value == "event-sourced"]
    if sourced:
        lengths = [arithmetic.stream_length(design, each) for each in sourced]
        blocks += [Heading("Streams and snapshots"), *sums(*lengths)]
        blocks += sums(*(arithmetic.snapshots(a, length.amount) for a, length in zip(sourced, lengths, strict=True)))
        blocks += [Heading("Selection of the event store"), *_selection(view, sourced)]
        services = dict.fromkeys(each.service for each in sourced)
        for service in services:
            keys = {design.event(name).key for each in sourced if each.service == service for name in each.events}
            text = _STORE.format(service=service.replace("-", "_"), keys=", ".join(sorted(keys)) or "aggregate")
            blocks.append(Code("sql", text, f"The streams of `{service}`, in its {_database(view, service)}.", PLANNED))
    blocks += [Heading("Erasing a person"), *_erasing(view)]
    return Section("7", "Event sourcing or rows", tuple(blocks))


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
                ", ".join(each.events) or "-",
            )
        )
    return found


def _selection(view: View, sourced: list[AggregateDesign]) -> tuple[Block, ...]:
    names = listed(each.name for each in sourced)
    databases = listed(dict.fromkeys(_database(view, each.service) for each in sourced))
    most = max((sum(view.design.event(n).rate.value for n in each.events) for each in sourced), default=0.0)
    kept = span(max((rule.keep or 0.0 for rule in view.design.rules), default=0.0) or view.design.load.retention.value)
    rows = [
        row(
            R,
            f"a table in {databases}",
            f"the state of {names} and the outbox commit together",
            "chosen",
            f"an index and a disk for {rate(most)}",
        ),
        row(
            R,
            "EventStoreDB",
            f"streams of {names} without a table",
            "rejected",
            "a second database: no common commit with the outbox",
        ),
        row(
            R,
            "the topics of the bus",
            f"no second copy of {names}",
            "rejected",
            f"to read one of {names} is to read the topic, {kept} of it",
        ),
    ]
    return table("candidate | for it | verdict | against it", rows)


def _database(view: View, service: str) -> str:
    return view.design.service(service).database.value


def _erasing(view: View) -> tuple[Block, ...]:
    held = [event for event in view.design.events if event.pii]
    if not held:
        return (Paragraph(f"No field of {view.design.domain} is marked as personal data.", R),)
    items = []
    for event in held:
        kept = event.retention.value
        topic = view.topic(event.name)
        place = f"`{topic.name}`" if topic is not None else f"`{event.by}`"
        if event.compact:
            way = f"a tombstone of its `{event.key}` removes it at the next compaction"
        elif kept is not None and kept <= 30 * 86_400.0:
            way = f"it is gone after {span(kept)}"
        else:
            way = f"it is encrypted with a key of its person; deleting the key erases it, {event.by} keeps the keys"
        items.append(Item(f"{listed(f'{event.name}.{name}' for name in event.pii)} in {place}: {way}.", PLANNED))
    return bullets(*items)
