"""Health: the conclusions from facts, without a query."""

from __future__ import annotations

from partita.observability.health import Fact, judged

STORE = Fact("store of orders", True, "", False, 0.0, 10.0)
BUS = Fact("bus", False, "", False, 0.0, 10.0)


def status(
    *facts: Fact, failing: tuple[tuple[str, str, float], ...] = (), now: float = 10.0, stopping: bool = False
) -> str:
    return judged(facts, failing, now, stale_s=5.0, stopping=stopping).status


def test_what_follows_from_what() -> None:
    """A store is needed, a bus is not: orders commit without it. A bus that refuses us shows a wrong setting."""
    away, gone = BUS._replace(reason="no answer"), STORE._replace(reason="no answer")

    assert status(STORE, BUS) == "ok"
    assert status(STORE, away) == "degraded"
    assert status(STORE, away._replace(refused=True)) == "down"
    assert status(gone, BUS) == "down"
    assert status(STORE, STORE._replace(source="store of stock", reason="no answer"), BUS) == "down"
    assert status(STORE, BUS, failing=(("relay of orders", "disk full", 1.0),)) == "degraded"
    assert status(STORE, BUS, stopping=True) == "down"


def test_a_fact_that_is_old_is_none() -> None:
    """The worker that asks is hanging, and "ready" would be answered for ever."""
    assert status(STORE, BUS, now=14.9) == "ok"
    health = judged([STORE, BUS], (), 15.1, stale_s=5.0)
    assert not health.is_ready and "it did not answer for 5 s" in health.checks[0].reason


def test_since_when_it_is_so() -> None:
    """It counts from the first missing answer, not from the last, and again after the source came back."""
    fact = BUS.heard(11.0, "no answer").heard(12.0, "another reason")
    assert (fact.since, fact.asked, fact.reason) == (11.0, 12.0, "another reason")
    assert fact.heard(13.0, "").since == 13.0


def test_the_answer_is_told_with_its_reasons() -> None:
    """As JSON."""
    told = judged([STORE, BUS._replace(reason="no answer", since=4.0)], (), 11.0, stale_s=5.0).as_json()
    assert told["status"] == "degraded" and told["ready"] is True
    assert told["checks"][1] == {
        "name": "bus",
        "status": "degraded",
        "reason": "no answer",
        "since_s": 7.0,
        "asked_s": 1.0,
    }
