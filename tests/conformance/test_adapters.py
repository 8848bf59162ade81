"""Every adapter passes its suite, and deliberately wrong adapters do not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.feature_cases import listed

from partita.bell import Bell
from partita.bus.connect import connect_bus
from partita.bus.features import Feature, require
from partita.bus.log.bus import LogBus
from partita.bus.port import Bus, GroupLag, Moved, Polled, Reading, Record, TopicSpec
from partita.bus.position import Origin, Position
from partita.errors import Fenced, PartitaError, PositionRefused
from partita.machine.port import Wake
from partita.machine.system import this_machine
from partita.machine.wake import SocketWake
from partita.store.connect import connect_store
from partita.store.inbox import InboxEntry
from partita.store.outbox import PendingRow
from partita.store.port import Store
from partita.testing.conformance import bus as bus_suite
from partita.testing.conformance import store as store_suite
from partita.testing.conformance import topics
from partita.testing.conformance.case import Case

WAKES: list[Wake] = []


@pytest.fixture(autouse=True)
async def _wakes_are_closed() -> AsyncIterator[None]:
    yield
    while WAKES:
        WAKES.pop().close()


def wake_at(data: Path) -> Wake:
    WAKES.append(SocketWake(data / "wake"))
    return WAKES[-1]


def store_at(data: Path) -> store_suite.OpenStore:
    async def open_store() -> Store:
        store = connect_store(data / "svc.db", this_machine(), service="svc", tables="", wake=wake_at(data))
        await store.open()
        return store

    return open_store


def bus_at(data: Path) -> bus_suite.OpenBus:
    async def open_bus() -> Bus:
        bus = connect_bus(data / "log.db", this_machine(), wake_at(data)).bus
        await bus.open()
        return bus

    return open_bus


@pytest.mark.parametrize("case", store_suite.CASES, ids=lambda c: c.__name__)
async def test_the_sqlite_store(case: store_suite.Case, tmp_path: Path) -> None:
    await case(store_at(tmp_path))


@pytest.mark.parametrize("case", listed(LogBus.features))
async def test_the_embedded_log(case: Case, tmp_path: Path) -> None:
    await case(bus_at(tmp_path))


class Around:
    """Passes every call on, except those that a wrong adapter defines."""

    def __init__(self, inner: Any) -> None:
        object.__setattr__(self, "inner", inner)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.inner, name, value)


class SharedMarks(Around):
    """Inbox key without the group."""

    async def seen(self, consumer: str, ids: Sequence[str]) -> Mapping[str, InboxEntry]:
        found: dict[str, InboxEntry] = {}
        for name in ("group", "one", "two"):
            found.update(await self.inner.seen(name, ids))
        return found


class BackwardOutbox(Around):
    """Unsent rows in no order."""

    async def unsent(self, slots: Sequence[int], limit: int) -> Sequence[tuple[int, PendingRow]]:
        return list(await self.inner.unsent(slots, limit))[::-1]


class ForgetfulOutbox(Around):
    """Deletes rows before the bus has them."""

    async def unsent(self, slots: Sequence[int], limit: int) -> Sequence[tuple[int, PendingRow]]:
        rows = await self.inner.unsent(slots, limit)
        return rows[1:] if len(rows) > 1 else rows


class OutboxWithParked(Around):
    """Returns rows of refused keys like any other rows."""

    async def park(self, slot: int, seq: int, key: str | None, reason: str) -> None:
        return None


class NoFence(Around):
    """The fence is never checked."""

    async def check(self, consumer: str, held: Sequence[tuple[str, int, int]]) -> None:
        return None


class EarlyTimers(Around):
    """Timers fire before their time."""

    async def due(self, now_us: int, limit: int, member: str, bell: Bell | None = None) -> Any:
        return await self.inner.due(now_us + 1_000, limit, member)


LEDGERS = {
    "inbox": SharedMarks,
    "outbox": BackwardOutbox,
    "outbox ": ForgetfulOutbox,
    " outbox": OutboxWithParked,
    "claims": NoFence,
    "sagas": EarlyTimers,
}


class WrongStore(Around):
    """A store with one wrong ledger, or one that commits a transaction that it should roll back."""

    def __init__(self, inner: Any, wrong: str) -> None:
        super().__init__(inner)
        object.__setattr__(self, "wrong", wrong)

    @asynccontextmanager
    async def transaction(self, *, durable: bool = True) -> AsyncIterator[Any]:
        raised: BaseException | None = None
        async with self.inner.transaction(durable=durable) as session:
            self._spoil(session)
            try:
                yield session
            except LookupError as error:
                if self.wrong != "commit":
                    raise
                raised = error
        if raised is not None:
            raise raised

    @asynccontextmanager
    async def reading(self, *, consistent: bool = True) -> AsyncIterator[Any]:
        async with self.inner.reading(consistent=consistent) as session:
            self._spoil(session)
            yield session

    def _spoil(self, session: Any) -> None:
        if self.wrong in LEDGERS:
            name = self.wrong.strip()
            setattr(session, name, LEDGERS[self.wrong](getattr(session, name)))


@pytest.mark.parametrize("wrong", ["commit", *LEDGERS])
async def test_a_wrong_store_does_not_pass(wrong: str, tmp_path: Path) -> None:
    """A suite that cannot fail proves nothing."""

    async def run(case: store_suite.Case, number: int) -> bool:
        right = store_at(tmp_path / str(number))

        async def open_wrong() -> Any:
            return WrongStore(await right(), wrong)

        try:
            await case(open_wrong)
        except (AssertionError, PartitaError, KeyError):
            return False
        return True

    for number, case in enumerate(store_suite.CASES):
        if not await run(case, number):
            return
    pytest.fail(f"the planted bug {wrong!r} was not found")


class WrongSubscription(Around):
    """A subscription with one planted bug."""

    def __init__(self, inner: Any, wrong: str) -> None:
        super().__init__(inner)
        object.__setattr__(self, "wrong", wrong)

    async def poll(self, count: int) -> Polled:
        polled = await self.inner.poll(count)
        records = list(polled.records)
        if self.wrong == "reorders":
            records.reverse()
        if self.wrong == "acknowledges first":
            self.inner.done(records)
        if self.wrong == "doubles":
            records += records[-1:]
        return polled._replace(records=records)


class QueueSubscription(Around):
    """A subscription to a queue: records that were handled are deleted."""

    def __init__(self, inner: Any, bus: Bus) -> None:
        super().__init__(inner)
        object.__setattr__(self, "bus", bus)

    async def close(self) -> None:
        await self.inner.close()
        await self.bus.trim(2**62)


class Queue(Around):
    """A bus that works as a broker of queues: a record is deleted when its groups have handled it, so it cannot be
    read again, and there is no lag. The bus declares the features that it is given."""

    def __init__(self, inner: Any, features: Feature) -> None:
        super().__init__(inner)
        object.__setattr__(self, "features", features)

    def subscribe(self, group: str, topics: Sequence[str], member: str, bell: Bell | None = None) -> Any:
        return QueueSubscription(self.inner.subscribe(group, topics, member, bell), self.inner)

    async def reset(self, group: str, topic: str, to_start: bool) -> Sequence[Moved]:
        require(self.features, Feature.REPLAY, "A reset")
        return list(await self.inner.reset(group, topic, to_start))

    async def history(self, topics: Sequence[str], since_us: int) -> AsyncIterator[Sequence[Record]]:
        require(self.features, Feature.REPLAY, "A history")
        async for records in self.inner.history(topics, since_us):
            yield records

    async def read(self, topic: str, partition: int, position: Position | None, limit: int) -> Reading:
        require(self.features, Feature.REPLAY, "Reading from a position")
        reading: Reading = await self.inner.read(topic, partition, position, limit)
        return reading

    async def lag(self, group: str | None = None) -> Sequence[GroupLag]:
        require(self.features, Feature.LAG, "Lag")
        return []


QUEUE = LogBus.features & ~(Feature.REPLAY | Feature.LAG)


class WrongBus(Around):
    """A bus with one planted bug."""

    def __init__(self, inner: Any, wrong: str) -> None:
        super().__init__(inner)
        object.__setattr__(self, "wrong", wrong)

    def subscribe(self, group: str, topics: Sequence[str], member: str, bell: Bell | None = None) -> Any:
        name = "everybody" if self.wrong == "one group for all" else group
        name = f"{group}-{member}" if self.wrong == "everything to everybody" else name
        return WrongSubscription(self.inner.subscribe(name, topics, member, bell), self.wrong)

    async def forget(self, group: str) -> int:
        return 4 if self.wrong == "forgets nothing" else await self.inner.forget(group)

    async def read(self, topic: str, partition: int, position: Position | None, limit: int) -> Reading:
        if self.wrong == "takes an offset of any log" and position is not None:
            digits = position.partition("/")[0]
            position = Origin(await self.inner.identity(), topic, partition).position(int(digits))
        try:
            reading: Reading = await self.inner.read(topic, partition, position, limit)
        except PositionRefused as error:
            if self.wrong != "skips what was deleted" or "retention" not in error.what:
                raise
            reading = await self.inner.read(topic, partition, None, limit)
        if self.wrong == "reads one too far" and position is not None:
            reading = reading._replace(records=reading.records[1:])
        if self.wrong == "reads without a limit":
            reading = await self.inner.read(topic, partition, position, 1_000)
        return reading

    async def append(self, records: Any, fences: Any = ()) -> Any:
        if self.wrong == "ignores the fence":
            return await self.inner.append(records)
        try:
            return await self.inner.append(records, fences)
        except Fenced:
            raise


BUS_BUGS = [
    "reorders",
    "acknowledges first",
    "doubles",
    "one group for all",
    "everything to everybody",
    "ignores the fence",
    "forgets nothing",
]
POSITION_BUGS = {
    "takes an offset of any log": "a_position_of_another_partition_or_log_is_refused",
    "skips what was deleted": "a_position_whose_records_were_deleted_is_refused",
    "reads one too far": "a_partition_is_read_from_a_position_on",
    "reads without a limit": "reading_from_a_position_is_bounded_and_moves_no_group",
}


@pytest.mark.parametrize("wrong", BUS_BUGS)
async def test_a_wrong_bus_does_not_pass(wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A suite that cannot fail proves nothing."""
    monkeypatch.setattr(topics, "PATIENCE_S", 0.4)

    for number, case in enumerate(bus_suite.CASES):
        if not await passes(case, tmp_path / str(number), lambda right: WrongBus(right, wrong)):
            return
    pytest.fail(f"the planted bug {wrong!r} was not found")


