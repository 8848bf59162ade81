"""Section 9, the outbox: the transaction with its crash points, the table, the relay, and the room for an absent bus."""

from __future__ import annotations

from partita.design.document import arithmetic
from partita.design.document.assumed import OUTAGE_S, SESSION_S
from partita.design.document.block import (
    PLANNED,
    Block,
    Code,
    Figure,
    Heading,
    Paragraph,
    R,
    Row,
    Section,
    row,
    sums,
    table,
)
from partita.design.document.failure_matrix import shown_by
from partita.design.document.quantity import listed, rate, span
from partita.design.document.scene import crash_points
from partita.design.document.traffic import of_producer, on_topics, parts_of_producer
from partita.design.document.view import View
from partita.design.model.message import EventDesign

DDL = """\
CREATE TABLE outbox (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id TEXT NOT NULL, aggregatetype TEXT NOT NULL,
    aggregateid TEXT, type TEXT NOT NULL, payload BYTEA NOT NULL, headers BYTEA NOT NULL,
    correlation_id TEXT NOT NULL, causation_id TEXT, slot BIGINT NOT NULL, at_us BIGINT NOT NULL
);"""
"""The outbox of a PostgreSQL store; a test compares it with the table that the store makes."""


def section(view: View) -> Section:
    """The outbox of each producer."""
    design = view.design
    blocks: list[Block] = []
    event = _shown(view)
    if event is None:
        return Section("9", "Outbox", (Paragraph(f"No event of {design.domain} is committed with a state.", R),))
    consumer = next(iter(design.consumers(event.name)), event.by)
    point = f"a crash before 3 loses `{event.name}` with its state, one after 3 loses neither"
    blocks.append(Figure("outbox", crash_points(event.by, event.name, consumer), f"Six places of a crash: {point}.", R))
    blocks += table("crash at | left behind | after the restart | shown by", _crashes(event, consumer))
    database = design.service(event.by).database.value
    blocks.append(Code("sql", DDL, f"The outbox of `{event.by}` in its {database}: aggregateid is its {event.key}.", R))
    blocks += [Heading("Relay"), *table("service | commits | order | moved by | rows removed", _relays(view))]
    senders = [service.name for service in design.services if of_producer(design, service.name).steady > 0]
    blocks += sums(*(arithmetic.rates(f"outbox of {name}", parts_of_producer(design, name)) for name in senders))
    blocks += sums(
        *(arithmetic.mean_bytes(f"the outbox of {name}", parts_of_producer(design, name)) for name in senders)
    )
    past = [each for each in design.events if each.lossy]
    if past:
        names = listed(each.name for each in past)
        blocks.append(
            Paragraph(
                f"{names} goes past the outbox: a late one is worthless, and a lost one is replaced by the next.", R
            )
        )
        blocks += sums(*(arithmetic.lossy_bytes(design, each.name) for each in past))
    blocks.append(Heading(f"Room for a bus that is away for {span(OUTAGE_S)}"))
    blocks += sums(*(each for service in senders for each in arithmetic.backlog(design, service)))
    return Section("9", "Outbox", tuple(blocks))


def _shown(view: View) -> EventDesign | None:
    """The event of the picture: the start of the first saga, else the first that no reader may miss."""
    for saga in view.design.sagas:
        return view.design.event(saga.start)
    return next((event for event in on_topics(view.design) if not event.lossy), None)


def _crashes(event: EventDesign, consumer: str) -> list[Row]:
    name, by, again = event.name, event.by, span(SESSION_S)
    outcomes = (
        ("1", "nothing", f"`{by}` handles its message again; `{name}` comes once"),
        ("2", "nothing, it rolls back", f"as 1: neither the state nor `{name}` was there"),
        ("3", f"the state and the row of `{name}`", f"the next relay of `{by}` sends `{name}`"),
        (
            "4",
            f"the row, and perhaps the record of `{name}`",
            f"it is sent again with the same id; `{consumer}` drops the second",
        ),
        ("5", f"the record of `{name}`, the row still queued", "as 4"),
        ("6", f"the record of `{name}`, no mark in `{consumer}`", f"`{consumer}` handles `{name}` after {again}"),
    )
    return [
        row(PLANNED, number, left, after, f"`{shown_by(by, name, f'crash at {number}')}`")
        for number, left, after in outcomes
    ]


def _relays(view: View) -> list[Row]:
    design = view.design
    found = []
    for service in design.services:
        each = of_producer(design, service.name)
        if each.steady <= 0:
            continue
        own = [event for event in on_topics(design) if event.by == service.name and not event.lossy]
        keys = (
            listed(dict.fromkeys(event.key for event in own))
            if own
            else listed(dict.fromkeys(s.key for s in design.sagas))
        )
        window = design.failure.window.value
        found.append(
            row(
                R,
                f"`{service.name}`",
                f"{rate(each.steady)}, {rate(each.peak)} at the peak",
                f"by {keys}",
                "polling, or Debezium",
                f"after {span(window)}",
            )
        )
    return found
