"""Consumer groups: how far each is behind in its topics, the processes that run it, its parked messages, and its state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from partita.bus.port import GroupLag
from partita.observability.reach import Sight
from partita.observability.workers import why_service
from partita.store.parking import ParkingStatus
from partita.store.port import Store


@dataclass(frozen=True, slots=True)
class InTopic:
    """A group in a topic. `oldest_us` is the append time of its oldest unhandled message, if known."""

    group: str
    topic: str
    behind: int
    oldest_us: int | None
    partitions_held: int
    partitions: int
    members: int


@dataclass(frozen=True, slots=True)
class GroupState:
    """Reasons why a group does not go on, one sentence each, and the numbers of its parking."""

    group: str
    why: tuple[str, ...]
    parked: ParkingStatus


@dataclass(frozen=True, slots=True)
class Groups:
    """The groups of an app. Ages are counted back from `now_us`."""

    partitions: tuple[GroupLag, ...]
    topics: tuple[InTopic, ...]
    states: tuple[GroupState, ...]
    now_us: int


async def groups(sight: Sight, group: str | None = None) -> Groups:
    """All groups, or one of them. `sight.unknown` names the sources that do not answer."""
    chosen = {name: store for name, store in sight.stores.items() if group in (None, name)}
    lags = await sight.lags(group)
    states = await sight.ask_all({name: _state(store, lags) for name, store in chosen.items()})
    return Groups(tuple(lags or ()), tuple(in_topics(lags or ())), tuple(states.values()), sight.clock.now_us())


def in_topics(lags: Sequence[GroupLag]) -> list[InTopic]:
    """Partitions summed by group and topic. A retry topic in which nothing waits is left out: there are three of them for
    each topic and group, and they carry no information."""
    sums: dict[tuple[str, str], list[GroupLag]] = {}
    for lag in lags:
        sums.setdefault((lag.group, lag.topic), []).append(lag)
    return [
        InTopic(
            group,
            topic,
            sum(each.lag for each in parts),
            min((each.oldest_us for each in parts if each.oldest_us is not None), default=None),
            sum(each.owner is not None for each in parts),
            len(parts),
            len({each.owner for each in parts if each.owner is not None}),
        )
        for (group, topic), parts in sums.items()
        if not group.endswith(".retry") or any(each.lag for each in parts)
    ]


async def _state(store: Store, lags: Sequence[GroupLag] | None) -> GroupState:
    why = await why_service(store, lags, await store.now_us())
    async with store.reading() as session:
        return GroupState(store.name, tuple(why), await session.parking.status(store.name))
