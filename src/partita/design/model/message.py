"""Events and commands of a design."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from partita.design.model.field import FieldDesign
from partita.design.model.origin import Fact, Origin

EventKind = Literal["event", "reply", "refusal"]
"""reply: it answers a command. refusal: it answers one that was refused, by the topic of its service."""


@dataclass(frozen=True, slots=True)
class EventDesign:
    """An event. `rate` is the mean per second at steady load, `bytes` the size of its Avro value, `retention` in seconds; None =
    for ever. A `lossy` event may be lost: it goes past the outbox. A `compact` topic keeps the last event of each key alone."""

    name: str
    by: str
    key: str
    fields: tuple[FieldDesign, ...]
    meaning: Fact[str]
    kind: EventKind
    rate: Fact[float]
    bytes: Fact[int]
    retention: Fact[float | None]
    origin: Origin
    version: int = 1
    compact: bool = False
    lossy: bool = False

    @property
    def pii(self) -> tuple[str, ...]:
        """The names of its fields with personal data."""
        return tuple(field.name for field in self.fields if field.pii)


@dataclass(frozen=True, slots=True)
class CommandDesign:
    """A command: the service that takes it, its reply, its refusals.

    `undoes` is the command whose effect it takes back, `asks` the one whose outcome it asks for. One that `enters` comes from
    outside, no saga sends it: its reply is an event that begins something.
    """

    name: str
    to: str
    key: str
    fields: tuple[FieldDesign, ...]
    reply: str
    refusals: tuple[str, ...]
    meaning: Fact[str]
    origin: Origin
    undoes: str = ""
    asks: str = ""
    enters: bool = False
