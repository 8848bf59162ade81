"""Whether it is still the database that was opened: asked once a second, also by a process that has nothing to do."""

from __future__ import annotations

from partita.store.port import Store

LOOK_S = 1.0


class SameDatabase:
    """Asks one store for its time, which tells it as well; what the store raises, the supervisor acts on."""

    def __init__(self, store: Store) -> None:
        self.name = f"identity of {store.name}"
        self._store = store

    async def step(self, now: float) -> float:
        """Ask."""
        await self._store.now_us()
        return now + LOOK_S

    async def stop(self) -> None:
        """Nothing is held here."""
