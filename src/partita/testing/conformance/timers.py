"""Cases of a store about the timers of sagas; part of the store's suite."""

from __future__ import annotations

import asyncio

from partita.errors import StoreContended
from partita.store.port import Store
from partita.testing.conformance.rows import Case, OpenStore, opened, saga_row


async def timers_come_due_in_order(open_store: OpenStore) -> None:
    """Timers never fire before their time, and the oldest fires first."""
    async with opened(open_store) as store:
        async with store.transaction() as session:
            rows = [saga_row(f"s{n}", due_us=due) for n, due in enumerate([30, 10, 20, None])]
            await session.sagas.save(rows, [])
        async with store.reading() as session:
            due = (await session.sagas.due(25, 10, "one")).timers
            assert [timer[:4] for timer in due] == [("Saga", "s1", 10, 0), ("Saga", "s2", 20, 0)], (
                "due, the oldest first"
            )
            assert (await session.sagas.due(9, 10, "one")).timers == [], "a timer fired before its time"
            assert await session.sagas.next_due_us() == 10
            assert {r.saga_id for r in await session.sagas.find(status="running")} == {"s0", "s1", "s2", "s3"}


async def move(store: Store, *saga_ids: str, due_us: int | None, status: str = "running", at_us: int = 1) -> None:
    """Move instances, on their present versions."""
    async with store.transaction() as session:
        rows = (await session.sagas.load("Saga", saga_ids)).values()
        await session.sagas.save([row._replace(due_us=due_us, status=status, updated_us=at_us) for row in rows], [])


async def woken(store: Store, now_us: int) -> tuple[list[str], int]:
    """The instances whose timer is due, and the number of those that have woken early."""
    async with store.reading() as session:
        timers, early = await session.sagas.due(now_us, 100, "one")
    return [timer.saga_id for timer in timers], early


async def rearm(store: Store, now_us: int, limit: int = 100) -> int:
    """Let instances that have woken early wake later; returns their number."""
    async with store.transaction() as session:
        return await session.sagas.rearm(now_us, limit)


async def next_due(store: Store) -> int | None:
    """The time of the next timer."""
    async with store.reading() as session:
        return await session.sagas.next_due_us()


async def a_due_time_that_moves_is_kept_whichever_way(open_store: OpenStore) -> None:
    """The index knows only a time to wake, which may be too early: a timer never fires before its time, and none is lost."""
    async with opened(open_store) as store:
        async with store.transaction() as session:
            await session.sagas.save([saga_row("s", due_us=10)], [])
        await move(store, "s", due_us=50)
        assert (await woken(store, 25), await next_due(store)) == (([], 1), 50), "it fired before its time, or sleeps"
        assert (await rearm(store, 25), await woken(store, 25)) == (1, ([], 0)), "it still wakes early"
        assert (await woken(store, 49), await woken(store, 50)) == (([], 0), (["s"], 0)), "it is lost"
        await move(store, "s", due_us=20)
        assert (await rearm(store, 25), await woken(store, 25)) == (0, (["s"], 0)), "it moved earlier and is not due"
        await move(store, "s", due_us=None)
        assert (await woken(store, 25), await next_due(store)) == (([], 1), None)
        assert (await rearm(store, 25), await woken(store, 10**15)) == (1, ([], 0)), "no timer is left"
        await move(store, "s", due_us=30)
        assert await woken(store, 30) == (["s"], 0), "it got a timer again"
        await move(store, "s", due_us=60, status="compensating")
        assert (await woken(store, 59), await woken(store, 60)) == (([], 0), (["s"], 0)), "a new status, a new time"
        await move(store, "s", due_us=90, status="compensating", at_us=60)
        assert (await woken(store, 89), await woken(store, 90)) == (([], 0), (["s"], 0)), (
            "its timer fired, and has a new time"
        )


