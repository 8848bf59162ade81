"""Admission to a transaction: which messages of a batch are new, and the marks that make them happen once.

Walk 9: the mark is written before the handler runs, in the handler's transaction, so a crash at any point
leaves either all of it or nothing. G3 (effects once) and G4 (order per key) are kept here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from enum import Enum
from typing import Literal

import msgspec

from partita.message import Envelope
from partita.store.port import InboxEntry, InboxRow, Session


class Verdict(Enum):
    """What admission says of one message."""

    FRESH = "fresh"
    DUPLICATE = "duplicate"  # this id was handled
    STALE = "stale"  # a later message of its key was handled: a late copy, whatever its age
    CONFLICT = "conflict"  # this id was handled with another content
    GAP = "gap"  # an earlier message of its key is missing
    HELD = "held"  # an earlier message of its key is parked: this one queues behind it


class Candidate(msgspec.Struct, eq=False):
    """A message that asks to be admitted. `wanted` is False for one that only counts in its key's sequence."""

    envelope: Envelope
    topic: str
    key: str | None
    value: bytes
    wanted: bool = True
    business: tuple[tuple[str, str], ...] = ()  # (consumer, "type#value") per handler that dedupes by a field
    verdict: Verdict = Verdict.FRESH
    payload_hash: str = ""
    before: InboxEntry | None = None
    repeated: dict[str, InboxEntry] = {}  # by consumer: the business key was seen before
    again: bool = False  # it has a mark already: its saga asks for it again, or it comes out of the parking
    unseen: bool = False  # its id was made here for it just now, and its number, if any, is the next of its key
    overtakes: bool = False  # an undo whose command is parked: it does not wait behind it

    @property
    def told_by_envelope(self) -> bool:
        """Whether its envelope says that it is handled (`at_once`): it needs no mark, its copy is never admitted."""
        return self.unseen and self.envelope.at_once


def payload_hash(type_name: str, value: bytes) -> str:
    """16 hex digits that tell one content from another under the same id."""
    return hashlib.blake2b(value, digest_size=8, key=type_name.encode()[-64:]).hexdigest()


async def admit(
    session: Session, consumer: str, order: Literal["key", "none"], candidates: Sequence[Candidate], now_us: int
) -> None:
    """Set each candidate's verdict, and write the marks of the fresh ones (outcome "handled", to be corrected).

    Within the batch order counts: of two copies of an id the first is fresh.
    """
    wanted = [c for c in candidates if c.wanted]
    for candidate in wanted:
        if candidate.business or not candidate.told_by_envelope:
            candidate.payload_hash = payload_hash(candidate.envelope.type, candidate.value)
    await _by_id(session, consumer, [c for c in wanted if not c.unseen])
    if order == "key":
        await _by_key_sequence(session, consumer, candidates)
        await _by_parking(session, consumer, wanted)
    fresh = [c for c in wanted if c.verdict is Verdict.FRESH]
    rows = [mark_of(consumer, c, now_us) for c in fresh if not c.again and not c.told_by_envelope]
    rows += [mark_of(consumer, c, now_us, "waiting") for c in wanted if c.verdict is Verdict.HELD and not c.again]
    rows += await _by_business_key(session, fresh, now_us)
    if rows:
        await session.inbox.mark(rows)


async def admit_parked(session: Session, candidates: Sequence[Candidate], now_us: int) -> None:
    """Admit messages that come out of the parking: their marks were written when they were parked."""
    for candidate in candidates:
        candidate.payload_hash = payload_hash(candidate.envelope.type, candidate.value)
        candidate.again = True
    rows = await _by_business_key(session, candidates, now_us)
    if rows:
        await session.inbox.mark(rows)


async def _by_id(session: Session, consumer: str, candidates: Sequence[Candidate]) -> None:
    known = dict(await session.inbox.seen(consumer, [c.envelope.id for c in candidates])) if candidates else {}
    for candidate in candidates:
        entry = known.get(candidate.envelope.id)
        if entry is None:
            known[candidate.envelope.id] = InboxEntry(candidate.payload_hash, "handled", 0, None)
        else:
            candidate.before = entry
            if entry.payload_hash != candidate.payload_hash:
                candidate.verdict = Verdict.CONFLICT
            elif entry.outcome == "dead" and candidate.envelope.saga and candidate.envelope.kind == "command":
                # The saga still waits for it: who sends it again asks for another try.
                candidate.again = True
            else:
                candidate.verdict = Verdict.DUPLICATE


async def _by_key_sequence(session: Session, consumer: str, candidates: Sequence[Candidate]) -> None:
    """Drop what is older than the last handled of its key; hold what comes before its predecessor.

    The first number seen of a key is its base: a group may start in the middle. A gap leaves the mark where it
    is, so that the missing message is still welcome when it comes.
    """
    numbered = [c for c in candidates if c.envelope.key_sequence and c.key is not None]
    places = [(c.envelope.source, c.topic, c.key or "") for c in numbered]
    asked = {place for candidate, place in zip(numbered, places, strict=True) if not candidate.unseen}
    last = dict(await session.sequences.last_in(consumer, sorted(asked))) if asked else {}
    moved: dict[tuple[str, str, str], int] = {}
    for candidate, place in zip(numbered, places, strict=True):
        if candidate.verdict is Verdict.DUPLICATE:
            continue
        number, before = candidate.envelope.key_sequence, last.get(place)
        if before is None or number == before + 1:
            last[place] = moved[place] = number
        elif candidate.verdict is not Verdict.CONFLICT:
            candidate.verdict = Verdict.STALE if number <= before else Verdict.GAP
    if moved:
        await session.sequences.save_in(consumer, moved)


async def _by_parking(session: Session, consumer: str, candidates: Sequence[Candidate]) -> None:
    """Behind a parked message of a key its later ones are parked as well, or they would pass it."""
    asked = [
        (candidate, (candidate.topic, candidate.key))
        for candidate in candidates
        if candidate.verdict is Verdict.FRESH and candidate.key is not None and not candidate.overtakes
    ]
    held = await session.parking.held(consumer, [place for _, place in asked])
    for candidate, place in asked:
        if place in held:
            candidate.verdict = Verdict.HELD


async def _by_business_key(session: Session, fresh: Sequence[Candidate], now_us: int) -> list[InboxRow]:
    """Marks of (handler, event type, business key); the type is part of the key, or OrderPlaced and
    OrderConfirmed of one order would suppress each other."""
    asked: dict[str, list[tuple[Candidate, str]]] = {}
    for candidate in fresh:
        for consumer, value in candidate.business:
            asked.setdefault(consumer, []).append((candidate, value))
    rows: list[InboxRow] = []
    for consumer, pairs in asked.items():
        known = dict(await session.inbox.seen(consumer, [value for _, value in pairs]))
        for candidate, value in pairs:
            if value in known:
                candidate.repeated[consumer] = known[value]
                continue
            known[value] = InboxEntry(candidate.payload_hash, "handled", now_us, None)
            rows.append(mark_of(consumer, candidate, now_us)._replace(message_id=value))
    return rows


def mark_of(consumer: str, candidate: Candidate, now_us: int, outcome: str = "handled") -> InboxRow:
    """A message's mark."""
    envelope = candidate.envelope
    return InboxRow(
        consumer,
        envelope.id,
        envelope.type,
        candidate.key,
        envelope.correlation_id,
        envelope.causation_id,
        candidate.payload_hash,
        now_us,
        outcome,
    )
