"""The door of `partita.waiting` is small, sorted and documented."""

from __future__ import annotations

import partita.waiting
from partita.waiting import Later, later


def test_the_door_is_as_it_was() -> None:
    """A name that is offered here is used by others; one is added on purpose."""
    assert partita.waiting.__all__ == ["Later", "Overtaken", "Pending", "TokenRefused", "later"]
    assert all(getattr(partita.waiting, name).__doc__ for name in partita.waiting.__all__)


def test_later_is_one_value() -> None:
    """It carries nothing: the id is that of the command."""
    assert isinstance(later(), Later) and later() is later() and repr(later()) == "later()"
