"""A keeper: the part of a design that keeps a clause of an answer, found by its name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from partita.design.model.design import Design
from partita.design.model.origin import Fact
from partita.design.model.rule import Rule
from partita.design.model.saga import SagaDesign, StepDesign

KeeperKind = Literal[
    "domain", "bus", "service", "event", "field", "step", "undo", "time", "saga", "deadline", "reaction", "aggregate",
    "read model", "rule", "load", "retention", "failure",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Keeper:
    """A part by its `name` (`ReserveStock`, `ReserveStock.timeout`, the words of a rule). `of` is the name of the part that has
    it, `key` the value of it that is meant; a step has its saga, a rule is there whole."""

    name: str
    kind: KeeperKind
    of: str
    key: str = ""
    saga: SagaDesign | None = None
    step: StepDesign | None = None
    rule: Rule | None = None


def keepers_of(design: Design) -> dict[str, Keeper]:
    """Every part of a design that may keep a clause, by its name. A value is one only where the brief says it."""
    found: dict[str, Keeper] = {}
    for each in _all(design):
        found.setdefault(each.name, each)
    return found


def _all(design: Design) -> Iterator[Keeper]:
    yield Keeper("domain", "domain", design.domain)
    yield Keeper("bus", "bus", design.bus.use.value)
    yield from _flows(design)
    for event in design.events:
        yield Keeper(event.name, "event", event.name)
        yield from (Keeper(f"{event.name}.{each.name}", "field", event.name, each.name) for each in event.fields)
    for service in design.services:
        yield Keeper(service.name, "service", service.name)
    yield from (Keeper(each.name, "aggregate", each.name) for each in design.aggregates)
    for model in design.read_models:
        yield Keeper(model.name, "read model", model.name)
        if model.staleness.value is not None:
            yield Keeper(f"{model.name}.max", "time", model.name, "max")
    yield from (Keeper(" ".join(each.text.split()), "rule", each.text, rule=each) for each in design.rules)
    for stream in design.load.streams:
        if _is_written(stream.steady):
            yield Keeper(f"load.{stream.name}", "load", stream.name)
    if _is_written(design.load.retention):
        yield Keeper("load.retention", "retention", "load", "retention")
    for key in ("retry_topics", "then", "alert", "window"):
        if _is_written(getattr(design.failure, key)):
            yield Keeper(f"failure.{key}", "failure", "failure", key)


def _flows(design: Design) -> Iterator[Keeper]:
    for saga in design.sagas:
        yield Keeper(saga.name, "saga", saga.name, saga=saga)
        if _is_written(saga.deadline):
            yield Keeper(f"{saga.name}.deadline", "deadline", saga.name, "deadline", saga=saga)
    for saga, step in design.steps:
        yield Keeper(step.do, "step", step.do, saga=saga, step=step)
        if step.undo:
            yield Keeper(step.undo, "undo", step.undo, saga=saga, step=step)
        kinds = {timer.kind for timer in step.timers}
        written = {
            "timeout": _is_written(step.timeout), "remind": "remind" in kinds, "escalate": "escalate" in kinds,
            "timers": "send" in kinds, "retry": bool(step.retry), "human": step.human,
        }  # fmt: skip
        for key in (key for key, is_there in written.items() if is_there):
            yield Keeper(f"{step.do}.{key}", "time", step.do, key, saga=saga, step=step)
    for flow in design.choreographies:
        yield Keeper(flow.name, "saga", flow.name)
    for reaction in design.reactions:
        for name in reaction.when:
            yield Keeper(f"{reaction.who}.{name}", "reaction", reaction.who, name)


def _is_written(fact: Fact[object]) -> bool:
    """Whether a line of the brief has the value; a default has no line."""
    return bool(fact.origin.place)
