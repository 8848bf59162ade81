"""A keeper: the part of a design that keeps a clause of an answer, found by its name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from partita.design.model.design import Design
from partita.design.model.origin import Fact, Origin
from partita.design.model.rule import Rule
from partita.design.model.saga import SagaDesign, StepDesign

KeeperKind = Literal[
    "domain", "bus", "service", "event", "field", "step", "undo", "time", "saga", "deadline", "reaction", "aggregate",
    "read model", "rule", "load", "retention", "failure",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Keeper:
    """A part by its `name` (`ReserveStock`, `ReserveStock.timeout`, the words of a rule). `of` is the name of the part that has
    it, `origin` that of its value, `key` the value of it that is meant; a step has its saga, a rule is there whole."""

    name: str
    kind: KeeperKind
    of: str
    origin: Origin
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
    yield Keeper("domain", "domain", design.domain, design.purpose.origin)
    yield Keeper("bus", "bus", design.bus.use.value, design.bus.use.origin)
    yield from _flows(design)
    for event in design.events:
        yield Keeper(event.name, "event", event.name, event.origin)
        for field in event.fields:
            yield Keeper(f"{event.name}.{field.name}", "field", event.name, field.origin, field.name)
    yield from (Keeper(each.name, "service", each.name, each.origin) for each in design.services)
    yield from (Keeper(each.name, "aggregate", each.name, each.origin) for each in design.aggregates)
    for model in design.read_models:
        yield Keeper(model.name, "read model", model.name, model.origin)
        if model.staleness.value is not None:
            yield Keeper(f"{model.name}.max", "time", model.name, model.staleness.origin, "max")
    for rule in design.rules:
        yield Keeper(" ".join(rule.text.split()), "rule", rule.text, rule.bound, rule=rule)
    for stream in design.load.streams:
        if _is_written(stream.steady):
            yield Keeper(f"load.{stream.name}", "load", stream.name, stream.steady.origin)
    if _is_written(design.load.retention):
        yield Keeper("load.retention", "retention", "load", design.load.retention.origin, "retention")
    for key in ("retry_topics", "then", "alert", "window"):
        fact: Fact[object] = getattr(design.failure, key)
        if _is_written(fact):
            yield Keeper(f"failure.{key}", "failure", "failure", fact.origin, key)


def _flows(design: Design) -> Iterator[Keeper]:
    for saga in design.sagas:
        yield Keeper(saga.name, "saga", saga.name, saga.origin, saga=saga)
        if _is_written(saga.deadline):
            yield Keeper(f"{saga.name}.deadline", "deadline", saga.name, saga.deadline.origin, "deadline", saga=saga)
    for saga, step in design.steps:
        yield Keeper(step.do, "step", step.do, step.origin, saga=saga, step=step)
        if step.undo:
            yield Keeper(step.undo, "undo", step.undo, step.origin, saga=saga, step=step)
        kinds = {timer.kind for timer in step.timers}
        written = {
            "timeout": _is_written(step.timeout), "remind": "remind" in kinds, "escalate": "escalate" in kinds,
            "timers": "send" in kinds, "retry": bool(step.retry), "human": step.human,
        }  # fmt: skip
        for key in (key for key, is_there in written.items() if is_there):
            origin = step.timeout.origin if key == "timeout" else step.origin
            yield Keeper(f"{step.do}.{key}", "time", step.do, origin, key, saga=saga, step=step)
    for flow in design.choreographies:
        yield Keeper(flow.name, "saga", flow.name, flow.origin)
    for reaction in design.reactions:
        for name in reaction.when:
            yield Keeper(f"{reaction.who}.{name}", "reaction", reaction.who, reaction.origin, name)


def _is_written(fact: Fact[object]) -> bool:
    """Whether a line of the brief has the value; a default has no line."""
    return bool(fact.origin.place)
