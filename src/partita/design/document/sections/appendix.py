"""The appendices: threats and personal data, capacity, rollout, cost, commands, JSON Schemas, decisions, and the glossary."""

from __future__ import annotations

import json

from partita.design.document import arithmetic
from partita.design.document.adr import adrs
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
from partita.design.document.message_shape import avro_of, json_of
from partita.design.document.quantity import listed, rate, sentence, span
from partita.design.document.traffic import on_topics
from partita.design.document.view import View


def section(view: View) -> Section:
    """All that a reader looks up."""
    design = view.design
    blocks: list[Block] = [Heading("A.1 Decisions")]
    for each in adrs(view):
        blocks.append(Heading(f"{each.id} {each.title}"))
        blocks += bullets(
            Item(f"Decided: {each.decision}", each.mark),
            Item(f"Why: {each.why}", each.mark),
            *(Item(f"Rejected: {rejected}", R) for rejected in each.rejected),
            Item(f"What would change it: {each.change}", R),
        )
    blocks += [Heading("A.2 Threats and personal data"), *table("asset | threat | answer", _threats(view))]
    blocks += [Heading("A.3 Capacity and cost"), *_capacity(view)]
    blocks += [Heading("A.4 Rollout"), *_rollout(view), Heading("A.5 Commands"), *_commands(view)]
    blocks.append(Heading("A.6 JSON Schemas"))
    for event in on_topics(design):
        text = json.dumps(json_of(design, event), indent=2, ensure_ascii=False)
        blocks.append(Code("json", text, f"JSON Schema of `{event.name}`, as readers of {event.by} validate it.", R))
    known = [(each.name, each.meaning) for each in design.events] + [
        (each.name, each.meaning) for each in design.commands
    ]
    rows = [row(mark_of(meaning), f"`{name}`", sentence(meaning.value)) for name, meaning in known]
    rows += [row(mark_of(each.origin), f"`{each.name}`", sentence(each.doc)) for each in design.services if each.doc]
    blocks += [Heading("A.7 Glossary"), *table("term | meaning", rows)]
    blocks.append(Heading("A.8 Exports"))
    blocks.append(
        Paragraph(
            f"`partita export asyncapi`, `backstage` and `eventcatalog` write the catalog of {design.domain} from the "
            f"skeleton's code, {len(on_topics(design))} events and {len(design.commands)} commands.",
            PLANNED,
        )
    )
    return Section("A", "Appendices", tuple(blocks))


def _threats(view: View) -> list[Row]:
    found = []
    for event in view.design.events:
        for name in event.pii:
            heard = listed(view.design.consumers(event.name))
            found.append(
                row(
                    R,
                    f"`{event.name}.{name}`",
                    f"read by a service that needs it not; {heard} receive it",
                    f"kept {span(event.retention.value)}; rights of section 5, erased as in section 7",
                )
            )
    for saga, step in view.design.steps:
        if step.kind == "pivot":
            found.append(
                row(
                    R,
                    f"`{step.do}`",
                    f"sent by another service than {saga.at}",
                    f"only `{saga.at}` may write the commands of {step.at}",
                )
            )
        if step.human:
            found.append(
                row(
                    R,
                    f"`{step.do}`",
                    f"a person of {step.at} decides in another's name",
                    "the actor comes from the sign-in and is written with the decision",
                )
            )
    return found


def _capacity(view: View) -> tuple[Block, ...]:
    design = view.design
    audits = [rule.keep for rule in design.rules if rule.kind == "audit" and rule.keep is not None]
    return (
        *sums(*(arithmetic.peak_of(stream) for stream in design.load.streams if stream.steady.value > 0)),
        *sums(
            arithmetic.monthly(design),
            arithmetic.total_disk(design),
            *(arithmetic.audit_rows(design, kept) for kept in audits),
        ),
        Paragraph(
            f"Disk is the part of the cost that {design.domain} decides: {arithmetic.total_disk(design).result} on "
            f"{design.bus.replication.value} brokers; people and machines are not in this brief.",
            R,
        ),
    )


def _rollout(view: View) -> tuple[Block, ...]:
    design = view.design
    items = []
    leaves = [each.name for each in design.services if not any(event.by == each.name for event in on_topics(design))]
    if leaves:
        items.append(Item(f"Start {listed(leaves)}: they publish nothing, so stopping them takes them back.", R))
    places = list(dict.fromkeys(step.at for saga, step in design.steps if step.at != saga.at))
    if places:
        items.append(Item(f"Start {listed(places)}: without a command they stay idle; stop them to go back.", R))
    for saga in design.sagas:
        items.append(
            Item(
                f"Let `{saga.at}` publish `{saga.start}` for one in a hundred; to go back, stop it and wait "
                f"{span(saga.deadline.value)} until each `{saga.name}` has ended.",
                R,
            )
        )
    for stream in design.load.streams:
        items.append(Item(f"Raise {stream.name} to {rate(stream.steady.value)}, then to {rate(stream.peak.value)}.", R))
    return bullets(*items)


def _commands(view: View) -> tuple[Block, ...]:
    found: list[Block] = []
    for each in view.design.commands:
        text = json.dumps(avro_of(view.design, each), indent=2)
        found.append(
            Code("json", text, f"Avro schema of `{each.name}`, which `{each.to}` takes.", mark_of(each.origin))
        )
    return tuple(found) or (Paragraph(f"{view.design.domain} sends no command.", R),)
