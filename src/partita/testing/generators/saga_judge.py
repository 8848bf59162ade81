"""Judging a generated case by its result: one end for each instance, effects that fit it, no false event, no waiting message."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from partita.testing.generators.answer_judge import AnswersSeen, first_of, judge_answers
from partita.testing.generators.children import ChildSeen, judge_child
from partita.testing.generators.sagas import (
    CHILD,
    HOME,
    Away,
    DrawnStep,
    Refuses,
    SagaCase,
    TooLarge,
    Withdraws,
)

SHORT_S = 0.001


@dataclass(slots=True)
class InstanceSeen:
    """An instance at the end: for each step, or step of an item, `done` says how often its effect was made, and `left` how
    much of it is left; `history` has the kinds of its history entries, with the step, and `at_s` their times. `reminded`
    counts for each the reminders that its participant has handled. `answers` are those from outside, by the number of the
    step and of its item."""

    status: str = "never started"
    step: str = ""
    problem: str = ""
    done: list[int] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    told_undone: int = 0
    history: list[tuple[str, str]] = field(default_factory=list)
    at_s: list[float] = field(default_factory=list)
    reminded: list[int] = field(default_factory=list)
    answers: dict[tuple[int, int], AnswersSeen] = field(default_factory=dict)
    child: ChildSeen | None = None


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
    too_long = case.exceeds(number)
    if too_long is not None and all(step.kind == "retriable" for step in case.saga.steps):
        behind = [done for unit, done in zip(case.units(number), seen.done, strict=True) if unit.step >= too_long]
        if seen.status != "needs_attention" or any(behind):
            yield f"{seen.status}, and its list is longer than its bound"
        return
    if seen.status not in ("completed", "undone"):
        yield f"{seen.status} at {seen.step}" + (f" ({seen.problem})" if seen.problem else "")
        return
    completed = seen.status == "completed"
    if seen.told_undone != (0 if completed or not any(s.kind != "retriable" for s in case.saga.steps) else 1):
        yield f"{seen.status}, and published as undone {seen.told_undone} times"
    if too_long is not None and (completed or any(seen.done)):
        yield f"{seen.status}, and its list is longer than its bound"
    units = case.units(number)
    for (name, place, item), done, left in zip(units, seen.done, seen.left, strict=True):
        step = case.saga.steps[place]
        if done > 1:
            yield f"{seen.status}, and {name} was done {done} times"
        if completed and left != 1:
            yield f"completed, and of {name} there is {left}"
        if not completed and left and (step.undoable or step.kind != "step"):
            yield f"undone, and of {name} there is {left}"
        if not completed and step.kind != "step" and ("done", name) in seen.history:
            yield f"undone after its point of no return, {name}"
        if completed and Refuses(number, place, max(item, 0)) in case.troubles:
            yield f"completed, and {name} was refused"
    undone = list(dict.fromkeys(of for kind, of in seen.history if kind == "undoing"))
    if undone != [unit.name for unit in reversed(units) if unit.name in undone]:
        yield f"{', '.join(undone)} were undone in this order"
    if any(isinstance(t, Withdraws) and t.instance == number for t in case.troubles):
        yield from _of_withdrawal(case, number, seen)
    before: set[str] = set()
    for group in case.groups(number):
        for unit in group:
            handled = seen.reminded[units.index(unit)]
            yield from _of_reminders(case, unit.name, handled, case.saga.steps[unit.step], before, seen)
        before = {unit.name for unit in group}
    if seen.child is not None:
        yield from judge_child(case, number, seen.status, seen.child)
    for (place, item), answers in seen.answers.items():
        step = case.saga.step(place)
        name = f"s{place}/{item}" if step.each else f"s{place}"
        yield from judge_answers(name, answers, withdrawn=not step.undoable and step.kind == "step")
        ended = seen.status if place < CHILD or seen.child is None else seen.child.status
        if ended == "completed" and first_of(answers.facts) == "no":
            yield f"completed, and {name} was refused from outside"
    ends = [kind for kind, _ in seen.history if kind == "completed" or kind == "ended"]
    if completed and ends != ["completed"]:
        yield f"completed, and its history says {ends}"


def _of_reminders(
    case: SagaCase, name: str, handled: int, step: DrawnStep, group_before: set[str], seen: InstanceSeen
) -> Iterator[str]:
    """The errors in the reminders of a step: each is sent at its time and not before, once, and while the step waits."""
    first, before = not group_before, set(group_before)
    began_s = ended_s = None
    sent: list[float] = []
    for (kind, of), at_s in zip(seen.history, seen.at_s, strict=True):
        if kind == "done" and of in before:
            before.discard(of)
            began_s = None if before else at_s
        elif kind == "started" and first:
            began_s = at_s
        elif ended_s is None and ((of == name and kind == "done") or kind in ("refused", "timeout")):
            ended_s = at_s
        elif of == name and kind == "reminded":
            sent.append(at_s)
            if ended_s is not None or began_s is None:
                yield f"{name} was reminded while it did not wait"
    if len(sent) > len(step.timers) or handled != len(sent):
        yield f"of {len(step.timers)} reminders of {name} {len(sent)} were sent, and {handled} handled"
    if began_s is None or ended_s is None:
        return
    for after_s, at_s in zip(step.timers, sent, strict=False):
        if at_s < began_s + after_s - SHORT_S:
            yield f"{name} was reminded after {at_s - began_s:g} s, and not after {after_s:g} s"
    due = sum(began_s + after_s + SHORT_S < ended_s for after_s in step.timers)
    if len(sent) < due and ("unsent", name) not in seen.history and not _is_slow(case):
        yield f"of {due} reminders of {name} that were due {len(sent)} were sent"


def _of_withdrawal(case: SagaCase, number: int, seen: InstanceSeen) -> Iterator[str]:
    """The errors after the event that cancels an instance: it is heard, also before the start, and before the point of no
    return it undoes the instance."""
    kinds = [kind for kind, _ in seen.history]
    if "heard" not in kinds:
        yield f"{seen.status}, and the event that cancels it was not heard"
        return
    units = case.units(number)
    undoable = {("done", unit.name) for unit in units if case.saga.steps[unit.step].kind != "retriable"}
    before = seen.history[: kinds.index("heard")]
    if seen.status == "completed" and not undoable <= set(before):
        yield "completed, though it was cancelled before its point of no return"


def _is_slow(case: SagaCase) -> bool:
    """Whether the saga's own service may notice late that time has passed."""
    return any(isinstance(t, Away | TooLarge) and t.place == HOME for t in case.troubles)
