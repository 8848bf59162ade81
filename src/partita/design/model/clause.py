"""A clause of an answer in the words of the person who gave it, and the parts of the design that keep it."""

from __future__ import annotations

from dataclasses import dataclass

from partita.design.model.origin import Origin


@dataclass(frozen=True, slots=True)
class Clause:
    """`said` are the words; `kept` names parts of the design as `keeper_of` finds them, none where nothing keeps the clause."""

    said: str
    kept: tuple[str, ...]
    origin: Origin
