"""A clash: two facts of a design, the consequence of both taken literally, the answer of this design, and its owner."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Clash:
    """`between` names both facts with their values. `question` is for the owner where a person must decide; `decides` says which
    line of the brief the answer changes. The heavier a clash, the earlier it is named."""

    rule: str
    between: str
    literally: str
    does: str
    owner: str
    question: str = ""
    decides: str = ""
    weight: float = 50.0
