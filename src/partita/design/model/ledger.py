"""The ledger of a design: its assumptions and its open questions."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Assumption:
    """A value that is declared nowhere. `id` is "A-1" and so on; `wrong` says what changes if it does not hold; `write` is the
    line of the brief that replaces it."""

    id: str
    text: str
    owner: str
    wrong: str
    write: str


@dataclass(frozen=True, slots=True)
class Question:
    """A question that only a person can answer. `id` is "Q-1" and so on; `decides` says what depends on the answer."""

    id: str
    text: str
    owner: str
    decides: str
