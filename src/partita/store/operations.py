"""Records of operators' actions: operations that can be resumed, and the audit of all actions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

OperationStatus = Literal["running", "done", "stopped", "failed"]


class OperationRow(NamedTuple):
    """A bulk action. `target` is its filter and `options` its settings, both JSON; `cursor` is its progress."""

    id: str
    verb: str
    target: str
    options: str
    reason: str
    actor: str
    status: OperationStatus
    planned: int
    done: int
    failed: int
    cursor: str
    created_us: int
    updated_us: int


class AuditEntry(NamedTuple):
    """One action: actor, verb, target, reason and result; `hash` seals it together with all entries before it."""

    seq: int
    at_us: int
    actor: str
    verb: str
    target: str
    detail: str
    reason: str
    hash: str


class Operations(Protocol):
    """Operations and the audit. The audit is append-only."""

    async def begin(self, row: OperationRow) -> None:
        """Store an operation before its first step."""
        ...

    async def progress(self, operation_id: str, done: int, failed: int, cursor: str, at_us: int) -> None:
        """Store its progress, in the transaction of the step."""
        ...

    async def finish(self, operation_id: str, status: OperationStatus, at_us: int) -> None:
        """Store its end."""
        ...

    async def get(self, operation_id: str) -> OperationRow | None:
        """One operation."""
        ...

    async def find(self, limit: int = 50) -> Sequence[OperationRow]:
        """The latest operations."""
        ...

    async def last_hash(self) -> str:
        """The seal of the newest entry of the audit; empty = there is none."""
        ...

    async def append(self, entry: AuditEntry) -> None:
        """Append an entry; the ledger gives it its `seq`."""
        ...

    async def entries(self, after_seq: int = 0, limit: int = 1_000) -> Sequence[AuditEntry]:
        """Entries of the audit, oldest first."""
        ...
