"""Answers from outside in generated cases: the time of each, its way, and its content.

The handler of such a step returns `later()`. A person or a program answers after that: in time, late, twice, twice
differently, after the undo, or never.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Literal

Says = Literal["yes", "no"]
By = Literal["code", "handler"]
Ends = Literal["", "fails", "refuses"]
ANSWERS_MAX = 4


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, by code outside of any handler or by a handler with `tx.reply`. `ends` says that the handler fails at its
    first try, after the answer, or that it refuses its own command: then this answer must not leave."""

    after_s: float
    says: Says
    by: By
    ends: Ends = ""


@dataclass(frozen=True, slots=True)
class AnsweredLater:
    """A step of an instance, or that of one item, is answered from outside, each answer at its time after the handler;
    without one it is never answered."""

    instance: int
    step: int
    answers: tuple[Answer, ...]
    item: int = 0


def draw_answers(
    dice: Random, instance: int, step: int, timeout_s: float, deadline_s: float, *, must: bool
) -> AnsweredLater:
    """Answers around the ends of a step's time and of its saga's. `must`: the step is past the point of no return, so there is
    an answer in the end, and it is a yes."""
    found: list[Answer] = []
    for _ in range(dice.choice((1, 1, 2, 3) if must else (0, 1, 1, 2, 2, 3))):
        after_s = dice.choice(
            (0.0, dice.uniform(0, timeout_s), dice.uniform(timeout_s, 2 * timeout_s), dice.uniform(0, 2 * deadline_s))
        )
        says: Says = "yes" if must else dice.choice(("yes", "yes", "no"))
        by: By = dice.choice(("code", "handler"))
        ends: Ends = dice.choice(("", "", "fails", "refuses")) if by == "handler" else ""
        found.append(Answer(round(after_s, 1), says, by, ends))
    if found and dice.random() < 0.3:  # a double click, or a webhook that is sent twice
        found.append(replace(found[0], after_s=found[0].after_s + dice.choice((0.0, 0.1)), ends=""))
    found.sort(key=lambda answer: answer.after_s)
    if must and found[-1].ends == "refuses":
        found[-1] = replace(found[-1], ends="")
    return AnsweredLater(instance, step, tuple(found[:ANSWERS_MAX]))


def fewer_answers(drawn: AnsweredLater, *, must: bool) -> Iterator[AnsweredLater]:
    """The same with one answer less, and with answers that are simpler."""
    for number, answer in enumerate(drawn.answers):
        rest = (*drawn.answers[:number], *drawn.answers[number + 1 :])
        if not must or (rest and rest[-1].ends != "refuses"):
            yield replace(drawn, answers=rest)
        if answer.ends:
            yield replace(
                drawn, answers=(*drawn.answers[:number], replace(answer, ends=""), *drawn.answers[number + 1 :])
            )
