"""Judging a generated case by its result: one end for each instance, effects that fit it, no false event, no waiting message."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from partita.testing.generators.answer_judge import AnswersSeen, first_of, judge_answers
from partita.testing.generators.sagas import (
    HOME,
    Away,
    DrawnStep,
    Refuses,
    SagaCase,
    TooLarge,
    Withdraws,
    first_beside,
)

SHORT_S = 0.001


@dataclass(slots=True)
class InstanceSeen:
    """An instance at the end: for each step, `done` says how often its effect was made, and `left` how much of it is
    left; `history` has the kinds of its history entries, with the step, and `at_s` their times. `reminded` counts for each
    step the reminders that its participant has handled. `answers` are those from outside, by the number of the step."""

    status: str = "never started"
    step: str = ""
    problem: str = ""
    done: list[int] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    told_undone: int = 0
    history: list[tuple[str, str]] = field(default_factory=list)
    at_s: list[float] = field(default_factory=list)
    reminded: list[int] = field(default_factory=list)
    answers: dict[int, AnswersSeen] = field(default_factory=dict)


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
    if any(isinstance(t, Withdraws) and t.instance == number for t in case.troubles):
        yield from _of_withdrawal(case, seen)
    for place, step in enumerate(case.saga.steps):
        yield from _of_reminders(case, place, step, seen)
    for place, answers in seen.answers.items():
        step = case.saga.steps[place]
        yield from judge_answers(f"s{place}", answers, must_end=step.undoable or step.kind != "step")
        if completed and first_of(answers.facts) == "no":
            yield f"completed, and s{place} was refused from outside"
    ends = [kind for kind, _ in seen.history if kind == "completed" or kind == "ended"]
    if completed and ends != ["completed"]:
        yield f"completed, and its history says {ends}"


def _of_reminders(case: SagaCase, place: int, step: DrawnStep, seen: InstanceSeen) -> Iterator[str]:
    """The errors in the reminders of a step: each is sent at its time and not before, once, and while the step waits."""
    first = first_beside(case.saga.steps, place)
    name = f"s{place}"
    before = {f"s{n}" for n in range(first_beside(case.saga.steps, first - 1), first)} if first else set[str]()
    began_s = ended_s = None
    sent: list[float] = []
    for (kind, of), at_s in zip(seen.history, seen.at_s, strict=True):
        if kind == "done" and of in before:
            before.discard(of)
            began_s = None if before else at_s
        elif kind == "started" and not first:
            began_s = at_s
        elif ended_s is None and ((of == name and kind == "done") or kind in ("refused", "timeout")):
            ended_s = at_s
        elif of == name and kind == "reminded":
            sent.append(at_s)
            if ended_s is not None or began_s is None:
                yield f"{name} was reminded while it did not wait"
    if len(sent) > len(step.timers) or seen.reminded[place] != len(sent):
        yield f"of {len(step.timers)} reminders of {name} {len(sent)} were sent, and {seen.reminded[place]} handled"
    if began_s is None or ended_s is None:
        return
    for after_s, at_s in zip(step.timers, sent, strict=False):
        if at_s < began_s + after_s - SHORT_S:
            yield f"{name} was reminded after {at_s - began_s:g} s, and not after {after_s:g} s"
    due = sum(began_s + after_s + SHORT_S < ended_s for after_s in step.timers)
    if len(sent) < due and ("unsent", name) not in seen.history and not _is_slow(case):
        yield f"of {due} reminders of {name} that were due {len(sent)} were sent"


def _of_withdrawal(case: SagaCase, seen: InstanceSeen) -> Iterator[str]:
    """The errors after the event that cancels an instance: it is heard, also before the start, and before the point of no
    return it undoes the instance."""
    kinds = [kind for kind, _ in seen.history]
    if "heard" not in kinds:
        yield f"{seen.status}, and the event that cancels it was not heard"
        return
    undoable = {("done", f"s{place}") for place, step in enumerate(case.saga.steps) if step.kind != "retriable"}
    before = seen.history[: kinds.index("heard")]
    if seen.status == "completed" and not undoable <= set(before):
        yield "completed, though it was cancelled before its point of no return"


def _is_slow(case: SagaCase) -> bool:
    """Whether the saga's own service may notice late that time has passed."""
    return any(isinstance(t, Away | TooLarge) and t.place == HOME for t in case.troubles)
