"""An outcome: one way in which a saga goes, with the end that the design promises and the claims that it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from partita.design.document.shown import Claim
from partita.design.model.saga import SagaDesign
from partita.design.skeleton.blueprint import Message

Answers = Mapping[str, str]
"""The answers of people, as code, by the command that each of them answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One way in which a saga goes. `stubs` and `mends` are calls on stubs before it and after `wait_s`; `work` says for each
    command of its steps whether its work was done or undone in the end, `undos` the commands that undid it.

    People give their `answers` as soon as they are asked, `slow` ones after `wait_s`. After the first decision they give those of
    `again` too, and those of `late` when their step has been given up. Events that are `repeated` come twice: in an answer to a
    question, and in the late answer of the step.
    After the mends the dead letters of the services `replays` come again. `handled` says how often a handler ran.
    """

    name: str
    title: str
    saga: SagaDesign
    begins: Sequence[Message]
    shows: Sequence[Claim] = ()
    stubs: Sequence[str] = ()
    wait_s: float = 0.0
    mends: Sequence[str] = ()
    then_s: float = 0.0
    is_undone: bool = False
    undos: Sequence[str] = ()
    work: dict[str, tuple[str, str]] = field(default_factory=dict)
    sends: Mapping[str, int] = field(default_factory=dict)
    answers: Answers = field(default_factory=dict)
    slow: Answers = field(default_factory=dict)
    again: Answers = field(default_factory=dict)
    repeated: Sequence[str] = ()
    late: Answers = field(default_factory=dict)
    dead_letters: bool = False
    handled: Mapping[str, int] = field(default_factory=dict)
    replays: Sequence[str] = ()
