"""Judging a generated case by its result: one end for each instance, effects that fit it, no false event, no waiting message."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from partita.testing.generators.sagas import Refuses, SagaCase


@dataclass(slots=True)
class InstanceSeen:
    """An instance at the end: for each step, `done` says how often its effect was made, and `left` how much of it is
    left; `history` has the kinds of its history entries, with the step."""

    status: str = "never started"
    step: str = ""
    problem: str = ""
    done: list[int] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    told_undone: int = 0
    history: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class Seen:
    """The result of a case. `refused` is the reason if the declaration of the saga was refused."""

    refused: str = ""
    instances: list[InstanceSeen] = field(default_factory=list)
    false: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    ended: bool = True
    virtual_s: float = 0.0


def judge(case: SagaCase, seen: Seen) -> list[str]:
    """The errors of a result; empty = the result is right."""
    may_run = all(step.undoable for step in case.saga.steps if step.kind == "pivot")
    if seen.refused:
        return [] if not may_run else [f"refused at import: {seen.refused}"]
    found = [*seen.failed, *seen.false, *seen.waiting]
    if not seen.ended:
        found.append("it goes on and on")
    for number, instance in enumerate(seen.instances):
        found += [f"i{number}: {what}" for what in _of_instance(case, number, instance)]
    return found


def _of_instance(case: SagaCase, number: int, seen: InstanceSeen) -> Iterator[str]:
    if seen.status not in ("completed", "undone"):
        yield f"{seen.status} at {seen.step}" + (f" ({seen.problem})" if seen.problem else "")
        return
    completed = seen.status == "completed"
    if seen.told_undone != (0 if completed or not any(s.kind != "retriable" for s in case.saga.steps) else 1):
        yield f"{seen.status}, and published as undone {seen.told_undone} times"
    for place, (step, done, left) in enumerate(zip(case.saga.steps, seen.done, seen.left, strict=True)):
        if done > 1:
            yield f"{seen.status}, and s{place} was done {done} times"
        if completed and left != 1:
            yield f"completed, and of s{place} there is {left}"
        if not completed and left and (step.undoable or step.kind != "step"):
            yield f"undone, and of s{place} there is {left}"
        if not completed and step.kind != "step" and ("done", f"s{place}") in seen.history:
            yield f"undone after its point of no return, s{place}"
        if completed and Refuses(number, place) in case.troubles:
            yield f"completed, and s{place} was refused"
    ends = [kind for kind, _ in seen.history if kind == "completed" or kind == "ended"]
    if completed and ends != ["completed"]:
        yield f"completed, and its history says {ends}"
