"""The movers of the flow map: a handler that reacts to a message, and a saga that directs services."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from partita.catalog.place import Place
from partita.flow.message import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """A handler of a service, one message that it takes, and all that it may publish or send.

    It may end without an `optional` event. Of an event that it gives to `tx.publish` no declaration says when it comes.
    """

    service: str
    name: str
    kind: Literal["on", "handles"]
    takes: str
    gives: tuple[str, ...]
    optional: frozenset[str]
    calls_out: bool
    why: str
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step of a saga: its command, the service that handles it, and the commands that undo it or ask for its outcome. It is
    sent once, or for each item of the list `each`."""

    name: str
    kind: Literal["step", "pivot", "retriable"]
    command: str
    service: str
    undo: str
    ask: str
    timeout_s: float
    each: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Directed:
    """A saga: the services that it directs, step by step."""

    id: str
    service: str
    start: str
    steps: tuple[Step, ...]
    sends: tuple[str, ...]
    hears: tuple[str, ...]
    undone: str
    deadline_s: float
    why: str
    place: Place

    @property
    def participants(self) -> tuple[str, ...]:
        """The services of its steps, in their order."""
        return tuple(dict.fromkeys(step.service for step in self.steps))

    def replies(self, messages: Mapping[str, Message]) -> tuple[str, ...]:
        """The events that answer its commands."""
        return tuple(messages[command].reply for command in self.sends)

    def last_reply(self, messages: Mapping[str, Message]) -> str:
        """The event that answers its last step."""
        return messages[self.steps[-1].command].reply
