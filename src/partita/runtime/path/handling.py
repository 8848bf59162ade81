"""`Handling`: a handler in work, as the code knows it that runs because of it, also in tasks and threads that it has started.

What such code waits for must not wait for the handler: a command to its own service would stand behind the transaction that
the handler holds, and every innocent sender behind the two of them.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Protocol

from partita.errors import WithinHandler

TX_SEND = "tx.send(command) sends it with the handler's transaction, and waits for nothing."


class Handling(Protocol):
    """The turn of a handler. `running` is true while its own code runs, and not in between, when other tasks run."""

    running: bool
    ended: bool
    asking: int  # its sends that wait for their answers

    @property
    def service(self) -> str:
        """Of whose handler it is."""
        ...

    @property
    def owner(self) -> str:
        """The handler, as people know it."""
        ...

    @property
    def holds(self) -> bool:
        """Whether its transaction is open, which others wait for."""
        ...


HANDLING: ContextVar[Handling | None] = ContextVar("partita_handling", default=None)
"""Set in the context of each handler, which tasks and threads that it starts inherit."""


def handling() -> Handling | None:
    """The handler whose code calls this. A task that has outlived its handler is nobody's: nobody waits for it."""
    found = HANDLING.get()
    return None if found is None or found.ended else found


def refuse_to_wait(asking: Handling, what: str, service: str, idempotency_key: str | None) -> None:
    """Refuse a send of a handler that would stand still, or be made again: all but that of a handler with `concurrency=`, to
    another service, before it uses its `tx`, and under a key that is the same for each try.

    Raises:
        WithinHandler: which handler, and how it can be done; nothing was sent.
    """
    who = f"{asking.owner} of {asking.service}"
    if asking.service == service:
        raise WithinHandler(
            f"{who} sends {what} to its own service, and the answer would wait for {asking.owner} to end.", hint=TX_SEND
        )
    refuse_to_repeat(asking, what, idempotency_key)


def refuse_to_repeat(asking: Handling, what: str, idempotency_key: str | None) -> None:
    """Refuse what would be another command with each try of the handler.

    Raises:
        WithinHandler: which handler, and how it can be done; nothing was sent.
    """
    who = f"{asking.owner} of {asking.service}"
    if asking.holds:
        raise WithinHandler(
            f"{who} sends {what} while its transaction is open: others wait for it, and where it is rolled back and run again, "
            "the command would be sent again.",
            hint=f"{TX_SEND} For an answer: a handler with concurrency=2 or more, that sends before it uses tx.",
        )
    if idempotency_key is None:
        raise WithinHandler(
            f"{who} sends {what} without an idempotency key: when the handler is run again, it would be another command.",
            hint=f"app.send(command, idempotency_key=meta.idempotency_key). {TX_SEND}",
        )
