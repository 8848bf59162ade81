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
from partita.store.port import Asked, InboxEntry, InboxRow, Known, Session

Place = tuple[str, str, str]
"""(source, topic, key): what has numbers of its own."""


def whole_topic(topic: str) -> Place:
    """Where it is kept that a group began a topic anew: under no source and no key."""
    return "", topic, ""


async def begin_anew(session: Session, consumer: str, topic: str) -> None:
    """Forget the numbers of a topic: the next one of each key is its base. The copies of what the group handled at once,
    which it passes over, count from here on: their numbers were counted, and are forgotten now."""
    await session.sequences.forget_in(consumer, topic)
    await session.sequences.base_in(consumer, {whole_topic(topic): 1})


class Verdict(Enum):
    """What admission says of one message."""

    FRESH = "fresh"
    DUPLICATE = "duplicate"  # this id was handled
    STALE = "stale"  # a later message of its key was handled: a late copy, whatever its age
    CONFLICT = "conflict"  # this id was handled with another content
    GAP = "gap"  # an earlier message of its key is missing
    HELD = "held"  # an earlier message of its key is parked: this one queues behind it
    PASSED = "passed"  # its group began its key behind it, and has handled later ones: it would break their order


ENTERED = {Verdict.HELD: "waiting", Verdict.PASSED: "dead"}
"""The marks of messages that are not handled now, by their verdict."""


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
    content: bytes | None = None  # what its mark keeps of it, where it may come again in other bytes
    before: InboxEntry | None = None
    repeated: dict[str, InboxEntry] = {}  # by consumer: the business key was seen before
    again: bool = False  # it has a mark already: its saga asks for it again, or it comes out of the parking
    unseen: bool = False  # its id was made here for it just now, and its number, if any, is the next of its key
    overtakes: bool = False  # an undo whose command is parked: it does not wait behind it
    ordered: bool = True  # its group goes by the numbers of keys
    ahead: bool = False  # an earlier number of its key is missing, so its own does not count yet

    @property
    def numbered(self) -> bool:
        """Whether it has a number among the messages of its key."""
        return bool(self.envelope.key_sequence) and self.key is not None

    @property
    def place(self) -> Place:
        """Where its number is kept."""
        return self.envelope.source, self.topic, self.key or ""

    @property
    def told_by_envelope(self) -> bool:
        """Whether its envelope says that it is handled (`at_once`): it needs no mark, its copy is never admitted. A
        database that was given another name knows those of its old one by their numbers."""
        return self.unseen and self.envelope.at_once and self.ordered and self.numbered


def payload_hash(type_name: str, value: bytes) -> str:
    """16 hex digits that tell one content from another under the same id."""
    return hashlib.blake2b(value, digest_size=8, key=type_name.encode()[-64:]).hexdigest()


def asked_of(
    consumer: str,
    order: Literal["key", "none"],
    new: Sequence[Candidate],
    parked: Sequence[Candidate] = (),
    *,
    numbers_of_unseen: bool = False,
) -> Asked:
    """What must be known before these are admitted: new ones, and some that come out of the parking."""
    wanted = [c for c in new if c.wanted]
    marks = [(consumer, c.envelope.id) for c in wanted if not c.unseen]
    marks += [business for c in (*wanted, *parked) for business in c.business]
    if order == "none":
        return Asked(consumer, (), marks, (), (), ())
    places = [c.place for c in new if c.numbered and (numbers_of_unseen or not c.unseen)]
    keys = [(c.topic, c.key) for c in wanted if c.key is not None and not c.overtakes]
    return Asked(consumer, (), marks, places, keys, ())


async def admit(
    session: Session,
    asked: Asked,
    known: Known,
    order: Literal["key", "none"],
    candidates: Sequence[Candidate],
    now_us: int,
) -> None:
    """Set each candidate's verdict, and write the marks of the fresh ones (outcome "handled", to be corrected).

    Within the batch order counts: of two copies of an id the first is fresh.
    """
    consumer = asked.consumer
    wanted = [c for c in candidates if c.wanted]
    for candidate in wanted:
        if not candidate.payload_hash and (candidate.business or not candidate.told_by_envelope):
            candidate.payload_hash = payload_hash(candidate.envelope.type, candidate.value)
    _by_id(known, consumer, [c for c in wanted if not c.unseen])
    if order == "key":
        await _by_key_sequence(session, asked, known, candidates)
        _by_parking(known, wanted)
    fresh = [c for c in wanted if c.verdict is Verdict.FRESH]
    rows = [mark_of(consumer, c, now_us) for c in fresh if not c.again and not c.told_by_envelope]
    if len(fresh) < len(wanted):
        rows += [
            mark_of(consumer, c, now_us, ENTERED[c.verdict]) for c in wanted if c.verdict in ENTERED and not c.again
        ]
    rows += _by_business_key(known, fresh, now_us)
    if rows:
        await session.inbox.mark(rows)


