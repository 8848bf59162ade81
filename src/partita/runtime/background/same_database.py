"""Whether the opened database is still the same: asked once a second, also by an idle process."""

from __future__ import annotations

from partita.store.port import Store

LOOK_S = 1.0


class SameDatabase:
    """Asks one store, so that no message waits for its answer; the supervisor acts on the store's errors."""

    def __init__(self, store: Store) -> None:
        self.name = f"identity of {store.name}"
        self._store = store

    async def step(self, now: float) -> float:
        """Ask."""
        await self._store.look()
        return now + LOOK_S

    async def stop(self) -> None:
        """Do nothing: it holds nothing."""
