"""Section 1, the event catalog: each event with its meaning, its parties, its key, its size, and one example on the wire."""

from __future__ import annotations

import json

from partita.design.document.block import (
    Block,
    Code,
    Heading,
    Item,
    Mark,
    Paragraph,
    Pointer,
    R,
    Section,
    bullets,
    compact,
    mark_of,
    row,
    table,
    weakest,
)
from partita.design.document.example import INSTANT, example_of, key_of
from partita.design.document.quantity import listed, rate, sentence, span
from partita.design.document.traffic import of_event, on_topics
from partita.design.document.view import View
from partita.design.model.message import EventDesign


def section(view: View) -> Section:
    """The catalog."""
    design = view.design
    blocks: list[Block] = []
    meanings = []
    numbers = []
    for event in design.events:
        heard = design.consumers(event.name)
        promise, mark = _promise(view, event)
        meanings.append(
            row(
                mark_of(event.meaning),
                f"`{event.name}`",
                sentence(event.meaning.value),
                _kind(view, event),
                event.by,
                ", ".join(heard) or "none",
                view.team(event.by),
            )
        )
        numbers.append(
            row(
                weakest(of_event(design, event).mark, event.bytes, event.retention, mark),
                f"`{event.name}`",
                f"`{event.key}`",
                str(event.version),
                *_rate(view, event),
                _because(view, event),
                f"{event.bytes.value} B",
                span(event.retention.value),
                ", ".join(event.pii) or "-",
                promise,
            )
        )
    blocks += compact("event | meaning | kind | producer | consumers | owner", meanings)
    blocks.append(Pointer("I", f"the {len(design.commands)} commands of {design.domain} in words, and the exports"))
    blocks.append(Heading("Keys, rates and promises"))
    blocks += compact(
        "event | key | version | steady | peak | because | size | retention | PII | answer or handled within", numbers
    )
    blocks.append(Pointer("D", f"the peaks of {len(on_topics(design))} events, computed"))
    blocks += _on_the_wire(view)
    blocks.append(Heading("Orphans"))
    orphans = [event.name for event in on_topics(design) if not design.consumers(event.name)]
    if orphans:
        blocks.append(Paragraph(f"No service hears {listed(orphans)}: give each a consumer, or delete it.", R))
    else:
        count = f"{len(on_topics(design))} events are heard, "
        busiest = max(on_topics(design), key=lambda event: len(design.consumers(event.name)), default=None)
        most = f"`{busiest.name}` by most: {listed(design.consumers(busiest.name))}" if busiest is not None else ""
        blocks.append(Paragraph(f"None: all {count}{most}.", R))
    return Section("1", "Event catalog", tuple(blocks))


def _because(view: View, event: EventDesign) -> str:
    """The reason of a rate; of an assumed one the assumption's number."""
    why = event.rate.origin.why
    return next((each.id for each in view.ledger if each.text == why), why) or "declared"


def _kind(view: View, event: EventDesign) -> str:
    if event.kind == "refusal":
        commands = [each.name for each in view.design.commands if event.name in each.refusals]
        return f"refusal of {', '.join(commands)}"
    replies = [each.name for each in view.design.commands if each.reply == event.name]
    if event.kind == "reply":
        return f"reply to {', '.join(replies)}"
    teams = {view.team(who) for who in view.design.consumers(event.name)}
    kind = "integration" if teams - {view.team(event.by)} else "domain"
    return f"{kind}, after {', '.join(replies)}" if replies else kind


def _rate(view: View, event: EventDesign) -> tuple[str, str]:
    steady, peak = event.rate.value, of_event(view.design, event).peak
    return (rate(steady), rate(peak)) if steady else ("not known", "-")


def _promise(view: View, event: EventDesign) -> tuple[str, Mark]:
    """The time within which an event is answered or seen, and the mark of the rule or the timeout that says so."""
    for rule in view.design.rules:
        models = [model for model in view.design.read_models if model.name == rule.read]
        if rule.kind == "staleness" and any(event.name in model.inputs for model in models):
            return f"{span(rule.max)} in {rule.read}", mark_of(rule.bound)
    for saga, step in view.design.steps:
        if event.name == step.ok:
            return f"{span(step.timeout.value)} after {step.do}", mark_of(step.timeout)
        if event.name == saga.start:
            return f"{span(saga.deadline.value)} by {saga.name}", mark_of(saga.deadline)
        if event.name == step.undone:
            return f"until it succeeds, after {step.undo}", R
    return "no promise is declared", R


def _on_the_wire(view: View) -> list[Block]:
    event = next((view.design.event(saga.start) for saga in view.design.sagas), None)
    event = event or next(iter(on_topics(view.design)), None)
    if event is None:
        return []
    namespace = view.design.service(event.by).namespace
    kind = f"{namespace}.v{event.version}.{event.name}"
    key = key_of(event)
    heard = " and ".join(view.design.consumers(event.name)) or "its readers"
    attributes = [
        ("id", f"{event.by}-1042", f"by it {heard} drop a second copy"),
        ("source", namespace, f"the database of {event.by}, which numbered it"),
        ("type", kind, "namespace, contract version, name"),
        ("time", INSTANT, f"the commit of {event.by}"),
        ("partitionkey", key, f"{event.key}: everything of one {event.key.removesuffix('_id')} stays in order"),
        ("correlationid", key, f"the same on each message that follows from this {event.name}"),
        ("causationid", f"{event.by}-1041", f"the message that made {event.by} publish it"),
        ("partitaschema", "fingerprint", f"names the schema of {event.name}, which {heard} read"),
    ]
    blocks: list[Block] = [Heading(f"{event.name} on the wire (CloudEvents 1.0, binary mode)")]
    blocks += table(
        "attribute | value | use", [row(R, f"`{name}`", f"`{value}`", use) for name, value, use in attributes]
    )
    envelope = {name: value for name, value, _ in attributes if name != "partitaschema"}
    text = json.dumps({"specversion": "1.0", **envelope, "data": example_of(event)}, indent=2)
    blocks.append(Code("json", text, f"One `{event.name}` in full, as structured mode shows it.", R))
    spaces = dict.fromkeys(view.design.service(each.by).namespace for each in on_topics(view.design))
    blocks += bullets(
        Item(f"A type is `<namespace>.v<version>.<Name>`, its name in the past, under {listed(spaces)}.", R),
        Item(f"A field is camelCase on the wire: {listed(example_of(event))}.", R),
    )
    return blocks
