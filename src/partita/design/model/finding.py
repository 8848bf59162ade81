"""A finding about a design: a rule that it breaks, the line, the reason, and the line to write instead."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """The line `line` of a brief breaks `rule`. `why` says what would go wrong, `write` the line that mends it. `at` is the part
    with the fault: an event, a step, a read model."""

    line: int
    rule: str
    what: str
    why: str
    write: str
    at: str = ""
