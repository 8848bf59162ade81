"""`Load`: the expected load of a topic, and the number of partitions that it needs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from partita.errors import DeclarationError
from partita.settings.amount import check_number

AMOUNT_MAX = 1e12
HEADROOM_MAX = 1_000.0
PARTITIONS = 4
"""The number without a declared load, and the least with one: growing a keyed topic later moves its keys."""
PARTITION_BYTES_PER_S = 5_000_000
"""The easy rate of one partition on a plain disk with three copies; brokers do several times that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The expected load of a topic at its busiest: `Load(messages_per_s=500, handle_ms=12)`.

    One consumer of a group handles a partition at a time, one message after the other, since order within a
    key is kept. So a topic needs as many partitions as consumers:

        consumers  = messages_per_s x handle_ms / 1000 x headroom
        throughput = messages_per_s x bytes_each x headroom / 5 MB/s, the rate of one partition
        partitions = the larger of both, rounded up to 4, 6, 8, 12, 16, 24, ... (2^n or 3 x 2^n)

    Those numbers divide evenly among 2, 3, 4 or 6 processes, more often than others do.

    Args:
        messages_per_s: at the busiest, all message types of the topic together.
        bytes_each: of a message on the wire, its envelope included.
        handle_ms: of one message in the slowest group that reads the topic, its share of the batch's commit included.
        headroom: how many times that load the topic must bear: growth, and catching up after a pause.

    Raises:
        DeclarationError: a number is not positive, or the headroom is below 1.
    """

    messages_per_s: float
    bytes_each: float = 1_000.0
    handle_ms: float = 5.0
    headroom: float = 2.0

    def __post_init__(self) -> None:
        for name in ("messages_per_s", "bytes_each", "handle_ms"):
            check_number(DeclarationError, f"Load({name})", getattr(self, name), above=0, most=AMOUNT_MAX)
        # A topic that bears less than its load falls behind.
        check_number(DeclarationError, "Load(headroom)", self.headroom, least=1, most=HEADROOM_MAX)

    @property
    def consumers(self) -> float:
        """The number of consumers that the slowest group needs."""
        return self.messages_per_s * self.handle_ms / 1_000 * self.headroom

    @property
    def bytes_per_s(self) -> float:
        """The bytes to write at the busiest, headroom included."""
        return self.messages_per_s * self.bytes_each * self.headroom

    @property
    def partitions(self) -> int:
        """The number of partitions for the load."""
        return even(max(self.consumers, self.bytes_per_s / PARTITION_BYTES_PER_S))

    @property
    def why(self) -> str:
        """The arithmetic in words."""
        rate, room = f"{self.messages_per_s:,.10g}/s", f"{self.headroom:g}"
        needed = max(self.consumers, self.bytes_per_s / PARTITION_BYTES_PER_S)
        return (
            f"{rate} x {self.handle_ms:g} ms x {room} = {self.consumers:,.1f} consumers; "
            f"{rate} x {self.bytes_each:,.10g} bytes x {room} = {self.bytes_per_s / 1e6:,.1f} MB/s = "
            f"{self.bytes_per_s / PARTITION_BYTES_PER_S:,.1f} partitions of {PARTITION_BYTES_PER_S / 1e6:g} MB/s; "
            f"{needed:,.1f} rounded up to {self.partitions}"
        )


def even(needed: float) -> int:
    """The next number up that divides well: 2^n or 3 x 2^n, at least 4."""
    # A product like 0.1 x 30 is a hair above its number: that hair needs no partition.
    whole = max(PARTITIONS, math.ceil(round(needed, 9)))
    power = 1 << (whole - 1).bit_length()
    return power * 3 // 4 if power * 3 // 4 >= whole else power
