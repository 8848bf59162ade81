"""Alarms of a document: each is heard while the promise that it protects still holds."""

from __future__ import annotations

import dataclasses

import pytest
from tests.unit.design.domains import DOMAINS, design_of

from partita.design.document.alarms import BEHIND, OWN, WAITING, beside_own_alerts, sharpest, thresholds
from partita.design.document.block import A
from partita.design.document.quantity import span
from partita.design.document.view import view_of
from partita.design.model.origin import Fact, Origin


@pytest.mark.parametrize("name", DOMAINS)
def test_each_sharp_promise_has_an_alarm_at_half_of_it(name: str) -> None:
    """A read model 2 s behind is not watched by an alarm at 60 s; a promise of an hour is, by the alert of Partita."""
    view = view_of(design_of(name))
    shown = {(row.cells[0], metric): row.cells[2] for row in thresholds(view) for metric in row.cells[1].split(", ")}
    for service in view.design.services:
        for promise, metric, own in zip(sharpest(view, service.name), (WAITING, BEHIND), OWN, strict=True):
            if promise is not None and promise.seconds <= own.limit + own.for_s:
                assert shown[service.name, metric] == f"> {span(promise.seconds / 2)}"
            else:
                assert (service.name, metric) not in shown


def test_an_outbox_is_watched_for_the_readers_and_steps_that_wait_for_it() -> None:
    """The reply of a step leaves by the outbox of its service, and the events of a read model by that of their writer."""
    view = view_of(design_of("orders"))
    sent = {service.name: sharpest(view, service.name)[0] for service in view.design.services}
    assert {name: (each.of, each.alarm_s) for name, each in sent.items() if each is not None} == {
        "order-service": ("order_summary", 1.0),
        "payment-service": ("ChargePayment", 30.0),
        "inventory-service": ("ReserveStock", 15.0),
    }


def test_the_alerts_of_partita_promise_no_more_than_their_fixed_limits() -> None:
    """Their limits are in the code of the rules, and no brief changes them."""
    (said,) = beside_own_alerts(view_of(design_of("orders")))
    assert "OutboxStalled at 1 min + 15 s = 75 s and ConsumerLate at 5 min + 1 min = 6 min: too late for" in said.text
    assert said.text.endswith("for `order_summary` it reads at least each 1 s.")


def test_slow_promises_need_no_monitor_beside_the_alerts() -> None:
    """With an hour for each step and no read model the alerts of Partita are in time."""
    design = design_of("orders")
    hour = Fact(3_600.0, Origin("assumed"))
    sagas = tuple(
        dataclasses.replace(saga, steps=tuple(dataclasses.replace(step, timeout=hour) for step in saga.steps))
        for saga in design.sagas
    )
    view = view_of(dataclasses.replace(design, sagas=sagas, read_models=()))
    (said,) = beside_own_alerts(view)
    assert "is sharper" in said.text
    assert not [row for row in thresholds(view) if BEHIND in row.cells[1] or WAITING in row.cells[1]]


def test_the_threshold_of_an_assumed_promise_is_assumed() -> None:
    """Its line follows the mark of the timeout."""
    design = design_of("orders")
    (saga,) = design.sagas
    steps = (dataclasses.replace(saga.steps[0], timeout=Fact(30.0, Origin("assumed"))), *saga.steps[1:])
    view = view_of(dataclasses.replace(design, sagas=(dataclasses.replace(saga, steps=steps),)))
    (found,) = [row for row in thresholds(view) if row.cells[0] == "inventory-service"]
    assert found.mark is A
