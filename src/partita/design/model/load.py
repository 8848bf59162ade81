"""The load of a design."""

from __future__ import annotations

from dataclasses import dataclass

from partita.design.model.origin import Fact, Origin


@dataclass(frozen=True, slots=True)
class Stream:
    """Things that arrive: "orders", each beginning with the event `begins`; per second, steady and at the peak."""

    name: str
    begins: str
    steady: Fact[float]
    peak: Fact[float]
    origin: Origin
    """Of the event that it begins with."""


@dataclass(frozen=True, slots=True)
class Load:
    """All streams, and the seconds for which topics keep their events."""

    streams: tuple[Stream, ...]
    retention: Fact[float]
