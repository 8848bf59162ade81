"""The selection of a bus: each candidate scored on the needs of a design, and the change that would tip the choice."""

from __future__ import annotations

from dataclasses import dataclass, replace

from partita.design.document.arithmetic import volume
from partita.design.document.assumed import BUS_MESSAGES_PER_S, HEADROOM
from partita.design.document.block import A, Mark, R, weakest
from partita.design.document.quantity import YEAR_S, are, listed, plain, rate, size, span
from partita.design.document.traffic import total
from partita.design.model.delivery import BUS_KINDS
from partita.design.model.design import Design

NAMES = {
    "kafka": "Kafka", "nats": "NATS JetStream", "rabbitmq": "RabbitMQ", "eventbridge": "EventBridge", "database": "database log",
}  # fmt: skip
RUN_TODAY = ("kafka", "database")
"""The buses that Partita runs; the others are planned."""
_FIXED: dict[str, tuple[int, ...]] = {  # in the order of BUS_KINDS: kafka, nats, rabbitmq, eventbridge, database
    "order per key": (3, 2, 1, 0, 3),
    "replay": (3, 3, 1, 1, 2),
    "last value of a key": (3, 3, 0, 0, 2),
    "kept for years": (3, 2, 1, 1, 3),
    "teams that subscribe": (3, 3, 3, 3, 1),
    "little to run": (1, 2, 2, 3, 3),
}


@dataclass(frozen=True, slots=True)
class Needs:
    """The numbers of a design that decide."""

    keys: tuple[str, ...]
    replayed: tuple[str, ...]
    compacted: tuple[str, ...]
    retention: float
    kept: float
    teams: int
    peak: float
    disk: float
    marks: tuple[Mark, Mark, Mark]
    """Of the retention, of the years on record, and of the peak."""


@dataclass(frozen=True, slots=True)
class Need:
    """A need: its weight (0 to 3), the fact of the design that gives the weight, and each candidate's score (0 to 3)."""

    name: str
    weight: int
    because: str
    scores: tuple[int, ...]
    mark: Mark


@dataclass(frozen=True, slots=True)
class Tip:
    """A change that makes another candidate win."""

    to: str
    when: str


def needs_of(design: Design) -> Needs:
    """The needs of a design."""
    audited = [rule.keep or 0.0 for rule in design.rules if rule.kind == "audit"]
    years = weakest(design.load.retention, *(rule.bound for rule in design.rules if rule.kind == "audit"))
    return Needs(
        keys=tuple(dict.fromkeys(event.key for event in design.events)),
        replayed=tuple(model.name for model in design.read_models),
        compacted=tuple(event.name for event in design.events if event.compact),
        retention=design.load.retention.value,
        kept=max(audited, default=0.0),
        teams=len(dict.fromkeys(service.team for service in design.services)),
        peak=total(design).peak,
        disk=volume(design).amount,
        marks=(weakest(design.load.retention), years, total(design).mark),
    )


def matrix(needs: Needs) -> tuple[Need, ...]:
    """The needs with their weights and scores; a need of weight 0 is left out."""
    throughput = tuple(_carries(needs.peak, BUS_MESSAGES_PER_S[kind]) for kind in BUS_KINDS)
    volume = (3, 2, 1, 1, 3 if needs.disk < 2e11 else 1 if needs.disk < 2e12 else 0)
    years = needs.kept >= YEAR_S or needs.retention >= YEAR_S
    kept, on_record, load = needs.marks
    found = [
        _need("order per key", 3 if needs.keys else 0, f"{listed(needs.keys)} must stay in order"),
        _need(
            "replay",
            2 if needs.replayed else 0,
            f"{listed(needs.replayed)} {are(needs.replayed)} rebuilt from {span(needs.retention)}",
            kept,
        ),
        _need("last value of a key", 2 if needs.compacted else 0, f"{listed(needs.compacted)} is compacted"),
        _need("kept for years", 2 if years else 0, f"{span(max(needs.kept, needs.retention))} on record", on_record),
        Need("throughput", 3 if needs.peak > 1_000 else 1, f"{rate(needs.peak)} at the peak", throughput, A),
        Need("volume", 2 if needs.disk > 1e12 else 1, f"{size(needs.disk)} before copies", volume, A),
        _need("teams that subscribe", 2 if needs.teams > 2 else 1, f"{needs.teams} teams"),
        _need("little to run", 2 if needs.peak < 100 else 1, f"{rate(needs.peak)} have to pay for a cluster", load),
    ]
    return tuple(need for need in found if need.weight)


def totals(needs: Needs) -> dict[str, int]:
    """The weighted sum of each candidate."""
    return {
        kind: sum(need.weight * need.scores[position] for need in matrix(needs))
        for position, kind in enumerate(BUS_KINDS)
    }


def winner(needs: Needs) -> str:
    """The candidate with the highest sum; the first of them where some are equal."""
    found = totals(needs)
    return max(BUS_KINDS, key=lambda kind: found[kind])


def tips(needs: Needs, chosen: str) -> list[Tip]:
    """For each other candidate the smallest change that makes it win, found by trying."""
    changes = [
        *((f"the peak falls to {rate(needs.peak / by)}", replace(needs, peak=needs.peak / by, disk=needs.disk / by))
          for by in (2, 5, 10, 100)),
        *((f"the peak grows to {rate(needs.peak * by)}", replace(needs, peak=needs.peak * by, disk=needs.disk * by))
          for by in (10, 100)),
        *((f"the peak falls to {rate(needs.peak / by)} and one team owns all services",
           replace(needs, peak=needs.peak / by, disk=needs.disk / by, teams=1)) for by in (1, 10, 100)),
        ("no order per key is needed", replace(needs, keys=())),
        ("no read model is rebuilt and nothing is kept for years",
         replace(needs, replayed=(), kept=0.0, retention=min(needs.retention, 86_400.0))),
        ("no order per key, no replay and no compaction are needed",
         replace(needs, keys=(), replayed=(), compacted=(), kept=0.0, retention=86_400.0)),
        ("nothing but little to run counts", replace(needs, keys=(), replayed=(), compacted=(), kept=0.0, retention=86_400.0,
                                                     peak=min(needs.peak, 50.0), disk=1e9, teams=3)),
    ]  # fmt: skip
    found: dict[str, Tip] = {}
    for when, changed in changes:
        to = winner(changed)
        if to != chosen:
            found.setdefault(to, Tip(to, when))
    for kind in BUS_KINDS:
        if kind not in found and kind != chosen:
            found[kind] = Tip(
                kind, "no change that was tried (a hundred times more or less load, one team, fewer needs)"
            )
    return list(found.values())


def said_tips(needs: Needs, chosen: str) -> list[str]:
    """Each change that would tip the choice, with the names of the buses that it speaks for."""
    found: dict[str, list[str]] = {}
    for tip in tips(needs, chosen):
        found.setdefault(tip.when, []).append(NAMES[tip.to])
    return [f"{plain(names, 'or')}: {when}" for when, names in found.items()]


def _need(name: str, weight: int, because: str, mark: Mark = R) -> Need:
    return Need(name, weight, because, _FIXED[name], mark)


def _carries(peak: float, capacity: float) -> int:
    load = peak * HEADROOM
    return 3 if load <= capacity / 4 else 2 if load <= capacity / 2 else 1 if load <= capacity else 0
