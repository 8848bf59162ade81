"""A choreography of a design: services that react to events by themselves."""

from __future__ import annotations

from dataclasses import dataclass

from partita.design.model.origin import Fact, Origin


@dataclass(frozen=True, slots=True)
class Reaction:
    """The service `who` hears the events `when`, and does something; `projects` names the read model that it keeps, `gives` the
    events that it publishes by it."""

    when: tuple[str, ...]
    who: str
    does: str
    origin: Origin
    projects: str = ""
    gives: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Choreography:
    """Reactions under one name, and the reason why no saga directs them."""

    name: str
    why: Fact[str]
    reactions: tuple[Reaction, ...]
    origin: Origin
