"""A database's schema as numbered migrations: its version, the pending migrations, the deviations of the live schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, Protocol, TypeAlias

MIGRATE = "partita db upgrade"
WAIT_S = 60.0
"""The default limit of a schema change's wait for other sessions, in all."""
Shape: TypeAlias = Mapping[str, Mapping[str, str]]
"""The parts of a schema: "table inbox" to its parts, "column key" or "index inbox_once", each with its definition."""


class Standing(NamedTuple):
    """The migrations that a schema has and that this Partita knows; 0 applied = it does not exist yet."""

    applied: int
    known: int

    @property
    def pending(self) -> int:
        """The number of migrations still to be applied."""
        return max(self.known - self.applied, 0)

    @property
    def state(self) -> Literal["current", "pending", "absent", "newer"]:
        """The state in a word. A "newer" schema was written by a later Partita, and this one does not touch it."""
        if self.applied > self.known:
            return "newer"
        if not self.pending:
            return "current"
        return "pending" if self.applied else "absent"


class Deviation(NamedTuple):
    """One deviation of a live schema from its migrations: `what` is "table inbox", for example."""

    what: str
    expected: str
    found: str


def ended(script: str) -> str:
    """A script to which another statement can be appended."""
    text = script.strip()
    return text if text.endswith(";") else f"{text}\n;"


class Migrations(Protocol):
    """The migrations of one schema, checked and applied beside the processes that use it.

    `where` names the schema for people, without secrets.
    """

    where: str

    async def standing(self) -> Standing:
        """The schema's version; nothing is created.

        Raises:
            StoreUnavailable: it cannot be reached. StoreMismatch: it belongs to another program.
        """
        ...

    def script(self, applied: int) -> str:
        """The SQL that brings a schema with `applied` migrations up to date, for a person to run; empty = none."""
        ...

    async def upgrade(self, wait_s: float = WAIT_S) -> Sequence[int]:
        """Apply the pending migrations and return their numbers. Each commits by itself, under a lock: after a kill the next
        run continues, and of two runs at once only one applies each number.

        Raises:
            StoreUnavailable: it cannot be reached, or other sessions were in the way for `wait_s`; applied ones stay.
            StoreMismatch: it belongs to another program, or to a newer Partita; it was not touched.
        """
        ...

    async def check(self) -> Sequence[Deviation]:
        """Deviations of the live schema from its migrations, found by comparison with a schema made for that and undone.

        Raises:
            NotFound: there is no schema to look at. StoreUnavailable, StoreMismatch: as above.
        """
        ...


def deviations(expected: Shape, found: Shape) -> list[Deviation]:
    """Deviations of a live shape from the expected one. Other tables, and plain indexes that a user added to ours, are
    allowed; an extra column, trigger, constraint or unique index would refuse our writes."""
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
