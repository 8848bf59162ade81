"""The hash of a key, and by it its partition and outbox slot: the same in every process, run and version."""

from __future__ import annotations

import zlib


def hash_of(key: str) -> int:
    """CRC-32 of a key's UTF-8: stable everywhere, 0.1 us, and that of librdkafka's own `consistent` partitioner, so that a
    producer in C agrees."""
    return zlib.crc32(key.encode("utf-8", "surrogatepass"))


def partition_of(key: str, partitions: int) -> int:
    """The partition of a key."""
    return hash_of(key) % partitions


def slot_of(key: str, slots: int) -> int:
    """The outbox slot of a key; from other bits than the partition, so that the two spread independently."""
    return (hash_of(key) >> 16) % slots
