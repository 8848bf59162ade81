"""The transaction as a handler sees it: statements run at once (serial), or together with others of its round (wave)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from typing import Any, NoReturn

from partita.catalog.binding import Binding
from partita.catalog.contract import Contract, contract_of
from partita.catalog.emits import check_emitted
from partita.catalog.event import Command, Event
from partita.catalog.injection import SqlValue
from partita.catalog.rejection import Rejection
from partita.catalog.sends import check_sent
from partita.errors import NoTransaction, PartitaError, WithinHandler
from partita.runtime.path.answering import Answering
from partita.runtime.path.delivery import Handling, Output
from partita.store.port import Session
from partita.texts.foreign_text import logger

log = logger(__name__)
VALUES = (str, int, float, bytes, bool, type(None))
_PLAIN = frozenset(VALUES)


class Request:
    """A statement that a handler waits for; yielding it returns control to the driver."""

    __slots__ = ("fetch", "params", "sql")

    def __init__(self, sql: str, params: Mapping[str, Any], fetch: bool) -> None:
        self.sql = sql
        self.params = params
        self.fetch = fetch

    def __await__(self) -> Generator[Request, Any, Any]:
        return (yield self)

    @property
    def writes(self) -> bool:
        """Whether it may change rows; any statement that is not plainly a SELECT may."""
        return self.sql.lstrip()[:6].upper() != "SELECT"


def check_values(params: Mapping[str, object]) -> None:
    """Refuse a value for which only some databases have a type: a `datetime` would be a text in a file, which compares with no
    other form of that instant; on a server it would be an error or an instant, depending on its column.

    Raises:
        PartitaError: names the value, and how to bind it.
    """
    for name, value in params.items():
        if type(value) not in _PLAIN and not isinstance(value, VALUES):
            raise PartitaError(
                f":{name} is a {type(value).__name__}; a statement takes str, int, float, bytes, bool and None, on every "
                "database.",
                hint="Bind an int (microseconds since 1970, cents) or a text (str(id), at.isoformat()); for a column of "
                "PostgreSQL's own type: CAST(CAST(:at AS text) AS timestamptz).",
            )


class _Owned:
    """A transaction that only the handler itself may use, and only while it runs.

    The batch shares it and it ends with the batch: a task that goes on would write into whichever transaction is open
    then. And of two statements at once, as of two tasks, some databases take one and refuse the other.
    """

    def __init__(self, handling: Handling, binding: Binding) -> None:
        self._handling = handling
        self._binding = binding
        self.holds = True
        self.asking = 0
        self.running = False
        self.ended = False
        self.misused: NoTransaction | WithinHandler | None = None

    @property
    def service(self) -> str:
        """See `RunningHandler.service`."""
        return self._binding.service

    @property
    def owner(self) -> str:
        """See `RunningHandler.owner`."""
        return self._binding.name

    def publish(self, *events: Event) -> None:
        """Publish events with this transaction, in this order; none of them where one is refused."""
        if not self.running:
            self._refuse()
        outputs: list[Output] = []
        for event in events:
            contract = contract_of(type(event))
            if type(event) not in self._binding.emitted:
                self._check_event(contract)
            outputs.append(Output(contract, event, "event", self._handling.delivery))
        self._handling.outputs += outputs

    def send(self, *commands: Command[Any, Any]) -> None:
        """Send commands with this transaction, in this order; none of them where one is refused."""
        if not self.running:
            self._refuse()
        outputs: list[Output] = []
        for command in commands:
            contract = contract_of(type(command))
            if contract.kind != "command":
                raise PartitaError(
                    f"{contract.name} is {'an event' if contract.kind == 'event' else f'a {contract.kind}'}; "
                    "a handler sends commands.",
                    hint="tx.publish(event) publishes an event; a refusal is raised.",
                )
            if self._binding.sends is not None:
                check_sent(self._binding, contract)
            # Without a saga's address, also if the handled command has one: its answer is not for that saga.
            outputs.append(Output(contract, command, "command", self._handling.delivery))
        self._handling.outputs += outputs

    def _check_event(self, contract: Contract) -> None:
        if contract.kind != "event":
            raise PartitaError(
                f"{contract.name} is a {contract.kind}; a handler publishes events.",
                hint="tx.send(command) sends a command.",
            )
        check_emitted(self._binding, contract)

    def _refuse(self) -> NoReturn:
        if self.ended:
            late = NoTransaction(
                f"The tx of {self.owner} was used after the handler had ended; nothing was written or published.",
                hint="Await every use of tx in the handler.",
            )
            log.error("%s", late)  # the error may be caught by a task whose result is never read
            raise late
        # Also if the task's error is never read: without that statement the message is not handled.
        self.misused = NoTransaction(
            f"The tx of {self.owner} was used by another task than its handler's.",
            hint="Await its statements in the handler, one after the other: gather, create_task and wait_for run them in "
            "tasks of their own. For a limit write `async with asyncio.timeout(...)`.",
        )
        raise self.misused


class WaveTx(_Owned):
    """The transaction of a handler in a wave: each statement is handed to the driver."""

    async def execute(self, sql: str, /, **params: SqlValue) -> int:
        """See `Tx.execute`."""
        if not self.running:
            self._refuse()
        check_values(params)
        changed: int = await Request(sql, params, fetch=False)
        return changed

    async def fetch_one(self, sql: str, /, **params: SqlValue) -> Mapping[str, Any] | None:
        """See `Tx.fetch_one`."""
        if not self.running:
            self._refuse()
        check_values(params)
        rows = await Request(sql, params, fetch=True)
        return rows[0] if rows else None

    async def fetch_all(self, sql: str, /, **params: SqlValue) -> Sequence[Mapping[str, Any]]:
        """See `Tx.fetch_all`."""
        if not self.running:
            self._refuse()
        check_values(params)
        rows: Sequence[Mapping[str, Any]] = await Request(sql, params, fetch=True)
        return rows


class SerialTx(_Owned):
    """The transaction of a handler that runs alone: each statement runs at once.

    `session` is opened on first use where the handler calls outside first, so that no lock is held meanwhile.
    """

    def __init__(
        self,
        handling: Handling,
        binding: Binding,
        session: Callable[[], Awaitable[Session]],
        answering: Answering,
        *,
        holds: bool = True,
    ) -> None:
        super().__init__(handling, binding)
        self._open = session
        self._answering = answering
        self.holds = holds

    async def _session(self) -> Session:
        if not self.running:
            self._refuse()
        if not self.holds:
            if self.asking:
                self._refuse_to_hold()
            self.holds = True
        return await self._open()

    def _refuse_to_hold(self) -> NoReturn:
        """Refuse it: the receiver of the send could come to wait for this transaction, which waits for its answer."""
        self.misused = WithinHandler(
            f"The tx of {self.owner} was used while an app.send of it waits for its answer.",
            hint="Await the answer first, then use tx.",
        )
        raise self.misused

    async def execute(self, sql: str, /, **params: SqlValue) -> int:
        """See `Tx.execute`."""
        check_values(params)
        return await (await self._session()).execute(sql, params)

    async def fetch_one(self, sql: str, /, **params: SqlValue) -> Mapping[str, Any] | None:
        """See `Tx.fetch_one`."""
        check_values(params)
        rows = await (await self._session()).fetch(sql, params)
        return rows[0] if rows else None

    async def fetch_all(self, sql: str, /, **params: SqlValue) -> Sequence[Mapping[str, Any]]:
        """See `Tx.fetch_all`."""
        check_values(params)
        return await (await self._session()).fetch(sql, params)

    async def reply(self, reply_to: str, answer: Event | Rejection, *, by: str = "") -> None:
        """See `Tx.reply`."""
        session = await self._session()
        output = await self._answering.answer(session, reply_to, answer, by or self.owner)
        if output is not None:
            self._handling.outputs.append(output)

    async def waits(self, reply_to: str) -> bool:
        """See `Tx.waits`."""
        row = await (await self._session()).pending.hold(reply_to)
        return row is not None and row.state == "open"
