"""The handlers of one service, run inside a unit of work: those of one statement side by side, the others one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from partita.catalog.binding import Binding
from partita.catalog.rejection import Rejection
from partita.errors import PartitaError
from partita.runtime.path.calling import Means, Superseded, call, take_refusal
from partita.runtime.path.delivery import Handling
from partita.runtime.path.handler_tx import SerialTx
from partita.runtime.path.users_code import Escaped
from partita.runtime.path.waves import HandlerFailed, run_wave
from partita.store.port import Session

Due = tuple[Binding, Handling]
"""A handler and the delivery for it."""


@dataclass(slots=True)
class Handlers:
    """Calls handlers and counts the calls."""

    means: Means
    running: dict[SerialTx, Due] = field(default_factory=dict)  # without those in waves
    called: int = 0  # the number of started handlers, without those in waves
    _serial: set[Callable[..., Any]] = field(default_factory=set)

    def keep_out_of_waves(self, binding: Binding) -> None:
        """Exclude a handler from waves: it turned out to need more than one statement."""
        self._serial.add(binding.function)

    async def run(self, session: Session, due: Sequence[Due], waves: bool) -> None:
        """Call these handlers; no two of them are for messages of one key.

        Raises:
            NotForWaves: see `run_wave`. HandlerFailed: a handler raised.
        """
        together: list[Due] = []
        alone: list[Due] = []
        for binding, handling in due:
            fits = waves and binding.one_statement and binding.function not in self._serial
            (together if fits else alone).append((binding, handling))
        if together:
            await run_wave(session, together)

        async def opened() -> Session:
            return session

        for binding, handling in alone:
            tx = SerialTx(handling, binding, opened, self.means.answering)
            if binding.kind == "handles" and binding.contracts[0].refusals:
                await self._refusable(session, binding, handling, tx)
            else:
                await self.call(binding, handling, tx)

    async def _refusable(self, session: Session, binding: Binding, handling: Handling, tx: SerialTx) -> None:
        """Run a handler whose refusal undoes its own writes and no others of the batch."""
        try:
            async with session.savepoint():
                await self.call(binding, handling, tx)
        except Rejection as refusal:
            refuse(binding, handling, refusal)

    async def call(self, binding: Binding, handling: Handling, tx: SerialTx) -> None:
        """Call one handler.

        Raises:
            Rejection: it refuses. HandlerFailed: it failed. Errors that are not the message's pass through.
        """
        self.running[tx] = (binding, handling)
        self.called += 1
        try:
            await call(binding, handling, tx, self.means)
        except (Rejection, Superseded):
            raise
        except Escaped as escaped:
            raise HandlerFailed(handling, escaped.error) from escaped.error
        except Exception as error:
            if isinstance(error, PartitaError) and error.retryable:
                raise
            raise HandlerFailed(handling, error) from error
        finally:
            del self.running[tx]


def refuse(binding: Binding, handling: Handling, refusal: Rejection) -> None:
    """Take a refusal as the answer.

    Raises:
        HandlerFailed: the command does not declare it.
    """
    try:
        take_refusal(binding, handling, refusal)
    except PartitaError as error:
        raise HandlerFailed(handling, error) from error
