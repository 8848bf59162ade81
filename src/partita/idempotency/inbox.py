"""The inbox: decides which messages of a batch are new, and what is written so that each happens once. No I/O in the decision.

Walk 9: the mark is written before the handler runs, in the handler's transaction, so a crash at any point
leaves either all of it or nothing. G3 (effects once) and G4 (order per key) are kept here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from enum import Enum
from typing import NamedTuple

import msgspec

from partita.message import Envelope
from partita.store.inbox import InboxEntry, InboxRow
from partita.store.parking import State
from partita.store.port import Asked, Known, Session
from partita.store.sequences import SequenceKey


class Origin(Enum):
    """The way a message came here; it decides what the group may know of it."""

    NEW = "new"  # its id may have been here before
    MADE = "made"  # its id was made here just now: no mark can exist
    AT_ONCE = "at once"  # made here, and its envelope says that it is handled at once: it needs no mark
    PARKED = "parked"  # it was parked: its mark was written then
    COUNTS = "counts"  # it has no handler here: only its number of the key counts


# Python looks a member up in its class slowly (75 ns), and each message is compared with several.
NEW, MADE, AT_ONCE, PARKED, COUNTS = Origin


class Candidate(msgspec.Struct, eq=False):
    """A message to be admitted. `business` is (consumer, "type#value") for each handler that dedupes by a field; `content` is
    its stored form in the mark, where it may come again in other bytes."""

    envelope: Envelope
    topic: str
    key: str | None
    value: bytes
    origin: Origin = NEW
    business: tuple[tuple[str, str], ...] = ()
    content: bytes | None = None
    parked_as: str = ""
    known_hash: str = ""

    @property
    def name(self) -> str:
        """Its name in the parking."""
        return self.parked_as or self.envelope.id

    @property
    def numbered(self) -> bool:
        """Whether it has a number among the messages of its key."""
        return bool(self.envelope.key_sequence) and self.key is not None

    @property
    def place(self) -> SequenceKey:
        """The key sequence that its number belongs to."""
        return self.envelope.source, self.topic, self.key or ""

    @property
    def step(self) -> tuple[str, str, str] | None:
        """(saga, saga id, step) that it does or undoes."""
        address = self.envelope.saga
        if address is None or self.envelope.kind != "command" or not address.is_effect:
            return None
        return address.saga, address.saga_id, address.step

    @property
    def is_undo(self) -> bool:
        """Whether it undoes a step of a saga, or withdraws it."""
        address = self.envelope.saga
        return address is not None and address.kind in ("undo", "withdraw") and self.envelope.kind == "command"

    @property
    def is_withdrawal(self) -> bool:
        """Whether it is the command of a step without an effect, sent again to end the wait for its answer: no handler runs."""
        address = self.envelope.saga
        return address is not None and address.kind == "withdraw" and self.envelope.kind == "command"

    @property
    def fatal_step(self) -> str:
        """The name of its mark if it ends its process and comes again under another id, as undos and questions of a saga do;
        else empty."""
        address = self.envelope.saga
        if address is None or self.envelope.kind != "command" or address.kind in ("do", "timer"):
            return ""
        return f"{address.kind}:{address.saga}/{address.saga_id}/{address.step}"

    @property
    def content_hash(self) -> str:
        """A hash that distinguishes its content from another under the same id; computed once."""
        if not self.known_hash:
            self.known_hash = payload_hash(self.envelope.type, self.value)
        return self.known_hash


def payload_hash(type_name: str, value: bytes) -> str:
    """16 hex digits that distinguish contents under the same id."""
    return hashlib.blake2b(b"%b\0%b" % (type_name.encode(), value), digest_size=8).hexdigest()


class Verdict(Enum):
    """The decision about one message."""

    FRESH = "fresh"
    UNDONE = "undone"  # fresh, but its saga step was undone before: its handlers do not run
    DUPLICATE = "duplicate"  # this id was handled
    STALE = "stale"  # a later message of its key was handled: a late copy, whatever its age
    CONFLICT = "conflict"  # this id was handled with another content
    GAP = "gap"  # an earlier message of its key is missing
    HELD = "held"  # an earlier message of its key is parked: this one queues behind it
    PASSED = "passed"  # the group began its key behind it and has handled later ones: it would break their order
    EXPIRED = "expired"  # so old that its mark may have been forgotten


FRESH, UNDONE, DUPLICATE, STALE, CONFLICT, GAP, HELD, PASSED, EXPIRED = Verdict
TAKEN = (FRESH, UNDONE)  # compared by identity: a set would hash each
"""The verdicts of messages that are handled now, if only with an answer."""
ENTERED = {HELD: "waiting", PASSED: "dead"}
"""The marks of messages that are not handled now, by their verdict."""
FATAL, FATAL_STEP = "fatal", "fatal step"
"""The marks of a dead letter that ended its process, and of the saga's step that it undoes: a person alone tries it again."""


