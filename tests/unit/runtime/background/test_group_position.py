"""A group's position on the bus compared with the records that its database has handled: a pure comparison."""

from __future__ import annotations

import pytest

from partita.bus.port import Stand
from partita.runtime.background.group_position import is_other_log, wanted_from
from partita.store.claims import PUT_BY_A_PERSON, Noted

HERE = Stand("log 1", 50, 1, 80, False)


@pytest.mark.parametrize(
    ("noted", "why"),
    [
        (Noted("log 1", 50, 50), "nothing was in hand beyond"),
        (Noted("log 1", 40, 50), "the last batch, and all of it is done"),
        (Noted("log 1", 40, 60), "some of what was in hand is not done yet"),
        (Noted("log 2", 5, 10), "offsets of another log say nothing"),
        (Noted("log 1", 5, 81), "the log has fewer records than were handled: it was begun anew"),
        (Noted(PUT_BY_A_PERSON, 5, 10), "a person moved it"),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_a_group_goes_on_where_it_stands(noted: Noted, why: str) -> None:
    """Where both agree, or the bus alone can know."""
    assert wanted_from(HERE, noted) is None, why


def test_a_database_that_was_put_back_is_read_for_from_the_oldest_it_may_lack() -> None:
    """Records in hand when the backup was made may or may not have been handled."""
    assert wanted_from(HERE, Noted("log 1", 20, 30)) == 20
    assert wanted_from(HERE, Noted("log 1", 30, 30)) == 30
    assert wanted_from(HERE, Noted("log 1", 49, 49)) == 49, "by one record"


def test_an_empty_database_lacks_everything() -> None:
    """From the oldest record on where that is the first; else from before it, which no log can give."""
    assert wanted_from(HERE, Noted("", 0, 0)) == 1
    assert wanted_from(HERE._replace(oldest=30, cut=True), Noted("", 0, 0)) == 29
    assert wanted_from(HERE._replace(oldest=50, cut=True), Noted("", 0, 0)) is None, "a group that is new begins there"


def test_another_log_is_told_by_its_name_or_by_its_length() -> None:
    """A topic that was recreated under the same broker shows only by its length."""
    assert is_other_log(HERE, Noted("log 2", 5, 10))
    assert is_other_log(HERE, Noted("log 1", 5, 81))
    assert not is_other_log(HERE, Noted("log 1", 5, 80))
    assert not is_other_log(HERE, Noted("", 0, 0))
