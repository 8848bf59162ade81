"""A test of the channels: a channel that did not accept the alert is never shown as one that did."""

from __future__ import annotations

from partita.alerts.trying import Tried, try_channel


class Mute:
    """A channel that fails without a text, as a `TimeoutError` may."""

    name = "mail by nowhere"

    async def send(self, *_: object) -> None:
        """Fail."""
        raise TimeoutError


async def test_an_error_without_a_text_is_an_error() -> None:
    assert await try_channel(Mute(), 1) == Tried("mail by nowhere", "TimeoutError")
