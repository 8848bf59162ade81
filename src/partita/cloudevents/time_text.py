"""The time of a CloudEvent as text (RFC 3339), from microseconds since 1970 and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
YEAR_9999_S = 253_402_300_799
_last_second: tuple[int, str] = (-1, "")


def rfc3339(time_us: int) -> str:
    """The text of a time in UTC; one after the year 9999 is that year's last second."""
    seconds, micros = divmod(time_us, 1_000_000)
    return f"{_second(seconds)}.{micros:06d}Z"


def microseconds(text: str) -> int:
    """Microseconds since 1970; 0 = the text is no time, or one before 1970."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0
    since = moment - (EPOCH if moment.tzinfo is not None else EPOCH.replace(tzinfo=None))
    return max(0, since // MICROSECOND)  # as a float of seconds it would be one off, from 2038 on


def _second(seconds: int) -> str:
    """The text of a second, kept for the next message of the same one."""
    global _last_second
    if _last_second[0] != seconds:
        text = datetime.fromtimestamp(min(seconds, YEAR_9999_S), UTC).strftime("%Y-%m-%dT%H:%M:%S")
        _last_second = (seconds, text)
    return _last_second[1]
