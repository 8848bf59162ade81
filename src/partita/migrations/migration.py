"""A database's schema as numbered migrations: where it stands, what is pending, how the live one differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, Protocol, TypeAlias

MIGRATE = "partita db upgrade"
WAIT_S = 60.0
"""How long a change of a schema waits for others in all, unless it is told otherwise."""
Shape: TypeAlias = Mapping[str, Mapping[str, str]]
"""What a schema holds: "table inbox" to its parts, "column key" or "index inbox_once", each with its definition."""


class Standing(NamedTuple):
    """Which migrations a schema has and which this Partita knows; 0 applied = it does not exist yet."""

    applied: int
    known: int

    @property
    def pending(self) -> int:
        """How many are still to be applied."""
        return max(self.known - self.applied, 0)

    @property
    def state(self) -> Literal["current", "pending", "absent", "newer"]:
        """In a word; "newer" is one that a later Partita wrote, which this one leaves alone."""
        if self.applied > self.known:
            return "newer"
        if not self.pending:
            return "current"
        return "pending" if self.applied else "absent"


class Deviation(NamedTuple):
    """One thing in which a live schema is not what the migrations make: `what` is "table inbox", for example."""

    what: str
    expected: str
    found: str


def ended(script: str) -> str:
    """A script that another statement may follow."""
    text = script.strip()
    return text if text.endswith(";") else f"{text}\n;"


class Migrations(Protocol):
    """The migrations of one schema, looked at and applied beside whatever processes use it.

    `where` names the schema for people, without secrets.
    """

    where: str

    async def standing(self) -> Standing:
        """Where it stands; nothing is created.

        Raises:
            StoreUnavailable: it cannot be reached. StoreMismatch: it is another program's.
        """
        ...

    def script(self, applied: int) -> str:
        """The SQL that brings a schema with so many migrations up to date, as a person would run it; empty = none."""
        ...

    async def upgrade(self, wait_s: float = WAIT_S) -> Sequence[int]:
        """Apply what is pending and return its numbers. Each number commits by itself, under a lock: killed midway it goes
        on where it was, and of two that run at once each number is applied by one.

        Raises:
            StoreUnavailable: it cannot be reached, or others were in the way for `wait_s`; what was applied stays.
            StoreMismatch: it is another program's, or of a newer Partita; it was not touched.
        """
        ...

    async def check(self) -> Sequence[Deviation]:
        """How the live schema differs from what the migrations make, by comparing it with one made for that and undone.

        Raises:
            NotFound: there is no schema to look at. StoreUnavailable, StoreMismatch: as above.
        """
        ...


def deviations(expected: Shape, found: Shape) -> list[Deviation]:
    """How a live shape differs from the expected one. Tables that are not ours, and plain indexes that somebody added to ours,
    are his business; a column, a trigger, a constraint or a unique index more would refuse what we write."""
    told: list[Deviation] = []
    for name, parts in expected.items():
        live = found.get(name)
        if live is None:
            told.append(Deviation(name, "there", "missing"))
            continue
        for part, text in parts.items():
            if live.get(part) != text:
                told.append(Deviation(f"{part} of {name}" if part else name, text, live.get(part, "missing")))
        for part in sorted(live.keys() - parts.keys()):
            if not part.startswith("index ") or "UNIQUE" in live[part]:
                told.append(Deviation(f"{part} of {name}", "not there", live[part]))
    return told
