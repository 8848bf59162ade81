"""A finding that its owner accepts: no fault in this design, and the reason."""

from __future__ import annotations

from dataclasses import dataclass

from partita.design.model.origin import Origin


@dataclass(frozen=True, slots=True)
class Accepted:
    """The findings of `rule` at the part `at` (an event, a step, a read model) are no faults, because of `why`."""

    rule: str
    at: str
    why: str
    origin: Origin
