"""The thresholds of alarms: each is half of the promise that it protects, so that it is heard while the promise still holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from partita.alerts.rules import RULES
from partita.design.document.block import Mark, Paragraph, R, Row, row, weakest
from partita.design.document.quantity import count, listed, rate, span
from partita.design.document.traffic import of_producer
from partita.design.document.view import View
from partita.design.model.origin import Fact, Origin

BEHIND, WAITING = "`partita_consumer_oldest_seconds`", "`partita_outbox_oldest_pending_seconds`"
OWN = tuple(rule for name in ("OutboxStalled", "ConsumerLate") for rule in RULES if rule.name == name)
"""The alerts that Partita sends by itself about a late outbox and about a late group, with their fixed limits."""


@dataclass(frozen=True, slots=True)
class Promise:
    """A time within which a message has to be handled: the bound of a read model, or the timeout of a step."""

    of: str
    seconds: float
    mark: Mark

    @property
    def alarm_s(self) -> float:
        """The age at which an alarm is heard."""
        return self.seconds / 2

    @property
    def because(self) -> str:
        """The arithmetic of the threshold."""
        return f"{span(self.seconds)} / 2 = {span(self.alarm_s)}, `{self.of}`"


def thresholds(view: View) -> list[Row]:
    """The metrics that a monitor watches, each with its threshold: late groups, late outboxes, sagas, schemas."""
    writers = ", ".join(dict.fromkeys(event.by for event in view.design.events))
    return [
        *_of_ages(view),
        *_of_counts(view),
        row(R, writers, "`partita_registry_up`", "= 0", "new schemas must wait"),
        row(R, "each group", "`partita_registry_unknown_total`", "> 0", "a record's schema is unknown"),
    ]


def sharpest(view: View, service: str) -> tuple[Promise | None, Promise | None]:
    """The tightest promise that a service keeps by its outbox, and by handling in time."""
    handled = [*_read_by(view, service), *_done_by(view, service)]
    sent = [each for other in view.design.services for each in _read_by(view, other.name, by=service)]
    sent += [*_done_by(view, service), *_asked_by(view, service)]
    if of_producer(view.design, service).steady <= 0:
        sent = []
    return _tightest(sent), _tightest(handled)


def beside_own_alerts(view: View) -> list[Paragraph]:
    """The alerts that Partita sends by itself: their limits are fixed, no brief changes them, and some promises are sharper."""
    sharp = {each.of: each for service in view.design.services for each, _ in _sharp(view, service.name)}
    fixed = " and ".join(
        f"{rule.name} at {span(rule.limit)} + {span(rule.for_s)} = {span(rule.limit + rule.for_s)}" for rule in OWN
    )
    if not sharp:
        return [
            Paragraph(
                f"Partita's own alerts have fixed limits, {fixed}: no promise of {view.design.domain} is sharper.", R
            )
        ]
    first = min(sharp.values(), key=lambda each: each.seconds)
    text = (
        f"Partita's own alerts have fixed limits, {fixed}: too late for {listed(sharp)}. A monitor of `/metrics` takes the "
        f"thresholds above; for `{first.of}` it reads at least each {span(first.alarm_s)}."
    )
    return [Paragraph(text, weakest(*(each.mark for each in sharp.values())))]


def _sharp(view: View, service: str) -> list[tuple[Promise, str]]:
    """The promises of a service that an alert of Partita is too late for, each with the metric that shows it in time."""
    pairs = zip(sharpest(view, service), OWN, (WAITING, BEHIND), strict=True)
    return [
        (each, metric) for each, rule, metric in pairs if each is not None and each.seconds <= rule.limit + rule.for_s
    ]


def _of_ages(view: View) -> Iterator[Row]:
    for service in view.design.services:
        found: dict[Promise, list[str]] = {}
        for promise, metric in _sharp(view, service.name):
            found.setdefault(promise, []).append(metric)
        for promise, metrics in found.items():
            yield row(promise.mark, service.name, ", ".join(metrics), f"> {span(promise.alarm_s)}", promise.because)


def _of_counts(view: View) -> Iterator[Row]:
    for rule in view.design.rules:
        model = next((each for each in view.design.read_models if each.name == rule.read), None)
        if rule.kind != "staleness" or rule.max is None or model is None or rule.max > OWN[1].limit:
            continue
        rates = [view.design.event(name).rate for name in model.inputs]
        coming = sum(each.value for each in rates)
        yield from _count(
            (rule.bound, *rates),
            model.service,
            "`partita_consumer_lag_messages`",
            coming,
            rule.max,
            "half of the bound",
        )
    for saga in view.design.sagas:
        begun = view.design.event(saga.start).rate
        yield from _count(
            (begun, saga.deadline),
            saga.name,
            "`partita_saga_active`",
            begun.value,
            saga.deadline.value,
            "half of the deadline",
        )


def _count(
    of: tuple[Fact[float] | Origin, ...], name: str, metric: str, coming: float, seconds: float, because: str
) -> Iterator[Row]:
    """The messages that come within half of a time; fewer than one are no threshold."""
    limit = coming * seconds / 2
    if limit >= 1:
        why = f"{rate(coming)} x {span(seconds)} / 2 = {count(limit)}, {because}"
        yield row(weakest(*of), name, metric, f"> {count(limit)}", why)


def _read_by(view: View, service: str, by: str = "") -> Iterator[Promise]:
    """The bounds of the read models of a service; with `by` only of those that read an event of that one."""
    for model in view.design.read_models:
        bound = model.staleness.value
        writers = {view.design.event(name).by for name in model.inputs}
        if model.service == service and bound is not None and (not by or by in writers):
            yield Promise(model.name, bound, weakest(model.staleness))


def _done_by(view: View, service: str) -> Iterator[Promise]:
    """The timeouts of the steps that a service does; a person's time is no time of a machine."""
    for _, step in view.design.steps:
        if step.at == service and not step.human:
            yield Promise(step.do, step.timeout.value, weakest(step.timeout))


def _asked_by(view: View, service: str) -> Iterator[Promise]:
    """The timeouts of the commands that a service sends as the director of a saga."""
    for saga, step in view.design.steps:
        if saga.at == service and not step.human:
            yield Promise(step.do, step.timeout.value, weakest(step.timeout))


def _tightest(found: list[Promise]) -> Promise | None:
    return min(found, key=lambda each: each.seconds, default=None)
