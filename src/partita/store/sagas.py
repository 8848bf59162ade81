"""The saga ledger: instances, their history, and timers."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from partita.errors import StoreCorrupt

HISTORY_MAX = 1_000
"""Up to this size in bytes a history stays in the row of its instance. When it is longer, the next move puts it into
`saga_history`: a row of more than 2 KB would be moved out of PostgreSQL's pages, and be read and written with each move."""


class SagaRow(NamedTuple):
    """A saga instance as stored; `data` is the engine's own state, `due_us` the next timer or None."""

    saga: str
    saga_id: str
    definition_version: int
    status: str
    step: str
    epoch: int
    data: bytes
    due_us: int | None
    last_error: str
    correlation_id: str
    started_us: int
    updated_us: int
    version: int  # 0 = not stored yet; every save adds one


class SagaEvent(NamedTuple):
    """One entry of a saga's history, append-only. It is stored as a line of JSON, without the instance's name."""

    saga: str
    saga_id: str
    version: int
    at_us: int
    kind: str
    step: str
    message_id: str
    note: str


class DueTimer(NamedTuple):
    """A timer that is due. `others` processes took it in hand, the last of them at `taken_us`, and neither fired it nor
    gave it back: they died, or are firing it now."""

    saga: str
    saga_id: str
    due_us: int
    others: int
    taken_us: int


class Due(NamedTuple):
    """The instances whose time to wake has come: the timers that are due, the oldest first, and the number of the others,
    whose due time moved later or away since that time was set; see `rearm`."""

    timers: Sequence[DueTimer]
    early: int

    @classmethod
    def of(cls, rows: Sequence[tuple[Any, ...]], now_us: int) -> Due:
        """Of rows with the fields of a timer, whose due time may be later or None."""
        timers = sorted((DueTimer(*row) for row in rows if row[2] is not None and row[2] <= now_us), key=_due_us)
        return cls(timers, len(rows) - len(timers))


class Sagas(Protocol):
    """Saga instances and their history."""

    async def load(self, saga: str, ids: Sequence[str]) -> Mapping[str, SagaRow]:
        """The instances that exist."""
        ...

    async def save(self, rows: Sequence[SagaRow], history: Sequence[SagaEvent]) -> None:
        """Insert (version 0) or update (compare and set on version) instances, and append their history. Each entry belongs
        to one of the rows.

        The indexed time to wake, if it has not come, only moves earlier while the status stays: a due time that moves later
        touches no index.

        Raises:
            StoreUnavailable: an instance changed meanwhile; roll back and run again.
        """
        ...

    async def due(self, now_us: int, limit: int, member: str) -> Due:
        """The timers that are due, as this member sees them, among the instances whose time to wake has come."""
        ...

    async def rearm(self, now_us: int, limit: int) -> int:
        """Let instances that have woken early wake when their timer is due; returns their number. It takes the due time
        from the row that it changes, and leaves out rows that another transaction is moving: no timer is lost."""
        ...

    async def take_timers(self, timers: Sequence[DueTimer], member: str, at_us: int) -> None:
        """Record that a member is about to fire these timers: if one kills its process, the next member knows."""
        ...

    async def give_timers_back(self, timers: Sequence[DueTimer], member: str) -> None:
        """Record that the member is alive and did not fire these timers."""
        ...

    async def settle_timers(self, timers: Sequence[DueTimer]) -> None:
        """Record that these timers were fired or are not needed: no member has them in hand."""
        ...

    async def purge_timers(self) -> None:
        """Delete the marks of members that had timers in hand which are no longer armed."""
        ...

    async def next_due_us(self) -> int | None:
        """The time of the next timer."""
        ...

    async def find(self, saga: str | None = None, status: str | None = None, limit: int = 100) -> Sequence[SagaRow]:
        """Instances for people, the latest changed first."""
        ...

    async def history(self, saga: str, saga_id: str) -> Sequence[SagaEvent]:
        """One instance's history, oldest first."""
        ...

    async def versions_in_flight(self) -> Sequence[tuple[str, int, str, int]]:
        """(saga, definition version, definition digest, unfinished instances)."""
        ...

    async def keep_definition(self, saga: str, version: int, digest: str) -> str:
        """Store the digest of a definition when first seen; returns the stored digest."""
        ...


_encode_lines = msgspec.json.Encoder().encode_lines
_ENTRIES = msgspec.json.Decoder(tuple[int, int, str, str, str, str])
_due_us = operator.attrgetter("due_us")


def lines_of(rows: Sequence[SagaRow], history: Sequence[SagaEvent]) -> list[str]:
    """The new entries of each row as they are stored: one JSON array a line."""
    entries: dict[tuple[str, str], list[tuple[Any, ...]]] = {(row.saga, row.saga_id): [] for row in rows}
    for event in history:
        entries[event[:2]].append(event[2:])
    return [_encode_lines(of_row).decode() for of_row in entries.values()]


def entries_of(saga: str, saga_id: str, lines: str) -> list[SagaEvent]:
    """The entries of one instance in these lines.

    Raises:
        StoreCorrupt: they are not as they were written.
    """
    try:
        return [SagaEvent(saga, saga_id, *entry) for entry in _ENTRIES.decode_lines(lines)]
    except msgspec.MsgspecError as error:
        raise StoreCorrupt(
            f"The history of saga {saga} {saga_id} cannot be read ({error}).",
            hint="The instance runs on without it. Look which program writes to the table saga, or restore a backup.",
        ) from error
