"""Cases of a bus that keeps its records about groups: lag, reset, rewind and forget."""

from __future__ import annotations

import asyncio

from partita.bus.features import Feature
from partita.errors import Conflict
from partita.testing.conformance import topics
from partita.testing.conformance.case import Case
from partita.testing.conformance.topics import OpenBus


async def lag_counts_what_is_left(open_bus: OpenBus) -> None:
    """For people and metrics: records between the group and the head."""
    async with topics.opened(open_bus) as bus:
        await bus.append([topics.outgoing(n) for n in range(10)])
        subscription = bus.subscribe("group", [topics.TOPIC], "one")
        records = await topics.drain(subscription, 10, done=False)
        subscription.done(records[:7])
        await subscription.keep()
        stands = await bus.lag("group")
        assert sum(stand.lag for stand in stands) == 3
        waiting = {(r.topic, r.partition): r.appended_us for r in reversed(records[7:])}
        told = {(s.topic, s.partition): s.oldest_us for s in stands if s.lag}
        assert told == waiting, "since when the oldest waits"
        assert all(stand.oldest_us is None for stand in stands if not stand.lag)
        assert not await bus.lag("nobody")
        await subscription.close()


async def a_group_is_forgotten_when_it_has_no_members(open_bus: OpenBus) -> None:
    """The bus forgets its positions; a group of that name begins at the oldest record again."""
    async with topics.opened(open_bus) as bus:
        await bus.append([topics.outgoing(n, f"k{n}") for n in range(10)])
        subscription = bus.subscribe("group", [topics.TOPIC], "one")
        await topics.drain(subscription, 10)
        refused = asyncio.create_task(bus.forget("group"))
        while not refused.done():
            await subscription.keep()
            await topics.pause()
        assert isinstance(refused.exception(), Conflict), "a group at work was forgotten"
        await subscription.close()
        assert await bus.forget("group") > 0
        assert not await bus.lag("group")
        again = bus.subscribe("group", [topics.TOPIC], "one")
        assert len(await topics.drain(again, 10)) == 10
        await again.close()
        assert await bus.forget("nobody") == 0


async def a_group_is_put_to_its_start_and_to_its_end(open_bus: OpenBus) -> None:
    """After a reset to the start it reads all records again, after one to the end none of them."""
    async with topics.opened(open_bus) as bus:
        await bus.append([topics.outgoing(n, f"k{n}") for n in range(8)])
        one = bus.subscribe("group", [topics.TOPIC], "one")
        await topics.drain(one, 8)
        await one.close()
        assert await bus.reset("group", topics.TOPIC, True), "it has a position in this topic"
        again = bus.subscribe("group", [topics.TOPIC], "two")
        assert sorted(topics.numbers(await topics.drain(again, 8))) == list(range(8))
        await again.close()
        await bus.reset("group", topics.TOPIC, True)
        await bus.reset("group", topics.TOPIC, False)
        await bus.append([topics.outgoing(8, "k1")])
        last = bus.subscribe("group", [topics.TOPIC], "three")
        assert topics.numbers(await topics.drain(last, 1)) == [8]
        await last.close()
        assert not await bus.reset("group", f"{topics.TOPIC}.absent", True)


async def a_reset_tells_from_where_to_where(open_bus: OpenBus) -> None:
    """It moves every partition of the topic or none; the answer lists the moves, and the lag agrees with them."""
    async with topics.opened(open_bus) as bus:
        await bus.append([topics.outgoing(n, f"k{n}") for n in range(8)])
        one = bus.subscribe("group", [topics.TOPIC], "one")
        await topics.drain(one, 8)
        await one.close()
        stood = {lag.partition: lag.position for lag in await bus.lag("group")}
        moved = await bus.reset("group", topics.TOPIC, True)
        assert [m.partition for m in moved] == [0, 1, 2, 3]
        assert all(m.before in (None, stood.get(m.partition)) for m in moved) and any(
            m.before != m.after for m in moved
        )
        assert sum(lag.lag for lag in await bus.lag("group")) == 8
        ends = {m.partition: m.after for m in await bus.reset("group", topics.TOPIC, False)}
        assert ends == {lag.partition: lag.position for lag in await bus.lag("group")}
        assert sum(lag.lag for lag in await bus.lag("group")) == 0


async def a_group_with_members_is_put_elsewhere_whole_or_not_at_all(open_bus: OpenBus) -> None:
    """Held records are called back, or the reset is refused before a position moves: a member that continued
    would overwrite the new position by its old one."""
    async with topics.opened(open_bus) as bus:
        await bus.append([topics.outgoing(n, f"k{n}") for n in range(8)])
        one = bus.subscribe("group", [topics.TOPIC], "one")
        held = await topics.drain(one, 8, done=False)
        before = {lag.partition: lag.position for lag in await bus.lag("group")}
        try:
            moved = await bus.reset("group", topics.TOPIC, False)
        except Conflict:
            assert {lag.partition: lag.position for lag in await bus.lag("group")} == before
            one.done(held)
        else:
            assert {m.partition: m.after for m in moved} == {x.partition: x.position for x in await bus.lag("group")}
            assert not await topics.drain_for(one, 0.5), "it returned records before the new position"
            one.done(held)
            await one.keep()
            assert sum(lag.lag for lag in await bus.lag("group")) == 0
        await one.close()


async def a_group_that_is_put_back_reads_again_from_there(open_bus: OpenBus) -> None:
    """The group's database was restored from a backup. A successor begins there too, and reads each later record once."""
    async with topics.opened(open_bus) as bus:
        await bus.append([topics.outgoing(n) for n in range(6)])
        first = bus.subscribe("group", [topics.TOPIC], "one")
        records = await topics.drain(first, 6)
        await first.keep()
        place = records[0].at
        await first.close()
        second = bus.subscribe("group", [topics.TOPIC], "two")
        stand = await topics.stands(second, place)
        assert (stand.next, stand.head) == (records[5].offset + 1, records[5].offset + 1)
        assert stand.oldest <= records[0].offset and not stand.cut
        assert stand.log == await bus.identity() != ""
        await second.rewind(place, records[2].offset)
        assert topics.numbers(await topics.drain(second, 4, done=False)) == [2, 3, 4, 5]
        await second.keep()
        await second.close()
        third = bus.subscribe("group", [topics.TOPIC], "three")
        assert (await topics.stands(third, place)).next == records[2].offset
        await bus.append([topics.outgoing(6)])
        assert topics.numbers(await topics.drain(third, 5)) == [2, 3, 4, 5, 6]
        assert await third.stand((topics.TOPIC, 99)) is None
        await third.close()


RESET = Feature.REPLAY | Feature.LAG | Feature.PARTITIONS
CASES: tuple[Case, ...] = (
    Case(Feature.LAG | Feature.KEY_ORDER, lag_counts_what_is_left),
    Case(Feature.REPLAY | Feature.LAG, a_group_is_forgotten_when_it_has_no_members),
    Case(Feature.REPLAY, a_group_is_put_to_its_start_and_to_its_end),
    Case(RESET, a_reset_tells_from_where_to_where),
    Case(RESET, a_group_with_members_is_put_elsewhere_whole_or_not_at_all),
    Case(Feature.REPLAY | Feature.KEY_ORDER | Feature.OFFSETS, a_group_that_is_put_back_reads_again_from_there),
)
