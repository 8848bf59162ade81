"""`RunningHandler`: the running handler, as seen by code that it calls, also in tasks and threads that it has started.

Such code must not wait for anything that waits for the handler: a command to its own service would queue behind the
transaction that the handler holds, and all other senders behind the two of them.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Protocol

from partita.errors import WithinHandler

TX_SEND = "tx.send(command) sends it with the handler's transaction, and waits for nothing."


class RunningHandler(Protocol):
    """The turn of a handler. `running` is true while its own code runs, and false between, when other tasks run."""

    running: bool
    ended: bool
    asking: int  # its sends that wait for their answers

    @property
    def service(self) -> str:
        """The service of the handler."""
        ...

    @property
    def owner(self) -> str:
        """The handler's name for people."""
        ...

    @property
    def holds(self) -> bool:
        """Whether its transaction is open, so that others wait for it."""
        ...


RUNNING_HANDLER: ContextVar[RunningHandler | None] = ContextVar("partita_running_handler", default=None)
"""Set in the context of each handler, which tasks and threads that it starts inherit."""


def running_handler() -> RunningHandler | None:
    """The handler whose code calls this; none for a task that has outlived its handler, since nothing waits for it."""
    found = RUNNING_HANDLER.get()
    return None if found is None or found.ended else found


def refuse_to_wait(asking: RunningHandler, what: str, service: str, idempotency_key: str | None) -> None:
    """Refuse a send by a handler that would deadlock or be repeated. Allowed is only a handler with `concurrency=`, to another
    service, before it uses its `tx`, and with a key that is the same for each try.

    Raises:
        WithinHandler: names the handler and the way to do it; nothing was sent.
    """
    who = f"{asking.owner} of {asking.service}"
    if asking.service == service:
        raise WithinHandler(
            f"{who} sends {what} to its own service, and the answer would wait for {asking.owner} to end.", hint=TX_SEND
        )
    refuse_to_repeat(asking, what, idempotency_key)


def refuse_to_repeat(asking: RunningHandler, what: str, idempotency_key: str | None) -> None:
    """Refuse a send that would be another command with each try of the handler.

    Raises:
        WithinHandler: names the handler and the way to do it; nothing was sent.
    """
    who = f"{asking.owner} of {asking.service}"
    if asking.holds:
        raise WithinHandler(
            f"{who} sends {what} while its transaction is open: others wait for it, and if it is rolled back and run again, "
            "the command would be sent again.",
            hint=f"{TX_SEND} For an answer: a handler with concurrency=2 or more, that sends before it uses tx.",
        )
    if idempotency_key is None:
        raise WithinHandler(
            f"{who} sends {what} without an idempotency key: when the handler is run again, it would be another command.",
            hint=f"app.send(command, idempotency_key=meta.idempotency_key). {TX_SEND}",
        )