@pytest.mark.parametrize("wrong", POSITION_BUGS)
async def test_a_bus_that_reads_from_positions_wrongly_does_not_pass(wrong: str, tmp_path: Path) -> None:
    """The right one passes the very case that finds it."""
    (case,) = [case for case in bus_suite.CASES if case.name == POSITION_BUGS[wrong]]
    assert await passes(case, tmp_path / "right", lambda right: WrongBus(right, ""))
    assert not await passes(case, tmp_path / "wrong", lambda right: WrongBus(right, wrong))


async def passes(case: Case, data: Path, made: Callable[[Bus], Any]) -> bool:
    right = bus_at(data)

    async def open_bus() -> Any:
        return made(await right())

    try:
        await case(open_bus)
    except (AssertionError, PartitaError, KeyError):
        return False
    return True


async def test_a_bus_without_replay_passes_the_cases_that_are_not_about_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cases that are not run are listed, each with the features that the bus lacks."""
    monkeypatch.setattr(topics, "PATIENCE_S", 2.0)
    plan = bus_suite.plan(QUEUE)
    assert len(plan.run) + len(plan.left_out) == len(bus_suite.CASES)
    assert plan.left_out["a_reset_tells_from_where_to_where"] == "replay, lag"
    assert plan.left_out["dense_offsets_have_no_gaps"] == "offsets without gaps"
    for number, case in enumerate(plan.run):
        assert await passes(case, tmp_path / str(number), lambda right: Queue(right, QUEUE)), case.name


@pytest.mark.parametrize("claimed", [Feature.REPLAY, Feature.LAG, Feature.DENSE_OFFSETS], ids=str)
async def test_a_bus_that_declares_a_feature_it_lacks_does_not_pass(
    claimed: Feature, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each declared feature has cases, and one of them finds the false declaration, whatever else the bus has."""
    monkeypatch.setattr(topics, "PATIENCE_S", 0.4)
    lying = QUEUE | claimed
    cases = [case for case in bus_suite.plan(lying).run if claimed in case.needs]
    found = [
        case.name
        for number, case in enumerate(cases)
        if not await passes(case, tmp_path / str(number), lambda right: Queue(right, lying))
    ]
    assert cases and found, f"nothing found that {claimed} is not there"


