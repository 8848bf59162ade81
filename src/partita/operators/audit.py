"""The audit of operators' actions. Each entry is sealed with the hash of all before it, so that no change or removal
goes unnoticed."""

from __future__ import annotations

import getpass
import hashlib
import json
import os
from typing import NamedTuple

from partita.observability.reach import Stores
from partita.store.dead_letters import LetterFilter
from partita.store.operations import AuditEntry
from partita.store.port import Session, Store

PAGE = 1_000
ENTRIES_MAX = 1_000_000


def actor() -> str:
    """The name of the operator: PARTITA_ACTOR, else the user of this process."""
    named = os.environ.get("PARTITA_ACTOR", "")
    if named:
        return named
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"uid {os.getuid()}"


def seal(previous: str, entry: AuditEntry) -> str:
    """The hash of an entry behind `previous`: SHA-256 over a text that differs for every two different entries."""
    text = json.dumps([previous, *entry[1:-1]], ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def in_words(where: LetterFilter) -> str:
    """A filter as text in an entry: `status=open ids=01a2,01a3`."""
    said = [(name, ",".join(value) if isinstance(value, tuple) else value) for name, value in where._asdict().items()]
    return " ".join(f"{name}={value}" for name, value in said if value)


async def record(
    session: Session, at_us: int, by: str, verb: str, target: str, *, detail: str = "", reason: str = ""
) -> None:
    """Write an entry, in the transaction of the action."""
    entry = AuditEntry(0, at_us, by, verb, target, detail, reason, "")
    previous = await session.operations.last_hash()
    await session.operations.append(entry._replace(hash=seal(previous, entry)))


async def entries(stores: Stores, limit: int) -> list[tuple[str, AuditEntry]]:
    """The last entries of all services, the oldest first, each with its service."""
    found: list[tuple[str, AuditEntry]] = []
    for name, store in stores.items():
        async with store.reading() as session:
            found += [(name, entry) for entry in await session.operations.entries(0, ENTRIES_MAX)]
    return sorted(found, key=lambda pair: pair[1].at_us)[-limit:]


class Verified(NamedTuple):
    """The number of checked entries, and the first entry that does not fit (None = all fit)."""

    entries: int
    broken: AuditEntry | None


async def verify(store: Store) -> Verified:
    """Check the chain of a store's audit from its first entry."""
    previous, seen, expected = "", 0, 1
    page: list[AuditEntry] = [AuditEntry(0, 0, "", "", "", "", "", "")]
    while page:
        async with store.reading() as session:
            page = list(await session.operations.entries(page[-1].seq, PAGE))
        for entry in page:
            if entry.seq != expected or entry.hash != seal(previous, entry):
                return Verified(seen, entry)
            previous, seen, expected = entry.hash, seen + 1, expected + 1
    return Verified(seen, None)
