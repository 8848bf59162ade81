"""`later()`: a handler's result where the answer of its command comes from outside, by a driver, a person or a webhook."""

from __future__ import annotations


class Later:
    """The result of a handler that does not answer its command yet: `async def offer(cmd: OfferRide) -> RideAccepted | Later`.

    The command is handled: its mark, the handler's writes and the pending command commit together. `tx.reply` or `app.reply`
    gives the answer, under the id that the handler gets as `meta.reply_to`.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "later()"


_LATER = Later()


def later() -> Later:
    """The result of a handler that leaves its command without an answer for now."""
    return _LATER
