"""Answers of a target, and what follows from each."""

from __future__ import annotations

import pytest

from partita.catalog.retry import Counters, GiveUp, RetryAfter
from partita.clock import US
from partita.egress.answers import check_answer, wait_of
from partita.egress.retrying import decide
from partita.egress.target import Rules
from partita.egress.webhook import RETRY
from partita.errors import WebhookFailed, WebhookGone, WebhookRefused, WebhookUnreached
from partita.runtime.failing.retry_policy import decide as decided
from partita.runtime.failing.retry_policy import delay_of

TARGET = Rules(None, ()).target("https://hooks.example.com/secret")
NOW_US = 1_793_527_200 * US


def failure(status: int, **headers: str) -> BaseException | None:
    try:
        check_answer(TARGET, status, {name.replace("_", "-"): text for name, text in headers.items()}, NOW_US)
    except (WebhookFailed, WebhookGone) as error:
        assert "secret" not in str(error)
        return error
    return None


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_an_answer_of_200_to_299_is_success(status: int) -> None:
    assert failure(status) is None


@pytest.mark.parametrize("status", [301, 307, 400, 401, 404, 413, 422, 429, 500, 502, 503, 504])
def test_each_other_answer_is_tried_again_after_each_delay(status: int) -> None:
    """Also a redirect, which is not followed, and a 4xx: a receiver mends its keys and its routes. Not in place: the target answered."""
    error = failure(status)
    assert error is not None
    decisions = [decided(RETRY, error, Counters(1, delays), None, 0.5) for delays in range(4)]
    assert decisions[:3] == [RetryAfter(0.0)] * 3 and isinstance(decisions[3], GiveUp)


def test_gone_and_refused_are_dead_letters_at_once() -> None:
    """Another try changes nothing."""
    for error in (failure(410), WebhookRefused("no")):
        assert error is not None
        assert isinstance(decided(RETRY, error, Counters(1, 0), None, 0.5), GiveUp)


def test_a_connection_that_fails_is_tried_again_in_place_first() -> None:
    assert decide(WebhookUnreached("no"), Counters(1, 0), None) is None


@pytest.mark.parametrize(
    ("text", "seconds", "delay"),
    [
        ("", 0.0, 0), ("30", 30.0, 0), (" 120 ", 120.0, 1), ("7200", 7_200.0, 2), ("9" * 30, 86_400.0, 2), ("-5", 0.0, 0),
        ("soon", 0.0, 0), ("Sun, 01 Nov 2026 10:05:00 GMT", 300.0, 1), ("Sun, 01 Nov 2026 09:00:00 GMT", 0.0, 0),
        ("\u0665", 0.0, 0), ("Sun, 99 Nov 2026 10:00:00 GMT", 0.0, 0),
    ],
)  # fmt: skip
def test_the_time_that_an_answer_names_is_waited_for(text: str, seconds: float, delay: int) -> None:
    """In the first delay that is long enough, else the longest."""
    assert wait_of({"retry-after": text}, NOW_US) == pytest.approx(seconds)
    error = failure(503, retry_after=text)
    assert isinstance(error, WebhookFailed)
    decision = decided(RETRY, error, Counters(1, 0), None, 0.5)
    assert isinstance(decision, RetryAfter) and delay_of(RETRY, decision, 0) == delay
