"""The saga ledger: instances, their history, and timers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol


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
    """One entry of a saga's history, append-only."""

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


class Sagas(Protocol):
    """Saga instances and their history."""

    async def load(self, saga: str, ids: Sequence[str]) -> Mapping[str, SagaRow]:
        """The instances that exist."""
        ...

    async def save(self, rows: Sequence[SagaRow], history: Sequence[SagaEvent]) -> None:
        """Insert (version 0) or update (compare and set on version) instances, and append history.

        Raises:
            StoreUnavailable: an instance changed meanwhile; roll back and run again.
        """
        ...

    async def due(self, now_us: int, limit: int, member: str) -> Sequence[DueTimer]:
        """The timers that are due, the oldest first, as this member sees them."""
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
