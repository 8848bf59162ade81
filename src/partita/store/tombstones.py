"""Tombstones: the steps of sagas that were undone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from partita.message import SagaAddress


class Tombstone(NamedTuple):
    """A step that was undone at this participant: its command, should it still come, is refused.

    `reply` is the acknowledgement as it was sent (type, fingerprint, value), for an undo that is sent again.
    """

    address: SagaAddress
    at_us: int
    reply: bytes


class Tombstones(Protocol):
    """Undone steps."""

    async def hold(self, undone: Sequence[str], done: Sequence[str]) -> None:
        """Steps of the sagas `undone` are about to be undone, and of those in `done` to be done: who has looked at the
        first (`Session.look`) is waited for, who looks later waits. Else two at once see nothing of each other."""
        ...

    async def find(self, keys: Sequence[tuple[str, str, str]]) -> Mapping[tuple[str, str, str], Tombstone]:
        """Tombstones by (saga, saga_id, step)."""
        ...

    async def add(self, rows: Sequence[Tombstone]) -> None:
        """Write tombstones."""
        ...