def test_every_feature_has_a_case() -> None:
    """A feature without one could be declared by any bus."""
    tested = {feature for case in bus_suite.CASES for feature in Feature if feature in case.needs}
    assert tested == set(Feature)


async def test_a_position_of_another_log_is_refused(tmp_path: Path) -> None:
    """A projection that now reads another folder, or a log that was restored from a copy, must not continue at an
    offset of the former log: other records are there."""
    topic = TopicSpec(name=topics.TOPIC, partitions=1)
    one, two = await bus_at(tmp_path / "one")(), await bus_at(tmp_path / "two")()
    try:
        for bus in (one, two):
            await bus.ensure_topics([topic])
            await bus.append([topics.outgoing(n) for n in range(5)])
        position = (await one.read(topic.name, 0, None, 3)).next
        with pytest.raises(PositionRefused, match="another one, or one that was restored") as refused:
            await two.read(topic.name, 0, position, 10)
        assert "position None" in refused.value.hint and refused.value.exit_code == 5 and not refused.value.retryable
        assert [int(r.value) for r in (await one.read(topic.name, 0, position, 10)).records] == [3, 4]
    finally:
        await one.close()
        await two.close()


async def test_a_position_is_refused_after_the_log_was_put_back_from_a_copy(tmp_path: Path) -> None:
    """The copy lacks the newest records, and gives their offsets to others."""
    topic = TopicSpec(name=topics.TOPIC, partitions=1)
    bus = await bus_at(tmp_path)()
    await bus.ensure_topics([topic])
    await bus.append([topics.outgoing(0)])
    await bus.close()
    copy = (tmp_path / "log.db").read_bytes()
    bus = await bus_at(tmp_path)()
    await bus.append([topics.outgoing(1), topics.outgoing(2)])
    position = (await bus.read(topic.name, 0, None, 2)).next
    await bus.close()
    for left in tmp_path.glob("log.db*"):
        if left.name != "log.db.appended":
            left.unlink()
    (tmp_path / "log.db").write_bytes(copy)
    bus = await bus_at(tmp_path)()
    try:
        await bus.append([topics.outgoing(3), topics.outgoing(4)])
        with pytest.raises(PositionRefused, match="restored from a backup"):
            await bus.read(topic.name, 0, position, 10)
    finally:
        await bus.close()
