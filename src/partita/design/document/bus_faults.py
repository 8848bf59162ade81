"""The bus away for an hour: each service commits on, and its outbox fills."""

from __future__ import annotations

from partita.design.document.assumed import AWAY_S
from partita.design.document.block import PLANNED, Row, row
from partita.design.document.failure_matrix import NOBODY, Answer, shown_row
from partita.design.document.quantity import count, listed, rate, size, span
from partita.design.document.shown import Claim
from partita.design.document.traffic import of_event, of_producer
from partita.design.document.view import View
from partita.design.model.service import ServiceDesign

FAULT = "bus an hour away"


def of_bus(view: View) -> list[Row]:
    """A row for each service."""
    found = []
    for service in view.design.services:
        answer = _answer(view, service)
        found.append(shown_row(view, f"`{service.name}`", Claim(("bus", service.name), FAULT), answer))
    return found


def summary_of_bus(view: View) -> list[Row]:
    """The rows of the services that publish."""
    writers = [service for service in view.design.services if of_producer(view.design, service.name).steady > 0]
    answers = [(service, _answer(view, service)) for service in writers]
    return [row(PLANNED, FAULT, f"`{service.name}`", each.sees, each.does, each.notified) for service, each in answers]


def _answer(view: View, service: ServiceDesign) -> Answer:
    each = of_producer(view.design, service.name)
    if each.steady <= 0:
        return Answer(f"{_shown(view, service)}, an hour late", "it receives nothing", NOBODY)
    rows = each.peak * AWAY_S
    does = (
        f"its outbox fills: {rate(each.peak)} x {span(AWAY_S)} = {count(rows)} rows, "
        f"x {each.bytes_each:,.0f} B = {size(rows * each.bytes_each)}"
    )
    return Answer(_seen(view, service), does, f"team {service.team}, by OutboxStalled")


def _shown(view: View, service: ServiceDesign) -> str:
    models = [model.name for model in view.design.read_models if model.service == service.name]
    does = [each.does for each in view.design.reactions if each.who == service.name]
    return listed(models) if models else ", ".join(does) or f"`{service.name}`"


def _seen(view: View, service: ServiceDesign) -> str:
    """The view of a customer: a deadline does not wait for the bus, the time of a step does."""
    ended = []
    for saga in view.design.sagas:
        limit = saga.deadline.value
        if saga.at == service.name and saga.failed and limit < AWAY_S:
            begun = of_event(view.design, view.design.event(saga.start)).peak
            many = f"{rate(begun)} x ({span(AWAY_S)} - {span(limit)}) = {count(begun * (AWAY_S - limit))}"
            ended.append(
                f"`{saga.failed}` after {span(limit)} for those before their point of no return: {many} at most"
            )
    return "; ".join(ended) or "an hour later"
