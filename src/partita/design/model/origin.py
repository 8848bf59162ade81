"""The origin of a fact: each line of a document says whether it was declared, derived, assumed or measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

T_co = TypeVar("T_co", covariant=True)
Mark = Literal["declared", "derived", "assumed", "measured"]
"""declared: a person wrote it. derived: it follows from declared facts. assumed: a default, which the ledger of assumptions
lists. measured: a run gave it."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The source of a fact. `place` is the line of a declaration ("orders.yaml:12"), `why` the reason of a derived or assumed
    value."""

    mark: Mark
    place: str = ""
    why: str = ""


def weakest(*marks: Mark) -> Mark:
    """The mark of a value computed from several: assumed where one of them is, else derived. A chain is no surer than its weakest
    link, so no place that computes a value chooses its mark."""
    return "assumed" if "assumed" in marks else "derived"


@dataclass(frozen=True, slots=True)
class Fact(Generic[T_co]):
    """A value with its origin."""

    value: T_co
    origin: Origin
