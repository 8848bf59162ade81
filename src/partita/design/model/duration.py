"""Durations in words: `15 min`, `90 days`."""

from __future__ import annotations

# (from so many seconds on, unit, its names): 24 h is said of a window, 2 days of a retention.
UNITS = (
    (31_536_000.0, 31_536_000.0, "year", "years"),
    (172_800.0, 86_400.0, "day", "days"),
    (3_600.0, 3_600.0, "h", "h"),
    (60.0, 60.0, "min", "min"),
)


def in_words(seconds: float | None) -> str:
    """A duration in its largest unit that gives a whole number; None = for ever."""
    if seconds is None:
        return "for ever"
    for least, size, one, many in UNITS:
        if seconds >= least and seconds % size == 0:
            count = round(seconds / size)
            return f"{count:,} {one if count == 1 else many}"
    return f"{seconds:,g} s"
