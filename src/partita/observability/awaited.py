"""Awaited answers: the answers that a saga instance waits for, with its next reminder, and the end of the time for each."""

from __future__ import annotations

from dataclasses import dataclass

from partita.catalog.contract import Contract
from partita.sagas.definition import SagaDefinition
from partita.sagas.sending import next_reminder_us
from partita.sagas.state import SagaState
from partita.sagas.unfolding import definition_for
from partita.sagas.verbs import awaited


@dataclass(frozen=True, slots=True)
class Reminder:
    """The command that a step sends next while it waits, and its time."""

    name: str
    at_us: int


@dataclass(frozen=True, slots=True)
class AwaitedAnswer:
    """An answer that an instance waits for.

    `message` is the command, the question or the undo that was sent under `message_id`. `since_us` is the time when the step
    began, where the state has it; 0 = it has not. Without an answer until `until_us`, the saga does `then`; 0 = nothing is due.
    """

    step: str
    message: Contract
    message_id: str
    since_us: int
    until_us: int
    then: str
    reminder: Reminder | None = None

    @property
    def reply(self) -> str:
        """The name of the reply to the message."""
        return self.message.reply.__name__ if self.message.reply is not None else self.message.name


def awaited_answers(definition: SagaDefinition, state: SagaState) -> list[AwaitedAnswer]:
    """The answers that an instance waits for: one, or one for each step of a group; none after its end."""
    if state.is_over:
        return []
    definition = definition_for(definition, state)
    for index, step in enumerate(state.steps):
        spec = definition.steps[index]
        if step.phase == "undoing" and spec.undo is not None:
            then = f"{spec.undo.name} is sent again"
            return [AwaitedAnswer(spec.name, spec.undo, step.message_id, 0, state.due_us or 0, then)]
    return [_ahead(definition, state, index) for index in awaited(definition, state)]


def _ahead(definition: SagaDefinition, state: SagaState, index: int) -> AwaitedAnswer:
    spec, step = definition.steps[index], state.steps[index]
    waiting = state.waiting.get(spec.name)
    until_us = (state.due_us or 0) if waiting is None else waiting.until_us
    asks = step.phase == "asking" and spec.ask is not None
    reminder = None
    if waiting is not None and not asks:
        due_us = next_reminder_us(spec, waiting)
        if due_us is not None and due_us < until_us:
            reminder = Reminder(spec.timers[waiting.sent].command.name, due_us)
    return AwaitedAnswer(
        spec.name,
        spec.ask if asks and spec.ask is not None else spec.command,
        step.message_id,
        waiting.since_us if waiting is not None else 0,
        until_us,
        _then(definition, state, index, until_us),
        reminder,
    )


def _then(definition: SagaDefinition, state: SagaState, index: int, until_us: int) -> str:
    """The decision of the saga at the end of a step's time, in the order in which the engine takes it."""
    spec = definition.steps[index]
    if index > definition.pivot_index:
        if until_us >= state.deadline_us and not state.overdue_told:
            return "its deadline passes and an operator is alerted"
        return f"{spec.command.name} is sent again"
    if until_us >= state.deadline_us:
        return "its deadline passes and it is undone"
    if spec.on_timeout == "ask" and spec.ask is not None:
        return f"{spec.ask.name} asks for the outcome"
    return "it is undone" if spec.on_timeout == "undo" else f"{spec.command.name} is sent again"
