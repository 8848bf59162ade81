"""A service of a design."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from partita.design.model.origin import Fact, Origin

ServiceKind = Literal["service", "projection", "human", "external"]
"""projection: it keeps read models alone. human: its answers are decisions of people. external: a program of others, of which the
skeleton has a fake."""


@dataclass(frozen=True, slots=True)
class ServiceDesign:
    """A service: its team, its database, and the aggregates that it owns."""

    name: str
    namespace: str
    team: str
    kind: ServiceKind
    database: Fact[str]
    owns: tuple[str, ...]
    doc: str
    origin: Origin