class Facts(NamedTuple):
    """All facts for the decision about a batch of one consumer group.

    `standing` is the state of the messages from the parking, `overtaking` the ids of undos whose command is parked and
    must not hold them, `bases` the first number counted of keys, `expired` the ids that may be forgotten, `fatal` the ids of
    messages whose like ended their process.
    """

    consumer: str
    ordered: bool
    known: Known
    standing: Mapping[str, State] = {}
    overtaking: Collection[str] = ()
    bases: Mapping[SequenceKey, int] = {}
    expired: Collection[str] = ()
    fatal: Collection[str] = ()


class Admittance(msgspec.Struct, eq=False):
    """The decision about one candidate: `before` is its earlier mark, `repeated` the handlers that have seen its business
    key, `marked` whether it has a mark already, `ahead` whether an earlier number of its key is missing, so that its own
    does not count yet."""

    verdict: Verdict = FRESH
    before: InboxEntry | None = None
    repeated: dict[str, InboxEntry] = {}
    marked: bool = False
    ahead: bool = False

    @property
    def taken(self) -> bool:
        """Whether the message is new here and is handled."""
        return self.verdict in TAKEN


class Decided(NamedTuple):
    """The decision about each candidate of a batch, in order, and the rows to write for it."""

    admittances: list[Admittance]
    marks: list[InboxRow]
    counted: dict[SequenceKey, int]
    bases: dict[SequenceKey, int]


def asked_of(consumer: str, ordered: bool, candidates: Sequence[Candidate], overtaking: Collection[str] = ()) -> Asked:
    """The questions to the database before a group decides about these candidates."""
    asked = Asked(consumer, (), marks := [], places := [], keys := [], steps := [], sending := [])
    for candidate in candidates:
        origin, envelope, key = candidate.origin, candidate.envelope, candidate.key
        if origin is NEW:
            marks.append((consumer, envelope.id))
        if origin is not COUNTS:
            if key is not None:
                sending.append(key)
            if candidate.business:
                marks.extend(candidate.business)
            if envelope.saga is not None and envelope.kind == "command" and (step := candidate.step) is not None:
                steps.append(step)
        if ordered and key is not None and origin is not PARKED:
            if envelope.key_sequence:
                places.append((envelope.source, candidate.topic, key))
            if origin is not COUNTS and envelope.id not in overtaking:
                keys.append((candidate.topic, key))
    return asked


def differing(candidates: Sequence[Candidate], decided: Decided) -> bool:
    """Whether a candidate comes in other bytes than its mark has: they may have the same meaning."""
    return any(
        said.verdict is CONFLICT or any(entry.payload_hash != each.content_hash for entry in said.repeated.values())
        for each, said in zip(candidates, decided.admittances, strict=True)
    )


def stale(candidates: Sequence[Candidate], decided: Decided) -> list[SequenceKey]:
    """The keys whose base decides between a copy and a message from before the group began its key; with these bases the
    batch is decided again."""
    places: dict[SequenceKey, None] = {}
    for candidate, said in zip(candidates, decided.admittances, strict=True):
        if said.verdict is STALE and not said.marked and candidate.origin is not COUNTS:
            places[candidate.place] = None
    return list(places)


def decide(facts: Facts, candidates: Sequence[Candidate], now_us: int) -> Decided:
    """Decide about each candidate, in order: each sees the effects of those before it, as if it were a batch of its own."""
    batch = _Batch(facts, now_us)
    for candidate in candidates:
        batch.decided.admittances.append(_one(batch, candidate))
    return batch.decided


async def write(session: Session, consumer: str, decided: Decided) -> None:
    """Write the decision: numbers, bases and marks."""
    if decided.counted:
        session.sequences.count_in(decided.counted)
    if decided.bases:
        await session.sequences.base_in(consumer, decided.bases)
    if decided.marks:
        await session.inbox.mark(decided.marks)


class _Batch:
    """The facts as changed by the messages decided so far, and the rows to write."""

    __slots__ = ("decided", "facts", "last", "marks", "now_us", "running", "undone")

    def __init__(self, facts: Facts, now_us: int) -> None:
        self.facts = facts
        self.now_us = now_us
        self.decided = Decided([], [], {}, {})
        self.marks = dict(facts.known.marks)
        self.last = dict(facts.known.last)
        self.undone = set(facts.known.undone)
        self.running: set[tuple[str, str | None]] = set()  # lanes that run a message from the parking


def _one(batch: _Batch, candidate: Candidate) -> Admittance:
    said, facts, origin = Admittance(), batch.facts, candidate.origin
    if origin is PARKED:
        _by_standing(batch, candidate, said)
    else:
        if origin is NEW:
            _by_id(batch, candidate, said)
        if facts.ordered and candidate.envelope.key_sequence and candidate.key is not None:
            _by_key_sequence(batch, candidate, said)
        if origin is not COUNTS:
            if facts.ordered and facts.known.parked:
                _by_parking(facts, candidate, said)
            if facts.expired and candidate.envelope.id in facts.expired:
                said.verdict = EXPIRED
            if facts.fatal and candidate.envelope.id in facts.fatal and candidate.step not in batch.undone:
                said.verdict = DUPLICATE
            if origin is not AT_ONCE:
                _mark(batch, candidate, said)
    if said.verdict is FRESH:
        if candidate.business:
            _by_business_key(batch, candidate, said)
        if candidate.envelope.saga is not None and candidate.envelope.kind == "command":
            _by_undone(batch, candidate, said)
    return said


