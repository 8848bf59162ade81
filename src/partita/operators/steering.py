"""Steering a running system: sagas, groups and refused outbox rows; each action is one transaction with its audit entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from partita.assembly.existing import Parts
from partita.bus.features import Feature, require
from partita.bus.port import Bus, GroupLag, Moved
from partita.errors import Conflict, NotFound
from partita.idempotency.inbox import begin_anew
from partita.operators.audit import record
from partita.runtime.path.expiry import again_in
from partita.runtime.path.pipeline import Pipeline
from partita.runtime.path.waves import HandlerFailed
from partita.sagas.verbs import Verb
from partita.store.port import Session, Store
from partita.store.sagas import SagaRow


async def act_on_saga(pipeline: Pipeline, saga: str, saga_id: str, verb: Verb, *, reason: str, by: str) -> SagaRow:
    """Carry out an action on a saga instance; returns its new state.

    Raises:
        NotFound: there is no instance. Conflict: the action is not legal in its state, with the reason.
    """
    try:
        async with pipeline.units.begin() as work:
            await work.sagas.load_ids({saga: [saga_id]})
            unit = work.sagas.act(saga, saga_id, verb, reason)
            await work.leave([unit])
            row = work.sagas.row(saga, saga_id)
            sent = ", ".join(output.contract.name for output in unit.outputs)
            detail = f"{row.status} at {row.step}" + (f", sent {sent}" if sent else "")
            done = f"{saga} {saga_id}"
            await record(work.session, work.now_us, by, f"saga {verb}", done, detail=detail, reason=reason)
    except HandlerFailed as failed:
        raise failed.error from None  # only the operator caused this action
    return row


async def pause_group(store: Store, *, reason: str, by: str) -> None:
    """Stop a group from handling messages until it is resumed; it keeps its position."""
    now_us = await store.now_us()
    async with store.transaction() as session:
        await session.groups.pause(store.name, reason, now_us)
        await record(session, now_us, by, "consumers pause", store.name, reason=reason)


async def resume_group(store: Store, *, reason: str, by: str) -> None:
    """Resume a paused group.

    Raises:
        Conflict: it is not paused.
    """
    now_us = await store.now_us()
    async with store.transaction() as session:
        if not await session.groups.resume(store.name):
            raise Conflict(f"{store.name} is not paused.")
        await record(session, now_us, by, "consumers resume", store.name, reason=reason)


async def reset_group(store: Store, bus: Bus, topic: str, to: str, *, reason: str, by: str) -> Sequence[Moved]:
    """Move a paused group in a topic to its start or end; returns the moves.

    To the start: it reads everything again; messages handled within the window are known by id and dropped. The marks of
    its keys are cleared, or all messages would be dropped as old; those older than the window are handled again. The
    positions are moved first, then the marks are cleared: after a kill between the two, messages are dropped as old until
    an operator runs the reset again. In the other order a key without its mark would be handled twice.

    Raises:
        Conflict: the group is not paused, or has members that the bus cannot call back; nothing was changed.
        FeatureAbsent: the bus keeps no records to read again; nothing was changed.
        NotFound: it has no position in this topic.
    """
    check_replay(bus, store.name)
    now_us = await store.now_us()
    async with store.transaction() as session:
        await _check_paused(session, store.name)
        # Before the move: a process that claims a partition after it must see that the bus is right, or it moves back.
        await session.claims.put(store.name, topic, range((await bus.partitions([topic])).get(topic, 0)))
        if to == "start":
            await session.groups.keep(store.name, {again_in(topic): str(now_us)})
        moved = await bus.reset(store.name, topic, to == "start")
        if not moved:
            raise NotFound(f"{store.name} does not read {topic}.", hint=f"partita consumers list --group {store.name}")
        await begin_anew(session, store.name, topic)
        detail = f"to its {to}: " + ", ".join(f"{m.partition} from {m.before} to {m.after}" for m in moved)
        await record(session, now_us, by, "consumers reset", f"{store.name} {topic}", detail=detail, reason=reason)
    return moved


Moves = Sequence[Moved]
"""A group's position in each partition before and now."""


@dataclass(frozen=True, slots=True)
class ResetPlan:
    """A reset that is not done yet: the partitions it would move, whether the group is paused, and the processes that hold
    some of them."""

    partitions: tuple[GroupLag, ...]
    paused: bool

    @property
    def owners(self) -> list[str]:
        """The processes that hold a partition."""
        return sorted({lag.owner for lag in self.partitions if lag.owner is not None})


async def plan_reset(store: Store, bus: Bus, topic: str) -> ResetPlan:
    """The moves that a reset of a group in a topic would make.

    Raises:
        FeatureAbsent: the bus cannot replay. NotFound: the group does not read this topic.
    """
    check_replay(bus, store.name)
    lags = [lag for lag in await bus.lag(store.name) if lag.topic == topic]
    if not lags:
        raise NotFound(f"{store.name} does not read {topic}.", hint=f"partita consumers list --group {store.name}")
    async with store.reading() as session:
        return ResetPlan(tuple(lags), await session.groups.paused(store.name) is not None)


def check_forgettable(app: Parts, group: str) -> None:
    """Refuse to forget a group that exists.

    Raises:
        Conflict: it is a group of the app.
    """
    if group.removesuffix(".retry") in {service.name for service in app.services}:
        raise Conflict(
            f"{group} is a group of this app.",
            hint="partita consumers reset moves it to another position, pause stops it.",
        )


def check_replay(bus: Bus, group: str) -> None:
    """Refuse a reset if the bus cannot replay.

    Raises:
        FeatureAbsent: the bus cannot replay.
    """
    require(bus.features, Feature.REPLAY, f"Resetting {group}")


async def check_paused(store: Store) -> None:
    """Refuse an action that needs a paused group.

    Raises:
        Conflict: the group is not paused.
    """
    async with store.reading() as session:
        await _check_paused(session, store.name)


async def _check_paused(session: Session, group: str) -> None:
    if await session.groups.paused(group) is None:
        raise Conflict(f"{group} is not paused; nothing was done.", hint=f"partita consumers pause {group}")


async def accept_gap(store: Store, topic: str, key: str, *, reason: str, by: str) -> int:
    """Give up a message that never arrived, so that the first message behind it may run. Returns the number of that message.

    Raises:
        NotFound: no message of this key waits for a missing one.
    """
    now_us = await store.now_us()
    async with store.transaction() as session:
        rows = await session.parking.of_key(store.name, topic, key, 1_000)
        gaps = sorted((row for row in rows if row.state == "gap"), key=lambda row: row.number)
        if not gaps:
            raise NotFound(
                f"No message of key {key} in {topic} waits for a missing one.", hint="partita consumers list"
            )
        first = gaps[0]
        place = (first.source, topic, key)
        session.sequences.count_in({place: first.number - 1})
        # If the given-up message arrives after all, it is not a copy of a handled one: it is reported, not dropped.
        await session.sequences.base_in(store.name, {place: first.number})
        detail = f"number {first.number - 1} of {first.source} is given up"
        await record(session, now_us, by, "consumers accept-gap", f"{topic} {key}", detail=detail, reason=reason)
    return first.number


async def retry_outbox(store: Store, *, reason: str, by: str) -> int:
    """Let the relay send again the rows that the bus refused for good; returns their number."""
    now_us = await store.now_us()
    async with store.transaction() as session:
        count = await session.outbox.unpark()
        if count:
            await record(session, now_us, by, "outbox retry", store.name, detail=f"{count} rows", reason=reason)
    return count
