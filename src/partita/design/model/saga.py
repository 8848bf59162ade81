"""A saga of a design, and its steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from partita.design.model.origin import Fact, Origin

StepKind = Literal["step", "pivot", "retriable"]
OnTimeout = Literal["undo", "retry", "ask"]
TimerKind = Literal["remind", "escalate", "send"]


@dataclass(frozen=True, slots=True)
class TimerDesign:
    """A command that a saga sends while a step waits: `do`, `after` seconds after the step's own command. An escalation goes `to`
    other people."""

    after: float
    do: str
    kind: TimerKind
    to: str = ""


@dataclass(frozen=True, slots=True)
class StepDesign:
    """A step: the command `do` to the service `at`, its reply `ok`, its refusals `fail`, its `undo` with the reply `undone`.

    Times are seconds: `timeout` of the step with all its tries, `retry` the waits between tries at its service. `timers` are in
    the order of their times, `ask` is the question after a timeout. Steps that are sent together have one `beside`: the first of
    their commands. `each` is the list for each item of which a step is sent ("" = it is sent once). A step is `unrefusable`
    where its owner says that its command is never refused.
    """

    name: str
    kind: StepKind
    do: str
    at: str
    ok: str
    fail: tuple[str, ...]
    undo: str
    undone: str
    timeout: Fact[float]
    on_timeout: Fact[OnTimeout]
    origin: Origin
    retry: tuple[float, ...] = ()
    timers: tuple[TimerDesign, ...] = ()
    ask: str = ""
    beside: str = ""
    human: bool = False
    no_effect: bool = False
    unrefusable: bool = False
    each: str = ""

    @property
    def sends(self) -> tuple[str, ...]:
        """The commands that its saga may send for it, each once."""
        names = (self.do, self.undo, self.ask, *(timer.do for timer in self.timers))
        return tuple(dict.fromkeys(name for name in names if name))

    @property
    def times(self) -> str:
        """The words for a step that is sent for each item of a list."""
        return f" for each of {self.each}" if self.each else ""


@dataclass(frozen=True, slots=True)
class SagaDesign:
    """A saga: `start` begins it in the service `at`, `failed` is the event after everything is undone ("" = it is never undone).
    `deadline` is in seconds."""

    name: str
    at: str
    start: str
    key: str
    deadline: Fact[float]
    failed: str
    why: Fact[str]
    steps: tuple[StepDesign, ...]
    origin: Origin

    def together(self, step: StepDesign) -> tuple[StepDesign, ...]:
        """The steps that are sent together with a step, itself among them."""
        return next(group for group in self.groups() if step in group)

    def groups(self) -> tuple[tuple[StepDesign, ...], ...]:
        """The steps in their order, those that are sent together in one group."""
        return groups_of(self.steps)

    def before(self, step: StepDesign) -> tuple[StepDesign, ...]:
        """The steps that are done before a step is sent."""
        return self.steps[: self.steps.index(self.together(step)[0])]

    def touched(self, step: StepDesign) -> tuple[StepDesign, ...]:
        """The other steps that are done, or may be, when a step ends without success: those before it and those beside it."""
        return (*self.before(step), *(each for each in self.together(step) if each is not step))

    @property
    def pivot(self) -> int:
        """The index of the point of no return: the pivot, else the last step before the first retriable; -1 = from the start."""
        return max((i for i, step in enumerate(self.steps) if step.kind != "retriable"), default=-1)


def groups_of(steps: tuple[StepDesign, ...]) -> tuple[tuple[StepDesign, ...], ...]:
    """Steps in their order, those that are sent together in one group."""
    groups: dict[str, list[StepDesign]] = {}
    for step in steps:
        groups.setdefault(step.beside or step.name, []).append(step)
    return tuple(tuple(group) for group in groups.values())
