"""The key sequences: numbers per key, going out and coming in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol


class Sequences(Protocol):
    """The key sequence: dense numbers per (topic, key) going out, the last one handled coming in."""

    async def reserve(self, counts: Mapping[tuple[str, str], int]) -> Mapping[tuple[str, str], int]:
        """Give each (topic, key) its next so many numbers; returns the last one given before them.

        Nobody else is given any of these keys until this transaction ends, so that they leave in commit order.
        """
        ...

    async def last_in(self, consumer: str, keys: Sequence[tuple[str, str, str]]) -> Mapping[tuple[str, str, str], int]:
        """The last number handled of each (source, topic, key); absent = the key is new."""
        ...

    async def begin_in(self, consumer: str, first: Mapping[tuple[str, str, str], int]) -> None:
        """Store numbers handled of keys that were new when this transaction asked.

        Raises:
            StoreContended: as `Inbox.mark`; another transaction began one of them meanwhile.
        """
        ...

    async def save_in(self, consumer: str, last: Mapping[tuple[str, str, str], int]) -> None:
        """Store the last numbers handled."""
        ...

    async def base_in(self, consumer: str, first: Mapping[tuple[str, str, str], int]) -> None:
        """Store the bases of keys that a group began in the middle: the first number it counted."""
        ...

    async def bases_in(self, consumer: str, keys: Sequence[tuple[str, str, str]]) -> Mapping[tuple[str, str, str], int]:
        """The bases that were stored; absent = the key was begun with its number 1."""
        ...

    async def forget_in(self, consumer: str, topic: str) -> None:
        """A group begins anew in a topic: the next number of each key is its base."""
        ...
