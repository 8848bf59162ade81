"""Which marks go, and which messages may have been forgotten with them: pure decisions."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from partita import Service
from partita.clock import US
from partita.idempotency.inbox import Candidate, Origin
from partita.message import Envelope, SagaAddress, born_us
from partita.runtime.path.delivery import Delivery
from partita.runtime.path.door import id_of
from partita.runtime.path.expiry import may_be_forgotten
from partita.store.forgetting import AHEAD_US_MAX, Mark, forgetting
from partita.store.port import Known

HOUR_US = 3_600 * US
NOW_US = 1_700_000_000 * US
CHARGE = SagaAddress("Checkout", "o1", "charge", 3, "do")


def made_at(at_us: int) -> str:
    """An id of ours that was made then."""
    text = f"{at_us // 1_000:012x}"
    return f"{text[:8]}-{text[8:]}-7000-8000-000000000000"


def test_an_id_tells_when_it_was_made_or_says_nothing() -> None:
    """Other texts of that length are no time."""
    assert born_us(made_at(NOW_US)) == NOW_US
    assert [born_us(text) for text in ("", "m1", "x" * 14 + "7" + "x" * 21, id_of("s", "T", "k"))] == [None] * 4


def test_a_mark_stays_until_its_id_is_as_old() -> None:
    """A sender whose clock is ahead: by the id alone its message would be young when the mark is gone."""
    ahead = Mark(1, "g", made_at(NOW_US + HOUR_US), "", NOW_US)
    assert forgetting([ahead], NOW_US + 1) == ([], [], 0)
    assert forgetting([ahead], NOW_US + HOUR_US + 1) == ([1], [], NOW_US + HOUR_US)


def test_no_clock_is_believed_that_is_days_ahead() -> None:
    """One id of the year 10000 would make everything that comes a letter, or stay for ever."""
    far = Mark(1, "g", made_at(NOW_US * 100), "", NOW_US)
    assert forgetting([far], NOW_US + AHEAD_US_MAX + 1) == ([1], [], NOW_US + AHEAD_US_MAX)


def test_an_id_without_a_time_counts_as_old_as_its_mark() -> None:
    """It was made before it was handled."""
    assert forgetting([Mark(1, "g", "theirs-1", "", NOW_US)], NOW_US + 1) == ([1], [], NOW_US)


def test_what_a_user_named_is_kept_and_says_nothing_of_others() -> None:
    """An idempotency key may be used again at any time; a business key as well."""
    keys = [Mark(1, "g", id_of("g", "T", "k"), "", NOW_US), Mark(2, "g/h", "T#1", "", NOW_US)]
    assert forgetting(keys, NOW_US + 1) == ([1, 2], keys, 0)


def asked(
    envelope: Envelope,
    last: dict[Any, int] | None = None,
    order: Literal["key", "none"] = "key",
    origin: Origin = Origin.NEW,
) -> bool:
    """Whether a message that has no mark is old enough to have been forgotten."""
    delivery = Delivery(envelope, "t", "k", b"")
    candidate = Candidate(envelope, "t", "k", b"", origin)
    service = Service("reader", namespace="test.old", order=order)
    return bool(may_be_forgotten(service, [delivery], [candidate], Known({}, last or {}, frozenset(), {}), NOW_US))


def of_age(hours: int, **how: Any) -> Envelope:
    """An envelope of an id that old."""
    at_us = NOW_US - hours * HOUR_US
    return Envelope(made_at(at_us), "s", "T", at_us, "c", **how)


def test_within_the_window_nothing_is_forgotten() -> None:
    """The mark would be there."""
    assert (asked(of_age(23)), asked(of_age(25))) == (False, True)


def test_a_number_of_a_key_decides_whatever_its_age() -> None:
    """Where the group keeps order; without order numbers are not looked at."""
    old = of_age(25, key_sequence=4)
    assert (asked(old), asked(old, order="none")) == (False, True)


@pytest.mark.parametrize(("last", "forgotten"), [(3, True), (4, False)])
def test_a_command_that_its_saga_sends_again_is_as_old_as_its_id(last: int, forgotten: bool) -> None:
    """Composed again, it has the present time, and perhaps a new number; with an old number it is stale as before."""
    again = of_age(25, key_sequence=4, kind="command", saga=CHARGE)
    again.time_us = NOW_US
    assert asked(again, {("s", "t", "k"): last}) is forgotten


def test_an_answer_is_its_sagas_affair() -> None:
    """It knows its steps for ever."""
    assert not asked(of_age(25, kind="reply", saga=CHARGE))


def test_what_was_made_here_for_it_just_now_is_new() -> None:
    """No other process can have sent it."""
    assert not asked(of_age(25), origin=Origin.MADE)
