"""The inbox: messages as they ask to be admitted, and the marks that make them happen once."""

from __future__ import annotations

import hashlib
from enum import Enum

import msgspec

from partita.message import Envelope
from partita.store.port import InboxRow, Session

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


class Origin(Enum):
    """Where a message comes from, which decides what its group may know of it."""

    NEW = "new"  # its id may have been here before
    MADE = "made"  # its id was made here for it just now: nobody has used it, and no mark can be there
    AT_ONCE = "at once"  # made here, and its envelope says that it is handled at once: it needs no mark
    PARKED = "parked"  # it comes out of the parking: its mark was written when it was parked
    COUNTS = "counts"  # nobody here handles it: only its number of the key counts


class Candidate(msgspec.Struct, eq=False):
    """A message that asks to be admitted. `business` is (consumer, "type#value") for each handler that dedupes by a field,
    `content` what its mark keeps of it where it may come again in other bytes."""

    envelope: Envelope
    topic: str
    key: str | None
    value: bytes
    origin: Origin = Origin.NEW
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
    def place(self) -> Place:
        """Where its number is kept."""
        return self.envelope.source, self.topic, self.key or ""

    @property
    def step(self) -> tuple[str, str, str] | None:
        """(saga, saga id, step) that it does or undoes."""
        address = self.envelope.saga
        if address is None or self.envelope.kind != "command" or address.kind == "ask":
            return None
        return address.saga, address.saga_id, address.step

    @property
    def is_undo(self) -> bool:
        """Whether it undoes a step of a saga."""
        return self.step is not None and self.envelope.saga is not None and self.envelope.saga.kind == "undo"

    @property
    def content_hash(self) -> str:
        """Tells its content from another under the same id; once asked it is kept."""
        if not self.known_hash:
            self.known_hash = payload_hash(self.envelope.type, self.value)
        return self.known_hash


def payload_hash(type_name: str, value: bytes) -> str:
    """16 hex digits that tell one content from another under the same id."""
    return hashlib.blake2b(value, digest_size=8, key=type_name.encode()[-64:]).hexdigest()


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
