"""The effects of a generated case: how often participants made each of them, and how much of it is left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from partita.store.port import Store
from partita.testing.generators.children import ChildSeen, Place, child_seen, effects_in
from partita.testing.generators.participants import effect_name
from partita.testing.generators.sagas import SagaCase, Unit


class Effect(NamedTuple):
    """`done` counts how often it was made, `left` is what is there now, `reminded` counts the reminders that were handled."""

    done: int
    left: int
    reminded: int


class Effects:
    """Reads the effects of a case in the databases of its places."""

    def __init__(self, case: SagaCase, stores: Mapping[int, Store]) -> None:
        self._case, self._stores = case, stores

    async def of(self, saga_id: str) -> list[tuple[Unit, Effect]]:
        """The effects of an instance as they are now, in the order of its line."""
        tables = {place: await self._table(store) for place, store in self._stores.items()}
        below, found = await self.child(saga_id), list[tuple[Unit, Effect]]()
        for unit in self._case.units(int(saga_id.removeprefix("i"))):
            drawn = self._case.saga.steps[unit.step]
            table, name = tables[drawn.place], effect_name(saga_id, drawn.slot, "" if unit.item < 0 else str(unit.item))
            done, left = table.get(name, (0, 0))
            reminded, _ = table.get(f"{name}/reminded", (0, 0))
            if below is not None and self._case.saga.child is not None and unit.step == self._case.saga.child.at:
                done, left = int(below.status == "completed"), below.left
            found.append((unit, Effect(done, left, reminded)))
        return found

    async def child(self, saga_id: str) -> ChildSeen | None:
        """The sub-saga of an instance as it is now; None where its saga has none."""
        if (child := self._case.saga.child) is None:
            return None
        where = Place(self._stores[child.place], [self._stores[step.place] for step in child.steps])
        return await child_seen(where, child, saga_id)

    async def _table(self, store: Store) -> dict[str, tuple[int, int]]:
        async with store.reading() as session:
            return await effects_in(session)
