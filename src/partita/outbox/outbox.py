"""Outgoing messages of a transaction: composed from their cause, numbered per key, written as outbox rows.

Walk 5: G1, the state and the messages it causes commit together or not at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from partita.catalog.contract import Contract
from partita.catalog.rejection import Rejection, to_struct
from partita.catalog.upcaster import refuse_old
from partita.clock import Ids
from partita.codec.port import Codec
from partita.message import TRACE_OF_CORRELATION, Envelope, Message, SagaAddress, envelope_to_bytes
from partita.size import KEY_BYTES_MAX, KEY_CHARS_SURE, RECORD_BYTES_MAX, is_long, record_over, too_large
from partita.store.outbox import NOT_SENT, SLOTS, OutboxRow
from partita.store.port import Session
from partita.texts.key_hash import slot_of

TRACESTATE = "tracestate"  # W3C: it travels on with the trace context


@dataclass(frozen=True, slots=True)
class Composer:
    """Turns declared messages into envelopes and bytes, with ids that lead back to their cause."""

    source: str
    codec: Codec
    ids: Ids

    def compose(
        self,
        contract: Contract,
        message: Any,
        *,
        kind: str,
        cause: Envelope | None,
        now_us: int,
        cause_key: str | None = None,
        address: SagaAddress | None = None,
        message_id: str | None = None,
    ) -> Message:
        """The message in its final form. Without a cause it begins a new journey.

        Raises:
            MessageTooLarge, Malformed: refused here, in the sender's own transaction. DeclarationError: it is of an old shape,
                which is read and never sent.
        """
        if contract.upcaster is not None:
            refuse_old(contract)
        value = to_struct(message) if isinstance(message, Rejection) else message
        # A refusal has no key of its own: it uses the key of the command it refuses.
        key = cause_key if contract.kind == "refusal" else contract.key_of(message)
        # Before it gets a number: no index would take the key.
        if key is not None and len(key) > KEY_CHARS_SURE and is_long(key, KEY_BYTES_MAX):
            size = len(key.encode(errors="surrogatepass"))
            hint = "A key names one thing: send its id, or a digest."
            raise too_large(f"The key of {contract.full_name}", size, KEY_BYTES_MAX, hint=hint)
        fingerprint, data = self.codec.encode(contract.shape, value)
        message_id = message_id or self.ids.new()
        envelope = Envelope(
            id=message_id,
            source=self.source,
            type=contract.full_name,
            time_us=now_us,
            correlation_id=message_id if cause is None else cause.correlation_id,
            kind=kind,
            causation_id=None if cause is None else cause.id,
            traceparent=TRACE_OF_CORRELATION if cause is None else cause.traceparent,
            schema=fingerprint,
            saga=address,
            extra={} if cause is None or TRACESTATE not in cause.extra else {TRACESTATE: cause.extra[TRACESTATE]},
        )
        return Message(contract.topic, key, envelope, data)


class Leaving:
    """The messages that leave with one transaction: numbered per key when composed, written at its end."""

    def __init__(self, session: Session, now_us: int) -> None:
        self._session = session
        self._now_us = now_us
        self._last: dict[tuple[str, str], int] = {}
        self._rows: list[OutboxRow] = []
        self._kept: list[OutboxRow] = []

    async def expect(self, messages: Sequence[Message]) -> None:
        """Reserve key-sequence numbers; call `number()` once per message."""
        counts = Counter((m.topic, m.key) for m in messages if m.key is not None)
        self._last.update(await self._session.sequences.reserve(counts))

    def number(self, message: Message) -> None:
        """Give a message the next number of its key."""
        if message.key is not None:
            place = (message.topic, message.key)
            message.envelope.key_sequence = self._last[place] = self._last[place] + 1

    def pack(self, message: Message) -> None:
        """Turn a numbered message into a row; its envelope no longer changes.

        Raises:
            MessageTooLarge: with its envelope it is over the limit of any bus.
        """
        envelope = message.envelope
        row = row_of(message, envelope_to_bytes(envelope), self._now_us)
        # A command has one receiver. If that is the sender, which has handled it, no service waits for the row.
        settled = envelope.at_once and envelope.kind == "command"
        if settled:
            self._kept.append(row._replace(slot=NOT_SENT))
        else:
            self._rows.append(row)

    async def write(self, *, queued: bool = False) -> None:
        """Write the messages. `queued`: a relay takes them in any case."""
        if self._kept:
            await self._session.outbox.add(self._kept, queued=False)
        if self._rows and queued:
            await self._session.outbox.add(self._rows)
        elif self._rows:
            await self._session.outbox.leave(self._rows)


async def send(session: Session, messages: Sequence[Message], now_us: int) -> None:
    """Number and write messages that no handled message causes.

    Raises:
        MessageTooLarge: with its envelope one is over the limit of any bus.
    """
    leaving = Leaving(session, now_us)
    await leaving.expect(messages)
    for message in messages:
        leaving.number(message)
        leaving.pack(message)
    await leaving.write(queued=True)


def row_of(message: Message, headers: bytes, now_us: int) -> OutboxRow:
    """A message as a row of the outbox, with its envelope as bytes.

    Raises:
        MessageTooLarge: with its envelope it is over the limit of any bus.
    """
    envelope, key = message.envelope, message.key
    if size := record_over(key, headers, message.value):
        raise too_large(f"{envelope.type} with its envelope", size, RECORD_BYTES_MAX)
    return OutboxRow(
        envelope.id,
        message.topic,
        key,
        envelope.type,
        message.value,
        headers,
        envelope.correlation_id,
        envelope.causation_id,
        slot_of(key if key is not None else envelope.id, SLOTS),
        now_us,
    )


class StoredReply(msgspec.Struct, array_like=True):
    """A reply as it was sent, kept so that a repeated request gets the same answer."""

    type: str
    kind: str
    schema: str
    value: bytes


class Kept(msgspec.Struct, array_like=True):
    """The mark's copy of a message that a later version of its sender may send again: its value, compared by meaning, and
    its answer. `version` is that of its contract; `reply_to` names the pending command of a business key."""

    schema: str
    value: bytes
    reply: StoredReply | None = None
    version: int = 1
    reply_to: str = ""


_encode = msgspec.msgpack.Encoder().encode
_decode_reply = msgspec.msgpack.Decoder(StoredReply).decode
_decode_kept = msgspec.msgpack.Decoder(Kept).decode


def stored(message: Message) -> StoredReply:
    """A sent reply in its kept form."""
    envelope = message.envelope
    return StoredReply(envelope.type, envelope.kind, envelope.schema, message.value)


def reply_to_bytes(message: Message) -> bytes:
    """A sent reply as stored bytes."""
    return _encode(stored(message))


def stored_to_bytes(reply: StoredReply) -> bytes:
    """A reply in its kept form as stored bytes."""
    return _encode(reply)


def reply_from_bytes(data: bytes) -> StoredReply:
    """A kept reply from its stored bytes."""
    return _decode_reply(data)


def kept_to_bytes(kept: Kept) -> bytes:
    """A mark's copy as stored bytes."""
    return _encode(kept)


def kept_from_bytes(data: bytes) -> Kept:
    """A mark's copy from its stored bytes."""
    return _decode_kept(data)
