"""Durations in seconds, from words."""

from __future__ import annotations

from partita.errors import DeclarationError
from partita.settings.amount import SECONDS_MAX, check_number


def seconds(count: float) -> float:
    """That many seconds."""
    return _duration("seconds", count, 1.0)


def minutes(count: float) -> float:
    """That many minutes, in seconds."""
    return _duration("minutes", count, 60.0)


def hours(count: float) -> float:
    """That many hours, in seconds."""
    return _duration("hours", count, 3_600.0)


def _duration(unit: str, count: float, each_s: float) -> float:
    check_number(DeclarationError, unit, count, least=0, most=SECONDS_MAX / each_s)
    return count * each_s
