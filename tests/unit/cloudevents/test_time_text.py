"""Times as RFC 3339 has them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from partita.cloudevents.time_text import YEAR_9999_S, microseconds, rfc3339


@given(st.integers(0, YEAR_9999_S).map(lambda s: s * 1_000_000), st.integers(0, 999_999))
def test_a_time_comes_back(second_us: int, micros: int) -> None:
    """To the microsecond: a float of seconds is one off for some, such as 4294967296.000069."""
    time_us = second_us + micros
    assert microseconds(rfc3339(time_us)) == time_us


def test_times_that_have_no_text_do_no_harm() -> None:
    """A foreign envelope may hold any number, and a foreign header any text."""
    assert rfc3339(2**63 - 1).startswith("9999-12-31T23:59:59.")
    assert [microseconds(text) for text in ("", "soon", "1969-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59")] == [
        0, 0, 0, 253_402_387_139_000_000,
    ]  # fmt: skip
    assert microseconds("2023-11-14T23:13:20.5+01:00") == 1_700_000_000_500_000
