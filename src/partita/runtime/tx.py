"""The transaction as a handler sees it: run at once (serial), or gathered with others of its round (wave)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from typing import Any

from partita.catalog.contract import contract_of
from partita.catalog.event import Event
from partita.catalog.injection import SqlValue
from partita.errors import PartitaError
from partita.runtime.delivery import Output, Unit
from partita.store.port import Session


class Request:
    """A statement a handler waits for; yielding it hands the handler back to whoever drives it."""

    __slots__ = ("fetch", "params", "sql")

    def __init__(self, sql: str, params: Mapping[str, Any], fetch: bool) -> None:
        self.sql = sql
        self.params = params
        self.fetch = fetch

    def __await__(self) -> Generator[Request, Any, Any]:
        return (yield self)

    @property
    def writes(self) -> bool:
        """Whether it may change rows; what is not plainly a SELECT may."""
        return self.sql.lstrip()[:6].upper() != "SELECT"


class _Publishing:
    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def publish(self, *events: Event) -> None:
        """Publish events with this transaction, in this order."""
        for event in events:
            contract = contract_of(type(event))
            if contract.kind != "event":
                raise PartitaError(
                    f"{contract.name} is a {contract.kind}; a handler publishes events.",
                    hint="Commands are sent by sagas, or with app.send.",
                )
            self._unit.outputs.append(Output(contract, event, "event", self._unit.delivery))


class WaveTx(_Publishing):
    """The transaction of a handler in a wave: each statement is handed to the driver."""

    async def execute(self, sql: str, /, **params: SqlValue) -> int:
        """See `Tx.execute`."""
        changed: int = await Request(sql, params, fetch=False)
        return changed

    async def fetch_one(self, sql: str, /, **params: SqlValue) -> Mapping[str, Any] | None:
        """See `Tx.fetch_one`."""
        rows = await Request(sql, params, fetch=True)
        return rows[0] if rows else None

    async def fetch_all(self, sql: str, /, **params: SqlValue) -> Sequence[Mapping[str, Any]]:
        """See `Tx.fetch_all`."""
        rows: Sequence[Mapping[str, Any]] = await Request(sql, params, fetch=True)
        return rows


class SerialTx(_Publishing):
    """The transaction of a handler that runs alone: each statement runs at once.

    `session` is opened on first use where the handler calls outside first, so that no lock is held meanwhile.
    """

    def __init__(self, unit: Unit, session: Callable[[], Awaitable[Session]]) -> None:
        super().__init__(unit)
        self._session = session

    async def execute(self, sql: str, /, **params: SqlValue) -> int:
        """See `Tx.execute`."""
        return await (await self._session()).execute(sql, params)

    async def fetch_one(self, sql: str, /, **params: SqlValue) -> Mapping[str, Any] | None:
        """See `Tx.fetch_one`."""
        rows = await (await self._session()).fetch(sql, params)
        return rows[0] if rows else None

    async def fetch_all(self, sql: str, /, **params: SqlValue) -> Sequence[Mapping[str, Any]]:
        """See `Tx.fetch_all`."""
        return await (await self._session()).fetch(sql, params)
