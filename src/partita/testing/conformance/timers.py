"""Cases of a store about the timers of sagas; part of the store's suite."""

from __future__ import annotations

from partita.testing.conformance.rows import Case, OpenStore, opened, saga_row


async def timers_come_due_in_order(open_store: OpenStore) -> None:
    """Timers never fire before their time, and the oldest fires first."""
    async with opened(open_store) as store:
        async with store.transaction() as session:
            rows = [saga_row(f"s{n}", due_us=due) for n, due in enumerate([30, 10, 20, None])]
            await session.sagas.save(rows, [])
        async with store.reading() as session:
            due = await session.sagas.due(25, 10, "one")
            assert [timer[:4] for timer in due] == [("Saga", "s1", 10, 0), ("Saga", "s2", 20, 0)], (
                "due, the oldest first"
            )
            assert await session.sagas.due(9, 10, "one") == [], "a timer fired before its time"
            assert await session.sagas.next_due_us() == 10
            assert {r.saga_id for r in await session.sagas.find(status="running")} == {"s0", "s1", "s2", "s3"}


async def who_has_timers_in_hand_is_seen_by_others(open_store: OpenStore) -> None:
    """A successor fires the timers of a dead process with care; marks of an earlier due time no longer count."""
    async with opened(open_store) as store:

        async def others(member: str) -> dict[str, tuple[int, int]]:
            async with store.reading() as session:
                return {t.saga_id: (t.others, t.taken_us) for t in await session.sagas.due(100, 10, member)}

        async with store.transaction() as session:
            await session.sagas.save([saga_row(f"s{n}", due_us=n) for n in range(3)], [])
            due = await session.sagas.due(100, 10, "one")
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
            assert (await session.sagas.due(100, 10, "three"))[1].others == 1, "it is still armed"
            await session.sagas.save([saga_row("s1", version=1, due_us=50)], [])
        assert await others("three") == dict.fromkeys(["s0", "s1", "s2"], (0, 0)), "another time of the timer"
        async with store.transaction() as session:
            await session.sagas.purge_timers()
            assert await session.fetch("SELECT member FROM timer_in_hand", {}) == []


CASES: tuple[Case, ...] = (
    timers_come_due_in_order,
    who_has_timers_in_hand_is_seen_by_others,
)
"""Part of the suite of `partita.testing.conformance.store`."""
