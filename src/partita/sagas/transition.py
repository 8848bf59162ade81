"""A transition of a saga instance: its new state, the effects to carry out, and the entries for its history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from partita.catalog.contract import Contract
from partita.catalog.rejection import Rejection, to_struct
from partita.message import SagaAddress
from partita.sagas.definition import SagaDefinition
from partita.sagas.state import Caller, SagaState


class Incoming(msgspec.Struct, frozen=True):
    """A message for a saga."""

    message: Any
    message_id: str
    causation_id: str | None
    address: SagaAddress | None
    correlation_id: str
    at_us: int
    kind: str = "event"
    caller: Caller | None = None  # itself, where it is a command that starts a saga


class Send(msgspec.Struct, frozen=True):
    """Send a command to a participant; `kind` is do, undo, ask, timer or withdraw."""

    command: Any
    message_id: str
    step: str
    epoch: int
    kind: str


class Publish(msgspec.Struct, frozen=True):
    """Publish an event."""

    event: Any


class Answer(msgspec.Struct, frozen=True):
    """Answer the command that started the instance: with its reply, or with one of its refusals."""

    message: Any


class UndoAgain(msgspec.Struct, frozen=True):
    """The instance has ended: let the undo that waited for its end come again, and be handled."""


class Alert(msgspec.Struct, frozen=True):
    """Alert an operator."""

    text: str


Effect = Send | Publish | Answer | UndoAgain | Alert
Note = tuple[str, str, str]  # (kind, step, text)


class Transition(msgspec.Struct, frozen=True):
    """The instance's new state, the effects, and the entries for its history."""

    state: SagaState
    effects: tuple[Effect, ...]
    notes: tuple[Note, ...]


class Ignored(msgspec.Struct, frozen=True):
    """Nothing changes, for this reason."""

    reason: str


class Move:
    """One transition being built."""

    def __init__(self, definition: SagaDefinition, state: SagaState, now_us: int, new_id: Callable[[], str]) -> None:
        self.definition = definition
        self.state = state
        self.now_us = now_us
        self.new_id = new_id
        self.effects: list[Effect] = []
        self.notes: list[Note] = []

    def result(self) -> Transition:
        """The transition as built so far."""
        return Transition(self.state, tuple(self.effects), tuple(self.notes))

    def note(self, kind: str, step: str, text: str = "") -> None:
        """Add an entry to the history."""
        self.notes.append((kind, step, text))

    def needs_attention(self, text: str, *, again: bool = False) -> None:
        """Alert an operator, unless this instance has an open alert already; with `again` in any case."""
        if again or self.state.status != "needs_attention":
            self.effects.append(Alert(text))
        self.state.status = "needs_attention"
        self.state.last_error = text


def wire_name(message: object) -> str:
    """The name of a message in histories and reasons: it stays when the class is renamed."""
    contract: Contract = vars(type(message))["__partita__"]  # declared, or it would not have moved a saga
    return contract.wire_name


def with_fields(refusal: Rejection) -> str:
    """A refusal with its values, for histories and alerts."""
    values = to_struct(refusal)
    shown = ", ".join(f"{n}={getattr(values, n)!r}" for n in values.__struct_fields__)
    return f"{wire_name(refusal)}({shown})"
