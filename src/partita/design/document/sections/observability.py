"""Section 12, observability: correlation through one flow, spans, metrics with thresholds, alerts, objectives, log fields."""

from __future__ import annotations

from partita.design.document import arithmetic
from partita.design.document.alarms import beside_own_alerts, thresholds
from partita.design.document.block import (
    PLANNED,
    A,
    Block,
    Heading,
    Item,
    Paragraph,
    R,
    Row,
    Section,
    Sequence,
    bullets,
    compact,
    mark_of,
    row,
    sums,
    table,
)
from partita.design.document.example import key_of
from partita.design.document.quantity import listed, span
from partita.design.document.topic import groups_of
from partita.design.document.traffic import of_producer
from partita.design.document.view import View

OWN_TEAM = "its team"


def section(view: View) -> Section:
    """The reports of a running system of this design."""
    design = view.design
    blocks: list[Block] = [Heading("Correlation through one flow")]
    blocks += _correlation(view)
    teams = ", ".join(f"{service.name} to {service.team}" for service in design.services)
    blocks += [Heading("Metrics and thresholds"), *compact("of | metric | alarm at | reason", thresholds(view))]
    blocks += beside_own_alerts(view)
    blocks += [Heading("Alerts"), *compact("of | alert | owner | first command", _alerts(view))]
    blocks.append(Paragraph(f"Alerts of a service go to its team: {teams}.", R))
    blocks.append(Heading("Objectives and error budget"))
    blocks += table("objective | bound | measured by", _objectives(view))
    blocks += sums(*(arithmetic.error_budget(stream) for stream in design.load.streams if stream.steady.value > 0))
    blocks.append(Heading("Log fields"))
    keys = listed(dict.fromkeys(event.key for event in design.events))
    keys_of = [service.name for service in design.services]
    blocks += bullets(
        Item(
            f"Each line of {listed(keys_of)} has service, message type, message id, correlation id and key ({keys}).", R
        ),
        *_without_pii(view),
    )
    return Section("12", "Observability", tuple(blocks))


def _without_pii(view: View) -> list[Item]:
    fields = [f"{event.name}.{name}" for event in view.design.events for name in event.pii]
    return [Item(f"{listed(fields)} are personal data and are in no log line.", R)] if fields else []


def _correlation(view: View) -> list[Block]:
    """The ids of each message of one happy path: the correlation stays, the causation is the id before."""
    saga = next(iter(view.design.sagas), None)
    if saga is None:
        return _choreographed(view)
    key = key_of(view.design.event(saga.start))
    way = [(saga.at, saga.start)]
    for step in saga.steps:
        way += [(saga.at, step.do), (step.at, step.ok)]
    rows, before = [], "-"
    for number, (service, message) in enumerate(way, 1):
        identity = f"{service}-{number}"
        rows.append(
            row(R, f"`{message}`", service, f"`{identity}`", f"`{before}`" if before != "-" else "-", f"`{key}`")
        )
        before = identity
    after = [each for each in view.design.reactions if saga.steps[-1].ok in each.when]
    for each in after:
        rows.append(row(R, f"{each.does}", each.who, "-", f"`{before}`", f"`{key}`"))
    found: list[Block] = list(table("message | by | id | causation id | correlation id", rows))
    last = f"`{after[0].who}`" if after else f"`{saga.at}`"
    found.append(
        Paragraph(
            f"From `{saga.start}` to {last} each message carries `{key}`, so `partita journey {key}` shows all {len(rows)}.",
            R,
        )
    )
    lanes = tuple(dict.fromkeys(service for service, _ in way))
    spans = tuple((saga.at, step.at, f"span {step.do}, {span(step.timeout.value)} at most") for step in saga.steps)
    name = f"spans-{saga.name}"
    caption = (
        f"One trace of `{saga.name}`: one span each for {listed(step.do for step in saga.steps)}, below `{saga.start}`."
    )
    return [*found, Sequence(name, lanes, spans, caption, PLANNED)]


def _choreographed(view: View) -> list[Block]:
    rows = []
    for each in view.design.reactions[:6]:
        event = view.design.event(each.when[0])
        rows.append(row(R, f"`{event.name}`", event.by, f"`{event.by}-1`", "-", f"`{key_of(event)}`"))
        rows += [
            row(R, f"`{given}`", each.who, f"`{each.who}-2`", f"`{event.by}-1`", f"`{key_of(event)}`")
            for given in each.gives
        ]
    return list(table("message | by | id | causation id | correlation id", rows))


def _alerts(view: View) -> list[Row]:
    found = []
    for saga in view.design.sagas:
        team = f"team {view.team(saga.at)}"
        attention = "`partita saga list --status needs_attention`"
        found.append(row(R, f"`{saga.name}`", "SagaNeedsAttention", team, attention))
        if any(step.undo for step in saga.steps):
            found.append(row(R, f"`{saga.name}`", "CompensationSlow", team, "`partita why`"))
    for service in view.design.services:
        if of_producer(view.design, service.name).steady > 0:
            found.append(row(R, f"`{service.name}`", "OutboxStalled", OWN_TEAM, "`partita outbox status`"))
    groups = list(dict.fromkeys(group for _, group in groups_of(view.design)))
    if groups:
        each = "each group" if len(groups) > 1 else f"`{groups[0]}`"
        commands = (
            ("DeadLetters", "partita dlq list --group NAME"),
            ("ConsumerLate, ConsumerLag, Storm", "partita consumers list --group NAME"),
            ("NobodyThere", "partita run --only NAME"),
        )
        found += [row(R, each, alert, OWN_TEAM, f"`{command}`") for alert, command in commands]
    return found


def _objectives(view: View) -> list[Row]:
    found = []
    for saga in view.design.sagas:
        way = arithmetic.p95(view.design, saga)
        found.append(
            row(A, way.name, way.result, f"the `{saga.name}` spans; `partita_saga_steps_total` counts its ends")
        )
        found.append(
            row(
                mark_of(saga.deadline),
                f"`{saga.name}` ended or undone",
                span(saga.deadline.value),
                "`partita_saga_active`",
            )
        )
    for rule in view.design.rules:
        if rule.kind == "staleness":
            found.append(row(mark_of(rule.bound), rule.text, span(rule.max), "`partita_consumer_oldest_seconds`"))
    return found
