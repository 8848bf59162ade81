"""Common parts of the store's suite: an opened store, rows, and texts that stores get wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from partita.store.dead_letters import DeadLetter
from partita.store.inbox import InboxRow
from partita.store.outbox import OutboxRow, PendingRow
from partita.store.parking import ParkedRow, State
from partita.store.port import Session, Store
from partita.store.sagas import SagaRow

OpenStore = Callable[[], Awaitable[Store]]
Case = Callable[[OpenStore], Awaitable[None]]
ODD_KEYS = (
    "",
    "a'b\"c",
    "ключ",
    "\N{SNOWMAN}\N{GRINNING FACE}",
    "a\nb",
    "x" * 2_000,
    "%_;--",
    "1",
    "[1]",
    "null",
    "a",
    "a\0b",
    "\0",
)


@asynccontextmanager
async def opened(open_store: OpenStore) -> AsyncIterator[Store]:
    """A store for one block."""
    store = await open_store()
    try:
        yield store
    finally:
        await store.close()


async def unsent(session: Session, slot: int = 0) -> list[PendingRow]:
    """The rows of one slot that a relay would take."""
    return [row for _, row in await session.outbox.unsent([slot], 100)]


def inbox_row(message_id: str, consumer: str = "group", key: str | None = "k", at_us: int = 1) -> InboxRow:
    """A mark for the cases."""
    return InboxRow(consumer, message_id, "type", key, "corr", None, "hash", at_us, "handled")


def outbox_row(message_id: str, key: str | None = "k", slot: int = 0, at_us: int = 1) -> OutboxRow:
    """A message for the cases."""
    return OutboxRow(message_id, "topic", key, "type", b"payload", b"headers", "corr", None, slot, at_us)


def saga_row(saga_id: str, *, version: int = 0, status: str = "running", due_us: int | None = None) -> SagaRow:
    """An instance for the cases."""
    return SagaRow("Saga", saga_id, 1, status, "step", 1, b"data", due_us, "", "corr", 1, 1, version)


def dead_letter(number: int) -> DeadLetter:
    """A letter for the cases."""
    return DeadLetter(
        f"d{number}",
        "group",
        "topic",
        0,
        number,
        "k",
        f"m{number}",
        "t",
        "c",
        "E",
        "cause",
        "stack",
        "print",
        4,
        b"\xff",
        b"\x00",
        1,
    )


def parked_row(
    message_id: str, key: str | None = "k", state: State = "behind", *, step: str = "", due_us: int = 0
) -> ParkedRow:
    """A parked message for the cases."""
    return ParkedRow(
        0, "group", "topic", 0, 1, key, message_id, "t", state, 0, due_us, 4, step, "src", 1, b"\xff", b"\x00", 1, 1
    )
