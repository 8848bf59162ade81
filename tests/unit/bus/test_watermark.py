"""The watermark never passes an unfinished record."""

from __future__ import annotations

from partita.bus.watermark import Watermark


def test_the_position_stays_at_the_oldest_that_is_not_done() -> None:
    """A successor begins there: if the position passed the oldest record, that record would be lost with this
    process."""
    watermark = Watermark(10)
    for offset in (10, 11, 15):
        watermark.hand_out(offset)
    watermark.done(15)
    watermark.done(11)
    assert (watermark.position, len(watermark.open)) == (10, 1)
    watermark.done(10)
    assert (watermark.position, len(watermark.open)) == (16, 0)
