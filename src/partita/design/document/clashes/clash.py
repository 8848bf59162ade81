"""A clash: two facts of a design, the consequence of both taken literally, the answer of this design, and its owner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from partita.design.document.block import Mark, weakest
from partita.design.model.origin import Fact, Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Clash:
    """`between` names both facts with their values, `of` are the facts that its numbers are computed from. `question` is for the
    owner where a person must decide; `decides` says which line of the brief the answer changes. `about` is the part that a
    clause of the answers is kept by: a rule, a step. The heavier a clash, the earlier it is named."""

    rule: str
    between: str
    literally: str
    does: str
    owner: str
    of: tuple[Mark | Origin | Fact[Any], ...]
    question: str = ""
    decides: str = ""
    about: str = ""
    weight: float = 50.0

    @property
    def mark(self) -> Mark:
        """The mark of its lines."""
        return weakest(*self.of)
