"""Listeners: the events that a saga hears while it runs and that answer no step, such as the withdrawal of an order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from partita.catalog.contract import Contract
from partita.catalog.event import Event
from partita.catalog.place import Place, caller_place
from partita.errors import DeclarationError

Then = Literal["cancel"]
Hook = TypeVar("Hook", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Cancel:
    """A hook's decision that the saga is undone, with the reason."""

    reason: str


def cancel(reason: str) -> Cancel:
    """A hook of a listener returns this to have the saga undone, for that reason. After the point of no return it is an entry
    in the history."""
    return Cancel(reason)


class Listener:
    """A declared listener; its decorator `hook` looks at the event."""

    def __init__(self, event: type[Event], then: Then | None) -> None:
        self.event_class = event
        self.cancels = then == "cancel"
        self.name = ""
        self.place = caller_place(3)
        self.function: Callable[..., Any] | None = None
        if then not in (None, "cancel"):
            raise DeclarationError(f"{self.place}: then={then!r} cannot be.", hint='then="cancel", or a hook.')

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self.name = name

    def hook(self, function: Hook) -> Hook:
        """Keep something of the event in the saga's state, or cancel the saga:
        `def _(self, event: OrderWithdrawn) -> Cancel | None`."""
        self.function = function
        return function


def on(event: type[Event], *, then: Then | None = None) -> Listener:
    """An event that the saga hears while it runs, by its key: that of the start event.

    Args:
        event: published by any service; it is no answer to a step.
        then: "cancel" undoes the saga, before its point of no return; one that comes before the start is kept for it.
    """
    return Listener(event, then)


@dataclass(frozen=True, slots=True)
class ListenerSpec:
    """A compiled listener."""

    name: str
    event: Contract
    cancels: bool
    place: Place
    hook: Callable[..., Any] | None = field(compare=False)

    def describe(self) -> str:
        """The listener as text; another text means that an instance in flight would be decided otherwise."""
        return f"on {self.event.identity}: {self.effect}"

    @property
    def effect(self) -> str:
        """The effect of the event, in a word."""
        return "cancel" if self.cancels else "hook"
