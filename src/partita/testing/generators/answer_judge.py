"""Judging the answers from outside: the first counts, it leaves once, and none counts after the undo of its step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

TAKEN = "taken"
"""The result of an answer that raised nothing: it counts, or it is the one that counts again."""
ASKED, UNDONE = "asked", "undone"


class Fact(NamedTuple):
    """`asked` and `undone` are the handlers of the command and of its undo, `yes` and `no` are answers with their result."""

    what: str
    result: str
    at_us: int


@dataclass(slots=True)
class AnswersSeen:
    """The facts of one step in the order in which they were written. `replies` were written to leave, and `waits` says whether
    the command still waits."""

    facts: list[Fact] = field(default_factory=list)
    replies: int = 0
    waits: bool = False


def judge_answers(name: str, seen: AnswersSeen, *, withdrawn: bool) -> Iterator[str]:
    """The errors in the answers of one step; `withdrawn`: it has no effect, and its saga ends its wait without an undo that a
    handler sees."""
    first = ""
    before: list[str] = []
    for fact in seen.facts:
        if fact.what == ASKED and ASKED in before:
            yield f"the command of {name} was handled twice"
        if fact.what == ASKED and UNDONE in before:
            yield f"the command of {name} was handled after its undo"
        if fact.what in ("yes", "no"):
            due = _due(first, fact, before, seen.facts, withdrawn)
            if fact.result not in due:
                yield f"{fact.what!r} to {name} after {before} was {fact.result}, and not {' or '.join(due)}"
            if fact.result == TAKEN and not first:
                first = fact.what
            if fact.result == "Overtaken":
                before.append(UNDONE)
        before.append(fact.what)
    if seen.replies != bool(first):
        yield f"{seen.replies} answers of {name} were sent, and {first or 'none'!r} counts"
    if seen.waits:
        yield f"{name} waits for its answer, and its saga has ended"


def first_of(facts: Sequence[Fact]) -> str:
    """The answer that counts, empty without one."""
    return next((fact.what for fact in facts if fact.what in ("yes", "no") and fact.result == TAKEN), "")


def _due(first: str, fact: Fact, before: Sequence[str], facts: Sequence[Fact], withdrawn: bool) -> tuple[str, ...]:
    """The results that are right. An undo closes its command before the handlers of its batch run, so an answer in the same
    transaction may be too late although the handler of the undo runs after it."""
    if first:
        return (TAKEN if fact.what == first else "Conflict",)
    if ASKED not in before:
        return ("NotFound",)
    if UNDONE in before:
        return ("Overtaken",)
    beside = any(other.what == UNDONE and other.at_us == fact.at_us for other in facts)
    return (TAKEN, "Overtaken") if beside or withdrawn else (TAKEN,)
