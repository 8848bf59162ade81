"""Whether a process can take work, from the last answers of its databases and its bus: a pure decision over facts.

A probe that asked the servers itself would hang whenever they do; a probe that failed whenever a broker is away would
remove processes that can accept and commit without it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

Status = Literal["ok", "degraded", "down"]
_WORST: Sequence[Status] = ("ok", "degraded", "down")


class Fact(NamedTuple):
    """The last answer of a source. `needed`: without it no work can be accepted. `refused`: it refuses this user, and
    waiting does not help. `since` is the start of this state, `asked` the last query, on the monotonic clock."""

    source: str
    needed: bool
    reason: str
    refused: bool
    since: float
    asked: float

    def heard(self, now: float, reason: str, *, refused: bool = False) -> Fact:
        """The same source after a new answer."""
        same = bool(self.reason) == bool(reason)
        return self._replace(reason=reason, refused=refused, since=self.since if same else now, asked=now)


class Check(NamedTuple):
    """One line of the answer to a probe."""

    name: str
    status: Status
    reason: str
    since_s: float
    asked_s: float


class Health(NamedTuple):
    """The answer to a probe."""

    status: Status
    checks: Sequence[Check]

    @property
    def is_ready(self) -> bool:
        """Whether work can be accepted."""
        return self.status != "down"

    def as_json(self) -> Mapping[str, Any]:
        """For probes and people."""
        checks = [{**c._asdict(), "since_s": round(c.since_s, 1), "asked_s": round(c.asked_s, 1)} for c in self.checks]
        return {"status": self.status, "ready": self.is_ready, "checks": checks}


def judged(
    facts: Sequence[Fact],
    failing: Sequence[tuple[str, str, float]],
    now: float,
    *,
    stale_s: float,
    stopping: bool = False,
) -> Health:
    """The health that follows from facts, and from workers of this process that fail or are stuck, with their reasons and
    durations in seconds.

    A fact older than `stale_s` does not count: the worker that should have asked is hanging.
    """
    checks = [_check(fact, now, stale_s) for fact in facts]
    checks += [Check(name, "degraded", reason, since_s, 0.0) for name, reason, since_s in failing]
    if stopping:
        checks.append(Check("process", "down", "it is stopping", 0.0, 0.0))
    worst = max((_WORST.index(check.status) for check in checks), default=0)
    return Health(_WORST[worst], checks)


def _check(fact: Fact, now: float, stale_s: float) -> Check:
    age_s, since_s = now - fact.asked, now - fact.since
    if age_s > stale_s:
        return Check(fact.source, "down", f"it did not answer for {age_s:.0f} s", age_s, age_s)
    status: Status = "ok" if not fact.reason else "down" if fact.needed or fact.refused else "degraded"
    return Check(fact.source, status, fact.reason, since_s, age_s)
