"""Cases of a store about the histories of sagas; part of the store's suite."""

from __future__ import annotations

from partita.errors import StoreContended
from partita.store.port import Session
from partita.store.sagas import SagaEvent
from partita.testing.conformance.rows import ODD_KEYS, Case, OpenStore, opened, saga_row

MOVES = 120


def entry(saga_id: str, version: int, note: str = "", kind: str = "done") -> SagaEvent:
    """An entry for the cases."""
    return SagaEvent("Saga", saga_id, version, 1_800_000_000_000_000 + version, kind, "step", f"m{version}", note)


async def move(session: Session, saga_id: str, entries: list[SagaEvent]) -> None:
    """Move an instance from its present version, with these entries."""
    row = (await session.sagas.load("Saga", [saga_id]))[saga_id]
    await session.sagas.save([row], entries)


async def a_long_history_comes_back_in_its_order(open_store: OpenStore) -> None:
    """Every entry once and in order, in moves with none, one or several; instances are kept apart, whatever their ids."""
    ids = ["s1", *(key for key in ODD_KEYS if key)]
    async with opened(open_store) as store:
        async with store.transaction() as session:
            written = {key: [entry(key, 1, kind="started")] for key in ids}
            await session.sagas.save([saga_row(key) for key in ids], [each[0] for each in written.values()])
        for version in range(2, MOVES):
            new = {
                key: [entry(key, version, f"{n} {ids[version % len(ids)]}") for n in range(version % 3)] for key in ids
            }
            async with store.transaction() as session:
                rows = (await session.sagas.load("Saga", ids)).values()
                await session.sagas.save(list(rows), [each for key in ids for each in new[key]])
            written = {key: [*written[key], *new[key]] for key in ids}
        async with store.reading() as session:
            for key in ids:
                assert list(await session.sagas.history("Saga", key)) == written[key], f"the history of {key!r}"
            longest = await session.fetch("SELECT max(length(history)) AS n FROM saga", {})
        assert longest[0]["n"] < 10_000, "a history makes its row larger with each move"


async def entries_of_a_refused_move_are_not_kept(open_store: OpenStore) -> None:
    """Another process moves the instance in between. The refused move's entries, and its old ones, are there once."""
    async with opened(open_store) as one, opened(open_store) as two:
        async with one.transaction() as session:
            await session.sagas.save([saga_row("s1")], [entry("s1", 1, "x" * 2_000)])
        async with one.reading() as session:
            stale = (await session.sagas.load("Saga", ["s1"]))["s1"]
        async with two.transaction() as session:
            await move(session, "s1", [entry("s1", 2, "first" + "y" * 2_000)])
        try:
            async with one.transaction() as session:
                await session.sagas.save([stale], [entry("s1", 2, "second")])
            raise AssertionError("a stale instance was saved")
        except StoreContended:
            pass
        async with one.transaction() as session:
            await move(session, "s1", [entry("s1", 3, "again")])
        async with two.reading() as session:
            notes = [each.note[:9] for each in await session.sagas.history("Saga", "s1")]
        assert notes == ["x" * 9, "firstyyyy", "again"], "an entry is lost, or that of a refused move is kept"


CASES: tuple[Case, ...] = (
    a_long_history_comes_back_in_its_order,
    entries_of_a_refused_move_are_not_kept,
)
"""Part of the suite of `partita.testing.conformance.store`."""
