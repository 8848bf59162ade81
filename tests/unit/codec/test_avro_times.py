"""Case 51: due dates in ten years, at a change of the clocks, on a leap day: exact, or refused when they are sent."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import msgspec
import pytest

from partita.codec.avro import AvroCodec
from partita.errors import Malformed
from partita.schemas.fields.shape import Shape


class Due(msgspec.Struct):
    """A time, and times within."""

    at: dt.datetime
    others: list[dt.datetime] = []


DUE = Shape("Due", "test", Due)
NEW_YORK = ZoneInfo("America/New_York")
NAIVE = dt.datetime(2036, 2, 29, 12, tzinfo=dt.UTC).replace(tzinfo=None)
EXACT = [
    dt.datetime(2036, 2, 29, 12, tzinfo=dt.UTC),
    dt.datetime(2026, 11, 1, 1, 30, fold=0, tzinfo=NEW_YORK),
    dt.datetime(2026, 11, 1, 1, 30, fold=1, tzinfo=NEW_YORK),
    dt.datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=dt.UTC),
    dt.datetime(1970, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=14))),
]


@pytest.mark.parametrize("at", EXACT, ids=str)
def test_a_time_with_a_zone_is_the_same_instant(at: dt.datetime) -> None:
    """Compared as instants: two times of a repeated hour that differ in `fold` differ."""
    codec = AvroCodec()
    fingerprint, data = codec.encode(DUE, Due(at=at))
    read = codec.decode(DUE, fingerprint, data)
    assert isinstance(read, Due) and read.at.timestamp() == at.timestamp() and read.at.tzinfo is not None


def test_the_two_times_of_a_repeated_hour_are_an_hour_apart() -> None:
    """Otherwise a due date in the night of the change would be an hour off."""
    assert EXACT[2].timestamp() - EXACT[1].timestamp() == 3_600


@pytest.mark.parametrize(
    ("value", "where"),
    [
        (Due(at=NAIVE), "Due.at"),
        (Due(at=EXACT[0], others=[EXACT[1], NAIVE]), "Due.others[1]"),
    ],
)
def test_a_time_without_a_zone_is_refused_where_it_is_sent(value: Due, where: str) -> None:
    """Each reader would take it for its own local time."""
    with pytest.raises(Malformed, match="without a time zone") as refused:
        AvroCodec().encode(DUE, value)
    assert where in str(refused.value)
