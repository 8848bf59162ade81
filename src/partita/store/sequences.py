"""The key sequences: numbers per key, outgoing and incoming."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol


class Sequences(Protocol):
    """Dense numbers per (topic, key) for outgoing messages, and the last handled number of incoming ones."""

    async def reserve(self, counts: Mapping[tuple[str, str], int]) -> Mapping[tuple[str, str], int]:
        """Reserve the next numbers of each (topic, key); returns the last number before them.

        No other transaction gets numbers of these keys until this one ends, so messages leave in commit order.
        """
        ...

    async def last_in(self, consumer: str, keys: Sequence[tuple[str, str, str]]) -> Mapping[tuple[str, str, str], int]:
        """The last handled number of each (source, topic, key); absent = the key is new."""
        ...

    async def begin_in(self, consumer: str, first: Mapping[tuple[str, str, str], int]) -> None:
        """Store handled numbers of keys that were new when this transaction asked.

        Raises:
            StoreContended: as `Inbox.mark`; another transaction began one of them meanwhile.
        """
        ...

    async def save_in(self, consumer: str, last: Mapping[tuple[str, str, str], int]) -> None:
        """Store the last handled numbers."""
        ...

    async def base_in(self, consumer: str, first: Mapping[tuple[str, str, str], int]) -> None:
        """Store the bases of keys that a group began in the middle: the first number that it counted."""
        ...

    async def bases_in(self, consumer: str, keys: Sequence[tuple[str, str, str]]) -> Mapping[tuple[str, str, str], int]:
        """The stored bases; absent = the key began with number 1."""
        ...

    async def forget_in(self, consumer: str, topic: str) -> None:
        """Let a group begin again in a topic: the next number of each key is its base."""
        ...
