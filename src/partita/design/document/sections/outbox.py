"""Section 9, the outbox: the transaction with its crash points, the table, the relay, and the room for an absent bus."""

from __future__ import annotations

from partita.design.document import arithmetic
from partita.design.document.assumed import OUTAGE_S, SESSION_S
from partita.design.document.block import (
    A,
    Block,
    Figure,
    Heading,
    Paragraph,
    Pointer,
    R,
    Row,
    Section,
    compact,
    row,
    table,
)
from partita.design.document.quantity import listed, rate, span
from partita.design.document.scene import crash_points
from partita.design.document.traffic import of_producer, on_topics
from partita.design.document.view import View
from partita.design.model.message import EventDesign


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
    blocks += table("crash at | left behind | after the restart", _crashes(event, consumer))
    blocks.append(
        Paragraph(f"Partita's own tests kill a process at each of these places; no test of {design.domain} does.", R)
    )
    senders = [service.name for service in design.services if of_producer(design, service.name).steady > 0]
    blocks.append(Pointer("E", f"the outbox's table, the same in {listed(senders or [event.by])}"))
    blocks += [
        Heading(f"Relay, and the room for a bus that is away for {span(OUTAGE_S)}"),
        *compact("service | commits | order | moved by | rows removed | rows, disk without a bus", _relays(view)),
    ]
    past = [each for each in design.events if each.lossy]
    if past:
        names = listed(each.name for each in past)
        amount = ", ".join(arithmetic.lossy_bytes(design, each.name).result for each in past)
        blocks.append(
            Paragraph(
                f"{names} goes past the outbox, with {amount}: a late one is worthless, and a lost one is replaced by the next.",
                A,
            )
        )
    if senders:
        blocks.append(Pointer("D", f"rates, sizes and backlogs of the outboxes of {listed(senders)}"))
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
    return [row(R, number, left, after) for number, left, after in outcomes]


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
                A,
                f"`{service.name}`",
                f"{rate(each.steady)}, {rate(each.peak)} at the peak",
                f"by {keys}",
                "polling, or Debezium",
                f"after {span(window)}",
                ", ".join(one.result for one in arithmetic.backlog(design, service.name)),
            )
        )
    return found
