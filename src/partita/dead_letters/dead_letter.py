"""A dead letter: the message's raw bytes with the cause, the stack and the number of tries.

Walk 13: nothing is dropped silently (G7); what cannot be decoded is kept raw.
"""

from __future__ import annotations

import hashlib

import msgspec

from partita.bus.port import Record
from partita.message import Envelope, envelope_from_bytes
from partita.store.dead_letters import DeadLetter, Failure
from partita.texts.cause import fingerprint, kind_of, stack_of, text_of


def envelope_or_none(record: Record) -> Envelope | None:
    """The envelope of a record, or None if its bytes are not an envelope."""
    try:
        return envelope_from_bytes(record.headers)
    except msgspec.MsgspecError:
        return None


def dead_letter(
    record: Record, consumer: str, error: BaseException, tries: int, letter_id: str, now_us: int
) -> DeadLetter:
    """The dead letter of a record whose handling failed with `error`."""
    envelope = envelope_or_none(record)
    return DeadLetter(
        id=letter_id,
        consumer=consumer,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        message_id=envelope.id if envelope else name_of(record),
        type=envelope.type if envelope else "",
        correlation_id=envelope.correlation_id if envelope else "",
        cause_type=kind_of(error),
        cause=text_of(error),
        stack=stack_of(error),
        fingerprint=fingerprint(error),
        attempts=tries,
        headers=record.headers,
        value=record.value,
        at_us=now_us,
    )


def name_of(record: Record) -> str:
    """The name of a record without an id: its place and its bytes, since a new log gives the same places to
    other records."""
    digest = hashlib.sha256(record.headers + b"\0" + record.value).hexdigest()[:12]
    return f"{record.topic}[{record.partition}]@{record.offset}#{digest}"


def failure(consumer: str, message_id: str, stage: str, tries: int, error: BaseException, now_us: int) -> Failure:
    """The stored description of one stage of trying."""
    cause = text_of(error)
    return Failure(consumer, message_id, now_us, stage, tries, kind_of(error), cause, fingerprint(error))
