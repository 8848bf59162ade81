"""A finding of `partita flow check`: where, what, the harm, and what to write instead, or the reason for which it is accepted."""

from __future__ import annotations

from dataclasses import dataclass

from partita.catalog.flow_notes import Rule
from partita.catalog.place import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One finding about a message. With an `accepted` reason, which its owner declared, it is no failure."""

    rule: Rule
    message: str
    place: Place
    what: str
    why: str
    instead: str
    accepted: str = ""