def _by_standing(batch: _Batch, candidate: Candidate, said: Admittance) -> None:
    """Run only parked messages that are still "ready", and those queued behind them in this batch: another worker, or an
    operator, may have settled them meanwhile."""
    said.marked = True
    state, lane = batch.facts.standing.get(candidate.name), (candidate.topic, candidate.key)
    if state == "ready" or (state == "behind" and candidate.key is not None and lane in batch.running):
        batch.running.add(lane)
    else:
        said.verdict = DUPLICATE


def _by_id(batch: _Batch, candidate: Candidate, said: Admittance) -> None:
    entry = said.before = batch.marks.get((batch.facts.consumer, candidate.envelope.id))
    if entry is None:
        return
    if entry.payload_hash != candidate.content_hash:
        said.verdict = CONFLICT
    elif entry.outcome == "dead" and candidate.envelope.saga and candidate.envelope.kind == "command":
        said.marked = True  # the saga still waits for it and sends it again: that asks for another try
    else:
        said.verdict = DUPLICATE


def _by_key_sequence(batch: _Batch, candidate: Candidate, said: Admittance) -> None:
    """Drop messages older than the last number counted of their key; hold those whose predecessor is missing.

    Each number counts in its turn, also that of a dropped copy (its saga sent it again under a new number) or of a
    conflict: else all later messages of the key would wait for it. The first number seen of a key is its base: a group
    may start in the middle. At a gap the last number stays, so that the missing message is still accepted when it comes.
    """
    facts, decided, place, number = batch.facts, batch.decided, candidate.place, candidate.envelope.key_sequence
    before = batch.last.get(place)
    if before is None or number == before + 1:
        if before is None and number > 1:
            decided.bases[place] = number
        decided.counted[place] = batch.last[place] = number
    elif number > before:
        said.ahead = True
        asks_for_parked = said.marked and (candidate.topic, candidate.key) in facts.known.parked
        if said.verdict is FRESH and not asks_for_parked:
            said.verdict = GAP
    elif said.verdict is FRESH:
        said.verdict = STALE
        # Each number from the key's base on was counted, so a repeated one is a copy. A number below the base without a mark
        # was never here.
        base = decided.bases.get(place) or facts.bases.get(place, 1)
        if number < base and not said.marked and candidate.origin is not COUNTS:
            said.verdict = PASSED


def _by_parking(facts: Facts, candidate: Candidate, said: Admittance) -> None:
    """Park the later messages of a key behind a parked one, or they would overtake it."""
    behind = (candidate.topic, candidate.key) in facts.known.parked
    if behind and said.verdict is FRESH and candidate.envelope.id not in facts.overtaking:
        said.verdict = HELD


def _mark(batch: _Batch, candidate: Candidate, said: Admittance) -> None:
    """Mark messages that are handled now, or entered as waiting or dead. A later write may correct the outcome."""
    outcome = "handled" if said.verdict is FRESH else ENTERED.get(said.verdict)
    if outcome is None:
        return
    name = (batch.facts.consumer, candidate.envelope.id)
    if not said.marked:
        row = mark_of(batch.facts.consumer, candidate, batch.now_us, outcome)
        batch.marks[name] = InboxEntry(row.payload_hash, outcome, 0, row.reply)
        batch.decided.marks.append(row)
    elif said.verdict is FRESH:
        batch.marks[name] = batch.marks[name]._replace(outcome=outcome)


def _by_business_key(batch: _Batch, candidate: Candidate, said: Admittance) -> None:
    """Mark (handler, event type, business key); the type is part of the key, or OrderPlaced and OrderConfirmed of one order
    would suppress each other."""
    for consumer, value in candidate.business:
        before = batch.marks.get((consumer, value))
        if before is not None:
            said.repeated[consumer] = before
            continue
        entry = InboxEntry(candidate.content_hash, "handled", batch.now_us, candidate.content)
        batch.marks[consumer, value] = entry
        batch.decided.marks.append(mark_of(consumer, candidate, batch.now_us)._replace(message_id=value))


def _by_undone(batch: _Batch, candidate: Candidate, said: Admittance) -> None:
    """An undo may come before its command, also in one batch. It then refuses the command, or a timed-out charge would land
    after its refund. A repeated undo is answered as before."""
    step = candidate.step
    if step is None:
        return
    if step in batch.undone:
        said.verdict = UNDONE
    elif candidate.is_undo:
        batch.undone.add(step)


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
        candidate.content_hash,
        now_us,
        outcome,
        candidate.content,
    )


def whole_topic(topic: str) -> SequenceKey:
    """The place under which it is stored that a group began a topic again: without source and key."""
    return "", topic, ""


async def begin_anew(session: Session, consumer: str, topic: str) -> None:
    """Forget the numbers of a topic: the next one of each key is its base. From here on this also counts copies of
    messages that the group handled at once: it skips them, and their counted numbers are forgotten now."""
    await session.sequences.forget_in(consumer, topic)
    await session.sequences.base_in(consumer, {whole_topic(topic): 1})
