"""Parameters that a handler may ask for by type: the transaction `Tx`, the message's `Meta`, and the user's own `Depends`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from partita.catalog.event import Command, Event
from partita.catalog.rejection import Rejection

SqlValue = str | int | float | bytes | bool | None


class Tx(Protocol):
    """The transaction around a handler: its writes, the inbox mark and the outbox rows commit together or not at all.

    SQL is one text for every database: named parameters written `:name`, given as keywords.
    """

    async def execute(self, sql: str, /, **params: SqlValue) -> int:
        """Run a writing statement; returns how many rows it changed."""
        ...

    async def fetch_one(self, sql: str, /, **params: SqlValue) -> Mapping[str, Any] | None:
        """Run a statement (also `... RETURNING`) and return its first row, or None."""
        ...

    async def fetch_all(self, sql: str, /, **params: SqlValue) -> Sequence[Mapping[str, Any]]:
        """Run a statement and return all its rows."""
        ...

    def publish(self, *events: Event) -> None:
        """Publish events with this transaction, in this order, caused by the message being handled: events that the handler
        declares, by its return annotation or by `emits=`."""
        ...

    def send(self, *commands: Command[Any, Any]) -> None:
        """Send commands with this transaction, in this order, caused by the message being handled, to the services that
        handle them. Their answers are events like any other; the handler does not wait."""
        ...

    async def reply(self, reply_to: str, answer: Event | Rejection, *, by: str = "") -> None:
        """Answer a command of this service whose handler returned `later()`, with this transaction: with its reply, or one of its
        refusals. The same answer again changes nothing. `by` names the person or program that answers, by default this handler.

        Raises:
            Conflict: it has another answer already. Overtaken: its saga has undone the step.
            NotFound: no command of this service waits under this id.
        """
        ...

    async def waits(self, reply_to: str) -> bool:
        """Whether a command of this service whose handler returned `later()` has neither an answer nor an undo. Both wait then
        until this transaction ends, so that it may pass the command on. Call it before locking rows that the handler of the undo
        writes too: an undo holds its command first."""
        ...


@dataclass(frozen=True, slots=True)
class Meta:
    """Facts about the message being handled.

    `idempotency_key` is the same for every try, redelivery and resend of one intended effect: pass it to every
    call outside. `attempt` counts from 1. `source` is the database, or the program, that made the message; `attributes` are
    the other attributes of its CloudEvent by their names (`subject`, `dataschema`, `tracestate`, any extension), as texts.
    """

    message_id: str
    type: str
    key: str | None
    correlation_id: str
    causation_id: str | None
    idempotency_key: str
    attempt: int
    occurred_us: int
    source: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def reply_to(self) -> str:
        """The id under which `tx.reply` and `app.reply` answer this command, where its handler returns `later()`. A step that its
        saga sends again has the same id, so it may travel in links."""
        return self.message_id


@dataclass(frozen=True, slots=True)
class Depends:
    """Injects the value that a function returns or yields: `mail: Annotated[Mailer, Depends(mailer)]`."""

    provider: Callable[..., Any]
