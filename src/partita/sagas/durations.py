"""Durations in seconds, from words."""

from __future__ import annotations

from partita.errors import DeclarationError
from partita.settings.amount import SECONDS_MAX, check_number


def seconds(count: float) -> float:
    """A duration in seconds, for a deadline or a timeout."""
    return _duration("seconds", count, 1.0)


def minutes(count: float) -> float:
    """A duration in minutes, as seconds."""
    return _duration("minutes", count, 60.0)


def hours(count: float) -> float:
    """A duration in hours, as seconds."""
    return _duration("hours", count, 3_600.0)


def days(count: float) -> float:
    """A duration in days of 24 hours, as seconds."""
    return _duration("days", count, 86_400.0)


def shown(seconds: float) -> str:
    """A duration for people: in days from two days on, else in seconds."""
    return f"{seconds / 86_400:,.6g} d" if seconds >= 172_800 else f"{seconds:g} s"


def _duration(unit: str, count: float, each_s: float) -> float:
    check_number(DeclarationError, unit, count, least=0, most=SECONDS_MAX / each_s)
    return count * each_s
