"""Sagas that wait for people, whose processes are killed: nothing is lost, false, done twice, or left waiting.

Claims that an adjuster decides, refuses, forgets or decides too late, with reminders, an escalation, a withdrawal and a
cancellation; and rides whose drivers accept, decline, stay silent, accept late or twice. All processes are killed: the
services, the relay, and the people's own, at random and at named moments around their commits.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.processes.world.hunt import Hunt
from tests.processes.world.mortal import SENT, around
from tests.servers import kafka_cluster, postgres_url

pytestmark = [pytest.mark.processes, pytest.mark.timeout(4_000)]
LONG = bool(os.environ.get("PARTITA_LONG"))
ONLY_LONG = [pytest.mark.long, pytest.mark.skipif(not LONG, reason="a hundred kills, minutes of them; PARTITA_LONG=1")]
SESSION = "?session.timeout.ms=3000&heartbeat.interval.ms=500"
ROLES: dict[str, dict[str, tuple[str, ...]]] = {
    "insured": {
        "people": around("an answer"),
        "relay": (SENT,),
        "claims-service": around("a reminder", "a move of a saga"),
        "policy-service,fraud-service,adjuster-desk,payout-service": around("a pending command", "an undo"),
    },
    "riding": {
        "people": around("an answer"),
        "relay": (SENT,),
        "rides,payments": around("a move of a saga", "an undo"),
        "drivers,notifications": around("a pending command", "an undo"),
    },
}
"""The processes of a system, and the named moments at which each may die."""
SCALES = {"insured": 0.15, "riding": 0.4}
KINDS: dict[str, tuple[str, ...]] = {
    "insured": ("paid", "closed", "approve ok", "approve by link ok", "refuse ok", "withdraw ok", "approve Overtaken"),
    "riding": (
        "completed",
        "cancelled",
        "accept ok",
        "accept again ok",
        "decline ok",
        "accept OfferGone",
        "decline OfferGone",
    ),
}
"""The ends and the results that a long run has to meet."""
MET = {
    "insured": ("HandleClaim completed", "HandleClaim undone"),
    "riding": ("BookRide completed", "BookRide undone", "SettleTrip completed"),
}
"""The ends of sagas that deaths have to interrupt."""


@pytest.fixture
def tier(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """SQLite, PostgreSQL, or PostgreSQL and Kafka, in the environment of the processes."""
    if request.param == "sqlite":
        yield "sqlite"
        return
    with postgres_url() as url:
        monkeypatch.setenv("PARTITA_STORE", f"{url}?pool_max=3")
        monkeypatch.setenv("PARTITA_BUS", f"{url}?pool_max=2")
        if request.param == "postgresql":
            yield "postgresql"
            return
        with kafka_cluster() as cluster:
            monkeypatch.setenv("PARTITA_BUS", cluster.url + SESSION)
            yield "kafka"


def judged(hunt: Hunt) -> dict[str, Any]:
    """The result of a hunt, which found nothing wrong."""
    found = hunt.run()
    assert found["wrong"] == [], "\n".join([*found["wrong"][:20], str(found["died"]), str(found["ends"])])
    assert found["kills"] >= hunt.kills
    print(hunt.name, found)
    return found


@pytest.mark.parametrize(
    "tier", ["sqlite", *(pytest.param(name, marks=pytest.mark.long) for name in ("kafka",))], indirect=True
)
def test_claims_that_wait_for_a_person_survive_each_kill(tier: str, tmp_path: Path) -> None:
    """Each ends paid or closed, as its people's answers say; reminders are sent once; policies add up."""
    found = judged(Hunt("insured", tmp_path / "data", ROLES["insured"], kills=6, every_s=1.2, scale=0.02))
    assert found["ends"]["closed"] and found["ends"]["file ok"] == 16


@pytest.mark.parametrize(
    "tier", ["sqlite", *(pytest.param(name, marks=pytest.mark.long) for name in ("postgresql", "kafka"))], indirect=True
)
def test_rides_that_wait_for_a_driver_survive_each_kill(tier: str, tmp_path: Path) -> None:
    """Each is driven and paid once, or holds no driver and no fare."""
    found = judged(Hunt("riding", tmp_path / "data", ROLES["riding"], kills=6, every_s=1.2, count=14, scale=0.1))
    assert found["ends"].get("completed", 0) + found["ends"].get("cancelled", 0) == 14


@pytest.mark.parametrize(
    "tier", [pytest.param(name, marks=ONLY_LONG) for name in ("sqlite", "postgresql", "kafka")], indirect=True
)
@pytest.mark.parametrize("name", ROLES)
def test_a_hundred_kills(tier: str, name: str, tmp_path: Path) -> None:
    """Their times are long enough for a process that comes back after a second or two, so that all ends are met, and deaths
    in each of them."""
    found = judged(
        Hunt(
            name,
            tmp_path / "data",
            ROLES[name],
            kills=100,
            every_s=1.5,
            seed=11,
            count=120,
            scale=SCALES[name],
            paced=True,
        )
    )
    assert all(found["ends"].get(kind, 0) for kind in KINDS[name]), found["ends"]
    assert min(found["met"].get(kind, 0) for kind in MET[name]) >= 10, found["met"]


BUGS: dict[str, tuple[str, ...]] = {
    "the pending command after the commit": around("a pending command")[1:],
    "the answer after the commit": around("an answer")[1:],
    "the count of reminders after the commit": around("a reminder")[1:],
    "messages before the commit": (around("a move of a saga")[0], around("an answer")[0]),
}


@pytest.mark.parametrize("tier", [pytest.param("sqlite", marks=ONLY_LONG)], indirect=True)
@pytest.mark.parametrize("bug", BUGS)
def test_a_bug_that_only_a_kill_reveals_is_found(
    tier: str, bug: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a kill these systems are right: the audit must be able to turn red for the deaths alone."""
    monkeypatch.setenv("WORLD_QUIET_S", "20")
    calm = Hunt(
        "insured", tmp_path / "calm", dict.fromkeys(ROLES["insured"], ()), kills=0, count=18, bug=bug, scale=0.05
    )
    assert calm.run()["wrong"] == []
    roles = dict.fromkeys(ROLES["insured"], BUGS[bug])
    killed = Hunt(
        "insured", tmp_path / "killed", roles, kills=2, every_s=600, one_in=1, count=18, bug=bug, scale=0.05
    ).run()
    assert killed["wrong"] and killed["kills"] >= 2
