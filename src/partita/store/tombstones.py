"""Tombstones: the steps of sagas that were undone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from partita.message import SagaAddress


class Tombstone(NamedTuple):
    """A step that was undone at this participant: its command is refused if it still arrives.

    `reply` is the acknowledgement as sent (type, fingerprint, value); a repeated undo gets it again.
    """

    address: SagaAddress
    at_us: int
    reply: bytes


class Tombstones(Protocol):
    """Undone steps."""

    async def hold(self, undone: Sequence[str], done: Sequence[str]) -> None:
        """Lock sagas before steps of `undone` are undone and steps of `done` are done: an undo waits for transactions
        that have asked about its saga (`Session.read_known`), and later ones wait for it. Without it, two at once would not see
        each other."""
        ...

    async def find(self, keys: Sequence[tuple[str, str, str]]) -> Mapping[tuple[str, str, str], Tombstone]:
        """Tombstones by (saga, saga_id, step)."""
        ...

    async def add(self, rows: Sequence[Tombstone]) -> None:
        """Write tombstones."""
        ...

    async def purge_early(self, before_us: int, limit: int) -> int:
        """Delete at most `limit` tombstones of whole instances (those without a step) from before that time; returns how many.
        A tombstone of a step stays: its command may be in an outbox, a topic or a parking for any time."""
        ...
