"""A timer of a step: a command that a saga sends at a time while the step waits for its answer, such as a reminder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Never

from partita.catalog.contract import Contract
from partita.catalog.event import Command, Event
from partita.catalog.place import caller_place
from partita.errors import DeclarationError
from partita.sagas.filling import Plan
from partita.settings.amount import check_seconds


@dataclass(frozen=True, slots=True)
class Timer:
    """A declared timer."""

    after_s: float
    command_class: type[Any]  # a Command whose type arguments differ


def after(seconds: float, command: type[Command[Event, Never]]) -> Timer:
    """A command that a saga sends once, that many seconds after it sent the step's own command, if the answer is not there by
    then: `timers=(after(days(5), RemindAdjuster), after(days(15), EscalateClaim))`. It cannot be refused, and its
    reply changes nothing: an entry in the history is made of it."""
    check_seconds(DeclarationError, f"{caller_place(2)}: after", seconds)
    return Timer(seconds, command)


@dataclass(frozen=True, slots=True)
class TimerSpec:
    """A compiled timer."""

    after_s: float
    command: Contract
    plan: Plan | None = None

    @property
    def hook(self) -> str:
        """The name of the hook that fills its command by hand."""
        return hook_of(self.command.cls)


def hook_of(command: type[Any]) -> str:
    """The name of the hook that fills a timer's command by hand."""
    return f"timer {command.__name__}"
