"""Aggregates and read models of a design."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from partita.design.model.origin import Fact, Origin

Stored = Literal["event-sourced", "crud"]


@dataclass(frozen=True, slots=True)
class AggregateDesign:
    """An aggregate: its service, whether its events or its row are stored, and why."""

    name: str
    service: str
    stored: Fact[Stored]
    why: Fact[str]
    events: tuple[str, ...]
    origin: Origin


@dataclass(frozen=True, slots=True)
class ReadModelDesign:
    """A read model: the events that it is made of, and the seconds that it may be behind (None = not said)."""

    name: str
    service: str
    inputs: tuple[str, ...]
    staleness: Fact[float | None]
    origin: Origin