async def instances_that_wake_early_are_few_at_a_time(open_store: OpenStore) -> None:
    """Those that wake early count for the limit too, so that no look reads more rows than it says; the first come first."""
    async with opened(open_store) as store:
        ids = [f"s{n}" for n in range(5)]
        async with store.transaction() as session:
            await session.sagas.save([saga_row(each, due_us=10 + n) for n, each in enumerate(ids)], [])
        await move(store, *ids[:4], due_us=50)
        async with store.reading() as session:
            assert await session.sagas.due(20, 3, "one") == ([], 3), "more were read than asked for"
        assert await rearm(store, 20, 3) == 3
        assert await woken(store, 20) == (["s4"], 1)


async def a_rearm_beside_a_move_loses_no_timer(open_store: OpenStore) -> None:
    """Between the look and the re-arm another process gives instances an earlier due time, or is about to."""
    async with opened(open_store) as one, opened(open_store) as two:
        ids = [f"s{n}" for n in range(20)]
        async with one.transaction() as session:
            await session.sagas.save([saga_row(each, due_us=10) for each in ids], [])
        await move(one, *ids, due_us=80)

        async def moved(saga_id: str) -> None:
            for _ in range(50):
                try:
                    return await move(two, saga_id, due_us=30)
                except StoreContended:  # the re-arm was first
                    continue
            raise AssertionError(f"{saga_id} was not moved in fifty tries")

        assert await woken(one, 25) == ([], len(ids))
        await asyncio.gather(*(moved(each) for each in ids), *(rearm(one, 25, 7) for _ in range(6)))
        await rearm(one, 25)
        assert await woken(one, 29) == ([], 0), "it fired before its time, or still wakes early"
        assert sorted((await woken(one, 30))[0]) == sorted(ids), "a timer was lost"


async def who_has_timers_in_hand_is_seen_by_others(open_store: OpenStore) -> None:
    """A successor fires the timers of a dead process with care; marks of an earlier due time no longer count."""
    async with opened(open_store) as store:

        async def others(member: str) -> dict[str, tuple[int, int]]:
            async with store.reading() as session:
                return {t.saga_id: (t.others, t.taken_us) for t in (await session.sagas.due(100, 10, member)).timers}

        async with store.transaction() as session:
            await session.sagas.save([saga_row(f"s{n}", due_us=n) for n in range(3)], [])
            due = (await session.sagas.due(100, 10, "one")).timers
            await session.sagas.take_timers(due, "one", 5)
            await session.sagas.take_timers(due[:2], "two", 6)
            await session.sagas.take_timers(due[:1], "two", 7)
        assert await others("one") == {"s0": (1, 7), "s1": (1, 6), "s2": (0, 0)}
        assert await others("three") == {"s0": (2, 7), "s1": (2, 6), "s2": (1, 5)}
        async with store.transaction() as session:
            await session.sagas.settle_timers(due[:1])
            await session.sagas.give_timers_back(due[1:], "one")
        assert await others("three") == {"s0": (0, 0), "s1": (1, 6), "s2": (0, 0)}
        async with store.transaction() as session:
            await session.sagas.purge_timers()
            assert (await session.sagas.due(100, 10, "three")).timers[1].others == 1, "it is still armed"
            await session.sagas.save([saga_row("s1", version=1, due_us=50)], [])
        assert await others("three") == dict.fromkeys(["s0", "s1", "s2"], (0, 0)), "another time of the timer"
        async with store.transaction() as session:
            await session.sagas.purge_timers()
            assert await session.fetch("SELECT member FROM timer_in_hand", {}) == []


CASES: tuple[Case, ...] = (
    timers_come_due_in_order,
    a_due_time_that_moves_is_kept_whichever_way,
    instances_that_wake_early_are_few_at_a_time,
    a_rearm_beside_a_move_loses_no_timer,
    who_has_timers_in_hand_is_seen_by_others,
)
"""Part of the suite of `partita.testing.conformance.store`."""
