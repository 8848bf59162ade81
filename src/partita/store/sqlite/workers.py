"""The states of a service's workers, beside a SQLite file: each process writes them with its sign of life in the folder."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from partita.machine.port import Alive
from partita.store.workers import WorkerState

AS_STATES = msgspec.json.Decoder(list[WorkerState])


class SqliteWorkers:
    """See `partita.store.workers.Workers`."""

    def __init__(self, service: str, alive: Alive) -> None:
        self._service = service
        self._alive = alive

    async def report(self, member: str, states: Sequence[WorkerState]) -> None:
        """Report the states; they end with the process."""
        self._alive.announce(msgspec.json.encode(states).decode() if states else "")

    async def reported(self) -> Sequence[WorkerState]:
        """The states of this service that living processes report; the folder has those of other services too."""
        found: list[WorkerState] = []
        for text in self._alive.announced():
            try:
                found += [state for state in AS_STATES.decode(text) if state.service == self._service]
            except msgspec.MsgspecError:
                continue  # it is just being written
        return found
