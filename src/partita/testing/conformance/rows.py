"""Rows for the cases of the store's suite, and texts that stores get wrong."""

from __future__ import annotations

from partita.store.port import DeadLetter, InboxRow, OutboxRow, SagaRow

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


def inbox_row(message_id: str, consumer: str = "group", key: str | None = "k", at_us: int = 1) -> InboxRow:
    """A mark for the cases."""
    return InboxRow(consumer, message_id, "type", key, "corr", None, "hash", at_us, "handled")


def outbox_row(message_id: str, key: str | None = "k", slot: int = 0, at_us: int = 1) -> OutboxRow:
    """A message for the cases."""
    return OutboxRow(message_id, "topic", key, "type", b"payload", b"headers", "corr", None, slot, at_us)


def saga_row(saga_id: str, *, version: int = 0, status: str = "running", due_us: int | None = None) -> SagaRow:
    """An instance for the cases."""
    return SagaRow("Saga", saga_id, 1, status, "step", 1, b"data", due_us, "", "corr", 1, 1, version)


def dead_letter(offset: int) -> DeadLetter:
    """A letter for the cases."""
    return DeadLetter(
        f"d{offset}", "group", "topic", 0, offset, "k", "m", "t", "c", "E", "cause", "stack", 4, b"\xff", b"\x00", 1
    )
