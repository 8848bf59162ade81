"""Rules about the fields of events: keys, personal data, streams, revisions, and the record of reference."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from partita.design.checking.indexed import Indexed, finding
from partita.design.model.field import FieldDesign, FieldType
from partita.design.model.finding import Finding
from partita.design.model.message import EventDesign

OUTBOX_PER_S = 10_000.0
"""More events of one type in a second than an outbox carries: each is a row that a database writes, reads and deletes
(docs/guides/benchmarks.md)."""
REFERENCE: tuple[tuple[str, FieldType], ...] = (
    ("order_id", "id"),
    ("customer_id", "id"),
    ("total", "money"),
    ("occurred_at", "timestamp"),
)
"""The fields of shop.order.v1.OrderPlaced in its first revision, to the letter."""
_ORDERS = re.compile(r"\b(orders?|shop)\b")


def keys(of: Indexed) -> Iterator[Finding]:
    """The key of an event is one of its fields, from the first revision on."""
    for event in of.design.events:
        field = next((each for each in event.fields if each.name == event.key), None)
        if event.kind == "refusal" and not event.key:
            continue  # the refusal of an app's command: it travels under the key of that command
        if field is None:
            known = ", ".join(each.name for each in event.fields)
            yield finding(
                "key-not-in-payload", event.origin, event.name,
                f"{f'The key of {event.name} is {event.key}' if event.key else f'{event.name} has no key'}, and its fields are "
                f"{known or 'none'}.",
                "A partition, an order and a duplicate are recognised by the key: each reader must find it in the message.",
                f"data: {{{event.key or 'id'}: id, ...}}, or `key:` with one of its fields.",
            )  # fmt: skip
        elif field.type not in ("id", "string", "int") or field.optional or field.since > 1:
            yield finding(
                "key-not-always", event.origin, event.name, f"{event.name}.{event.key} cannot be a key.",
                "A key is a text or a whole number that each message has, from the first revision on.",
                f"{event.key}: id",
            )  # fmt: skip
        elif field.pii:
            yield finding(
                "personal-key", event.origin, event.name, f"The key {event.key} of {event.name} is personal data.",
                "Keys are in logs, metrics and the names of partitions, where no erasure reaches them.",
                f"a random id as the key, and {event.key} as another field.",
            )  # fmt: skip


def personal_data(of: Indexed) -> Iterator[Finding]:
    """A compacted topic keeps the last event of each key for ever: no personal data may be in it."""
    for event in of.design.events:
        found = _personal(event.fields)
        if event.compact and found:
            yield finding(
                "pii-in-compacted-topic", event.origin, event.name,
                f"The topic of {event.name} is compacted, and {', '.join(found)} is personal data.",
                "Compaction keeps the last event of each key for ever, so a person's data would never be erased.",
                "compact: no, and keep: 1h; or leave the field out and let readers ask its owner.",
            )  # fmt: skip


def lossy(of: Indexed) -> Iterator[Finding]:
    """A stream that no outbox carries is lossy, and nothing that must happen depends on a lossy event."""
    needed = {saga.start: saga.name for saga in of.design.sagas}
    for saga, step in of.design.steps:
        needed |= {name: saga.name for name in (step.ok, step.undone, *step.fail, saga.failed) if name}
    for event in of.design.events:
        if not event.lossy and event.rate.value > OUTBOX_PER_S:
            yield finding(
                "outbox-overload", event.origin, event.name,
                f"{event.name} happens {event.rate.value:,.0f} times a second, and each one goes through an outbox.",
                f"Above {OUTBOX_PER_S:,.0f} a second the rows of one outbox are written faster than a relay sends them.",
                "lossy: yes, where a late one is worthless: it goes past the outbox, and may be lost.",
            )  # fmt: skip
        if event.lossy and event.name in needed:
            yield finding(
                "lossy-but-needed", event.origin, event.name,
                f"{event.name} may be lost, and the saga {needed[event.name]} waits for it.",
                "A saga whose answer was lost is undone though the work was done.",
                "lossy: no, or another event for the saga.",
            )  # fmt: skip


def revisions(of: Indexed) -> Iterator[Finding]:
    """A field that came later has a value for the messages without it."""
    for event in of.design.events:
        for field in event.fields:
            has_value = field.default is not None or field.optional or field.type in ("list", "map")
            if field.since > 1 and not has_value:
                yield finding(
                    "later-without-default", field.origin, event.name,
                    f"{event.name}.{field.name} came with revision {field.since}, and has no default.",
                    f"A reader of revision {field.since} could not read the messages that are already on the topic.",
                    f"{field.name}: {{type: {field.type}, since: {field.since}, default: ...}}, or optional: yes.",
                )  # fmt: skip


def records(of: Indexed) -> Iterator[Finding]:
    """A record has fields."""
    for event in of.design.events:
        rest = list(event.fields)
        for field in rest:  # it grows by the fields of records
            rest.extend(field.fields)
            if "record" in (field.type, field.of) and not field.fields:
                yield finding(
                    "record-without-fields", field.origin, event.name, f"{event.name}.{field.name} has no fields.",
                    "A schema of a record without fields carries nothing.",
                    f"{field.name}: {{type: {field.type}, ... fields: {{name: string}}}}",
                )  # fmt: skip


def reference(of: Indexed) -> Iterator[Finding]:
    """`OrderPlaced` of a domain of orders has the fields of the contract of reference at first, and no other ones."""
    event = of.events.get("OrderPlaced")
    if event is None or not (_ORDERS.search(of.design.domain.lower()) or of.design.namespace == "shop"):
        return
    first: list[tuple[str, FieldType]] = [(field.name, field.type) for field in event.fields if field.since == 1]
    missing = [pair for pair in REFERENCE if pair not in first]
    more = [pair for pair in first if pair not in REFERENCE]
    if [_on_the_wire(*pair) for pair in first] != [_on_the_wire(*pair) for pair in REFERENCE]:
        parts = [f"has no {name}: {kind}" for name, kind in missing]
        parts += [f"has {name} from the first revision on" for name, _ in more]
        parts = parts or ["has them in another order"]
        right = ", ".join(f"{name}: {kind}" for name, kind in REFERENCE)
        yield finding(
            "reference-record", event.origin, event.name,
            f"The contract of reference of OrderPlaced is {{{right}}}; this one {', and '.join(parts)}.",
            "Programs that read shop.order.v1.OrderPlaced know these four fields and their order.",
            f"data: {{{right}{_later(event, more)}}}",
        )  # fmt: skip


def _on_the_wire(name: str, kind: FieldType) -> tuple[str, str]:
    """A field as readers see it: an app has text for an id, and a whole number of cents for money."""
    if kind == "money":
        return name if name.endswith("_cents") else f"{name}_cents", "int"
    return name, "string" if kind == "id" else kind


def _later(event: EventDesign, more: Sequence[tuple[str, str]]) -> str:
    """The other fields as revision 2: a change that readers of the first revision survive."""
    fields = [each for each in event.fields if (each.name, each.type) in more]
    texts = []
    for field in fields:
        value = (
            "" if field.type in ("list", "map") else ", default: ''" if field.type == "string" else ", optional: yes"
        )
        pii = ", pii: true" if field.pii else ""
        texts.append(f", {field.name}: {{type: {field.type}{pii}, since: 2{value}}}")
    return "".join(texts)


def _personal(fields: tuple[FieldDesign, ...]) -> list[str]:
    return [name for field in fields for name in ([field.name] if field.pii else _personal(field.fields))]
