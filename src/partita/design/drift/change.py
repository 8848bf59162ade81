"""A change between two designs, in words that a reviewer understands."""

from __future__ import annotations

from dataclasses import dataclass

from partita.design.model.section import SECTIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change: the section of the document that it alters, and what changed. `harm` says what breaks by it and `hurt` for which
    services; both are empty where nothing does. `instead` is the way that breaks nothing."""

    section: int
    what: str
    harm: str = ""
    hurt: tuple[str, ...] = ()
    instead: str = ""

    @property
    def title(self) -> str:
        """The title of its section."""
        return SECTIONS[self.section]