async def admit_parked(session: Session, known: Known, candidates: Sequence[Candidate], now_us: int) -> None:
    """Admit messages that come out of the parking: their marks were written when they were parked."""
    for candidate in candidates:
        candidate.payload_hash = candidate.payload_hash or payload_hash(candidate.envelope.type, candidate.value)
        candidate.again = True
    rows = _by_business_key(known, candidates, now_us)
    if rows:
        await session.inbox.mark(rows)


def _by_id(known: Known, consumer: str, candidates: Sequence[Candidate]) -> None:
    for candidate in candidates:
        name = (consumer, candidate.envelope.id)
        entry = known.marks.get(name)
        if entry is None:
            known.marks[name] = InboxEntry(candidate.payload_hash, "handled", 0, candidate.content)
        else:
            candidate.before = entry
            if entry.payload_hash != candidate.payload_hash:
                candidate.verdict = Verdict.CONFLICT
            elif entry.outcome == "dead" and candidate.envelope.saga and candidate.envelope.kind == "command":
                # The saga still waits for it: who sends it again asks for another try, of which a batch makes one.
                candidate.again = True
                known.marks[name] = entry._replace(outcome="handled")
            else:
                candidate.verdict = Verdict.DUPLICATE


async def _by_key_sequence(session: Session, asked: Asked, known: Known, candidates: Sequence[Candidate]) -> None:
    """Drop what is older than the last number counted of its key; hold what comes before its predecessor.

    Each number counts in its turn, whatever became of its message: a copy that is dropped (its saga sent it again, with a
    new number) or a conflict would else be waited for by all later messages of the key. The first number seen of a key is
    its base: a group may start in the middle. A gap leaves the mark where it is, so that the missing message is still
    welcome when it comes.
    """
    could_be_known = frozenset(asked.places)
    begun: dict[Place, int] = {}
    moved: dict[Place, int] = {}
    bases: dict[Place, int] = {}
    stale: list[Candidate] = []
    gaps: set[str] = set()
    for candidate in candidates:
        if not candidate.numbered:
            continue
        if gaps and candidate.envelope.id in gaps and candidate.verdict in (Verdict.DUPLICATE, Verdict.CONFLICT):
            candidate.verdict, candidate.before = Verdict.FRESH, None  # its first copy is not handled in this batch
        place, number = candidate.place, candidate.envelope.key_sequence
        before = known.last.get(place)
        if before is None or number == before + 1:
            if before is None and number > 1:
                bases[place] = number
            new = place in begun or (before is None and place in could_be_known)
            (begun if new else moved)[place] = known.last[place] = number
        elif number > before:
            candidate.ahead = True
            asks_for_parked = candidate.again and (candidate.topic, candidate.key) in known.parked
            if candidate.verdict is Verdict.FRESH and not asks_for_parked:
                candidate.verdict = Verdict.GAP
                gaps.add(candidate.envelope.id)
        elif candidate.verdict is Verdict.FRESH:
            candidate.verdict = Verdict.STALE
            stale.append(candidate)
    await session.sequences.begin_in(asked.consumer, begun)
    await session.sequences.save_in(asked.consumer, moved)
    if bases:
        await session.sequences.base_in(asked.consumer, bases)
    if stale:
        await _by_base(session, asked.consumer, [c for c in stale if c.wanted and not c.again])


async def _by_base(session: Session, consumer: str, stale: Sequence[Candidate]) -> None:
    """Tell a message from before the base of its key from a copy. Each number from the base on was counted, so that what
    comes again is a copy; a number below it that has no mark was never here."""
    bases = await session.sequences.bases_in(consumer, list({c.place for c in stale}))
    for candidate in stale:
        if candidate.envelope.key_sequence < bases.get(candidate.place, 1):
            candidate.verdict = Verdict.PASSED


def _by_parking(known: Known, candidates: Sequence[Candidate]) -> None:
    """Behind a parked message of a key its later ones are parked as well, or they would pass it."""
    for candidate in candidates if known.parked else ():
        behind = (candidate.topic, candidate.key) in known.parked and not candidate.overtakes
        if behind and candidate.verdict is Verdict.FRESH:
            candidate.verdict = Verdict.HELD


def _by_business_key(known: Known, fresh: Sequence[Candidate], now_us: int) -> list[InboxRow]:
    """Marks of (handler, event type, business key); the type is part of the key, or OrderPlaced and
    OrderConfirmed of one order would suppress each other."""
    rows: list[InboxRow] = []
    for candidate in fresh:
        for consumer, value in candidate.business:
            before = known.marks.get((consumer, value))
            if before is not None:
                candidate.repeated[consumer] = before
                continue
            known.marks[consumer, value] = InboxEntry(candidate.payload_hash, "handled", now_us, candidate.content)
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
        candidate.content,
    )
