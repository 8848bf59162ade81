"""The state of a service's workers, for every command and page that shows it: read once, and put into words once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from partita.bus.port import GroupLag
from partita.clock import US
from partita.observability.why import since, why_group
from partita.store.groups import Said
from partita.store.port import Store
from partita.store.workers import WorkerState

OF_MEMBERS = ("storm", "full")


class Behind(NamedTuple):
    """A group's lag: the number of messages, the age of the oldest one, and the number of members. None = the bus does not
    report it."""

    messages: int | None = None
    oldest_s: float | None = None
    members: int | None = None


def behind(lags: Sequence[GroupLag] | None, group: str, now_us: int) -> Behind:
    """A group's lag by the bus's numbers (None = it does not answer)."""
    if lags is None:
        return Behind()
    own = [lag for lag in lags if lag.group == group]
    if not own:
        return Behind(0, 0.0)  # the group has no position yet: it is unknown whether a process runs it
    messages = sum(lag.lag for lag in own)
    times = [lag.oldest_us for lag in own if lag.oldest_us is not None]
    oldest_s = max((now_us - min(times)) / US, 0.0) if times else None if messages else 0.0
    return Behind(messages, oldest_s, len({lag.owner for lag in own if lag.owner is not None}))


def merged(told: Iterable[WorkerState], own: Iterable[WorkerState] = ()) -> list[WorkerState]:
    """The reported states; those of this process's own workers are replaced by its own knowledge, which is newer."""
    found = {(state.member, state.worker): state for state in (*told, *own)}
    return sorted(found.values(), key=lambda state: state.since_us)


def in_words(state: WorkerState, now_us: int) -> str:
    """The state as one sentence."""
    return f"{state.worker} is {state.state} since {since(now_us - state.since_us)}: {state.cause} ({state.member})"


def nobody(group: str, where: Behind) -> str:
    """One sentence if no process runs a group; empty = a process does, or it is unknown."""
    if where.members != 0:
        return ""
    return f"no process runs {group}" + (f": {where.messages:,} messages wait" if where.messages else "")


def still_said(said: Iterable[Said], lags: Sequence[GroupLag] | None, group: str) -> list[Said]:
    """The reports of living members; the report of a dead member does not count, also before the watch deletes it."""
    if lags is None:
        return list(said)
    there = {lag.owner.partition("/")[0] for lag in lags if lag.group == group and lag.owner is not None}
    return [each for each in said if each.what not in OF_MEMBERS or each.member in there]


async def why_service(store: Store, lags: Sequence[GroupLag] | None, now_us: int) -> list[str]:
    """Reasons why a service is slow or does not move, one sentence each; empty = none."""
    told = await store.workers.reported()
    async with store.reading() as session:
        said = still_said(await session.groups.said(store.name), lags, store.name)
        found = await why_group(session, store.name, now_us, said)
    absent = nobody(store.name, behind(lags, store.name, now_us))
    return [*([absent] if absent else []), *(in_words(state, now_us) for state in told), *found]
