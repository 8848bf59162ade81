"""The decision after a failed try: a pure function of the error and two counters."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partita import Retry
from partita.catalog.retry import Counters, Decision, Discard, GiveUp, RetryAfter, RetryNow
from partita.errors import Malformed, UnknownType
from partita.runtime.failing.retry_policy import decide, delay_of

RETRY = Retry(in_place=2, first_wait_s=0.1, wait_s_max=0.15, jitter=0.5, delays=(60.0, 300.0))


def decided(retry: Retry, error: BaseException, tries: int, tiers: int, dice: float = 0.0) -> Decision:
    """The decision about a message that was tried so often."""
    return decide(retry, error, Counters(tries, tiers), None, dice)


def test_it_is_tried_in_place_then_in_each_tier_then_given_up() -> None:
    """Tries in place begin again at each tier; their waits double up to the longest."""
    assert [decided(RETRY, ValueError(), tries, 0) for tries in (1, 2, 3)] == [
        RetryNow(0.1), RetryNow(0.15), RetryAfter(60.0)
    ]  # fmt: skip
    assert decided(RETRY, ValueError(), 3, 1) == RetryAfter(300.0)
    assert decided(RETRY, ValueError(), 3, 2) == GiveUp("failed in place and after 2 delays")


def test_jitter_only_makes_a_wait_longer() -> None:
    """Shorter, a crowd of messages would meet what they need before it can be back."""
    waits = [decided(RETRY, ValueError(), 1, 0, dice) for dice in (0.0, 0.5, 0.999)]
    assert [wait.wait_s for wait in waits if isinstance(wait, RetryNow)] == pytest.approx([0.1, 0.125, 0.14995])


def test_an_error_that_no_retry_heals_is_given_up_at_once() -> None:
    """Ours and those that the service names; each other error is tried."""
    retry = Retry(permanent=(LookupError,))
    for error in (Malformed("bytes"), KeyError("a"), RecursionError()):
        assert decided(retry, error, 1, 0) == GiveUp(f"{type(error).__name__} is permanent")
    assert isinstance(decided(retry, OSError(), 1, 0), RetryNow)


def test_a_type_that_this_version_does_not_know_waits_in_a_tier() -> None:
    """No later try in this process knows it; a newer version may take it out."""
    assert decided(RETRY, UnknownType("Placed"), 1, 0) == RetryAfter(60.0)
    assert isinstance(decided(RETRY, UnknownType("Placed"), 1, 2), GiveUp)


@pytest.mark.parametrize(
    ("answer", "in_place", "over", "in_the_last_tier"),
    [
        (RetryNow(9.0), RetryNow(9.0), RetryAfter(0.0), GiveUp("its retry policy never gives up")),
        (RetryAfter(70.0), RetryAfter(70.0), RetryAfter(70.0), GiveUp("failed after 2 delays")),
        (Discard("known"), Discard("known"), Discard("known"), Discard("known")),
        ("later", *[GiveUp("its retry policy answered 'later'")] * 3),
    ],
    ids=["now", "after", "discard", "none of the four"],
)
def test_a_policy_is_asked_first_within_the_bounds(
    answer: Any, in_place: Decision, over: Decision, in_the_last_tier: Decision
) -> None:
    """It cannot keep a message alive beyond the tiers."""
    retry = Retry(in_place=2, delays=(60.0, 300.0), policy=lambda error, counters, message: answer)
    assert decided(retry, ValueError(), 1, 0) == in_place
    assert decided(retry, ValueError(), 3, 0) == over
    assert decided(retry, ValueError(), 3, 2) == in_the_last_tier


def test_a_policy_without_an_answer_leaves_it_to_the_rules() -> None:
    retry = Retry(in_place=0, delays=(60.0,), policy=lambda error, counters, message: None)
    assert decided(retry, ValueError(), 1, 0) == RetryAfter(60.0)


@given(
    tiers=st.lists(st.floats(1.0, 1e6), min_size=1, max_size=6).map(tuple), wait_s=st.floats(0.0, 2e6), data=st.data()
)
def test_a_wait_means_the_first_tier_ahead_that_is_long_enough(
    tiers: tuple[float, ...], wait_s: float, data: st.DataObject
) -> None:
    """A tier that is behind a message would send it round for ever."""
    behind = data.draw(st.integers(0, len(tiers) - 1))
    found = delay_of(Retry(delays=tiers), RetryAfter(wait_s), behind)
    assert behind <= found < len(tiers)
    longer = [number for number in range(behind, len(tiers)) if tiers[number] >= wait_s]
    assert found == (longer[0] if longer else len(tiers) - 1)
