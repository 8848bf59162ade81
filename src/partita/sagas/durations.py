"""Durations as seconds, said in words."""

from __future__ import annotations


def seconds(count: float) -> float:
    """So many seconds."""
    return float(count)


def minutes(count: float) -> float:
    """So many minutes, in seconds."""
    return count * 60.0


def hours(count: float) -> float:
    """So many hours, in seconds."""
    return count * 3600.0
