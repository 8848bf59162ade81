"""Cases that are simpler by one thing each: a wrong case is shown as small as it stays wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from partita.testing.generators.later_answers import AnsweredLater, fewer_answers
from partita.testing.generators.sagas import (
    CHILD,
    HOME,
    Acts,
    DrawnChild,
    DrawnSaga,
    DrawnStep,
    Fails,
    Refuses,
    SagaCase,
    Trouble,
    Withdraws,
    beside,
)

T = TypeVar("T")


def smaller(case: SagaCase) -> Iterator[SagaCase]:
    """Cases that are simpler by one thing each: without one fault, instance or step; times are not shortened."""
    for number in range(len(case.troubles)):
        yield replace(case, troubles=_without(case.troubles, number))
    for number, trouble in enumerate(case.troubles):
        if isinstance(trouble, AnsweredLater):
            must = case.saga.step(trouble.step).kind == "retriable"
            for less in fewer_answers(trouble, must=must):
                yield replace(case, troubles=(*case.troubles[:number], less, *case.troubles[number + 1 :]))
    for number in range(len(case.instances) if len(case.instances) > 1 else 0):
        yield replace(case, instances=_without(case.instances, number), troubles=tuple(_of_others(case, number)))
    for number, step in enumerate(case.saga.steps):
        undoable = sum(each.kind != "retriable" for each in case.saga.steps) - (step.kind != "retriable")
        if len(case.saga.steps) > 1 and (undoable or case.saga.heard_from is None):
            steps, child = beside(_without(case.saga.steps, number)), _child_without(case.saga.child, number)
            others = replace(case, troubles=tuple(_of_other_steps(case, number)))
            yield _with_saga(others, replace(case.saga, steps=steps, child=child))
        if step.on_timeout != "undo" and step.kind != "retriable":
            yield _with_step(case, number, replace(step, on_timeout="undo"))
        if step.beside:
            yield _with_step(case, number, replace(step, beside=False))
        if step.each:
            yield _with_step(case, number, replace(step, each=0))
        if step.timers:
            yield _with_step(case, number, replace(step, timers=step.timers[1:]))
    if (child := case.saga.child) is not None:
        yield _with_saga(case, replace(case.saga, child=None))
        for number in range(len(child.steps) if len(child.steps) > 1 else 0):
            below = replace(child, steps=_without(child.steps, number))
            others = replace(case, troubles=tuple(_of_other_steps(case, CHILD + number)))
            yield _with_saga(others, replace(case.saga, child=below))
    if case.saga.heard_from is not None and not any(isinstance(trouble, Withdraws) for trouble in case.troubles):
        yield replace(case, saga=replace(case.saga, heard_from=None))
    for number, instance in enumerate(case.instances):
        if instance.items:
            fewer = replace(instance, items=instance.items - 1)
            yield replace(case, instances=(*case.instances[:number], fewer, *case.instances[number + 1 :]))
    if any(instance.at_s for instance in case.instances):
        yield replace(case, instances=tuple(replace(instance, at_s=0.0) for instance in case.instances))


def _with_step(case: SagaCase, number: int, step: DrawnStep) -> SagaCase:
    steps = (*case.saga.steps[:number], step, *case.saga.steps[number + 1 :])
    return replace(case, saga=replace(case.saga, steps=steps))


def _with_saga(case: SagaCase, saga: DrawnSaga) -> SagaCase:
    """The case with another saga, without the faults of what that saga has no more."""
    places, steps = saga.places, range(CHILD, CHILD + len(saga.child.steps) if saga.child is not None else CHILD)
    left: list[Trouble] = []
    for trouble in case.troubles:
        place, number = getattr(trouble, "place", HOME), getattr(trouble, "step", 0)
        on_child = isinstance(trouble, Acts) and trouble.on_child
        if place in places and (number < CHILD or number in steps) and not (on_child and saga.child is None):
            left.append(trouble)
    return replace(case, saga=saga, troubles=tuple(left))


def _child_without(child: DrawnChild | None, number: int) -> DrawnChild | None:
    """A sub-saga where its parent loses a step."""
    if child is None or child.at == number:
        return None
    return replace(child, at=child.at - (child.at > number))


def _without(things: Sequence[T], number: int) -> tuple[T, ...]:
    return (*things[:number], *things[number + 1 :])


def _of_others(case: SagaCase, instance: int) -> Iterator[Trouble]:
    for trouble in case.troubles:
        if not isinstance(trouble, Refuses | Fails | Acts | Withdraws | AnsweredLater):
            yield trouble
        elif trouble.instance != instance:
            yield replace(trouble, instance=trouble.instance - (trouble.instance > instance))


def _of_other_steps(case: SagaCase, step: int) -> Iterator[Trouble]:
    for trouble in case.troubles:
        if not isinstance(trouble, Refuses | Fails | AnsweredLater):
            yield trouble
        elif trouble.step != step:
            behind = trouble.step > step and (trouble.step < CHILD) == (step < CHILD)
            yield replace(trouble, step=trouble.step - behind)
