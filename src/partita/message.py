"""A message on the wire: the envelope with its CloudEvents attributes, and the bytes of its value."""

from __future__ import annotations

from typing import Annotated

import msgspec

from partita.size import over

Json = dict[str, str]
Number = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""The range that every store can keep; a foreign envelope with more is not an envelope."""


class SagaAddress(msgspec.Struct, frozen=True, array_like=True):
    """The saga and the step that a command serves; the participant echoes it on the reply."""

    saga: str
    saga_id: str
    step: str
    epoch: Number
    kind: str  # "do", "undo", "ask", "timer" or "withdraw"

    @property
    def is_effect(self) -> bool:
        """Whether the command makes, undoes or withdraws the effect of the step; a question and a reminder do none of it, so no
        undo concerns them."""
        return self.kind in ("do", "undo", "withdraw")


VERSION = 1
"""The version of the envelope's bytes. It stays when a field is added at the end that older programs may ignore."""


class Envelope(msgspec.Struct, array_like=True, tag_field="version", tag=VERSION):
    """The attributes of a message: CloudEvents 1.0 (id, source, type, time) with its correlation extensions.

    `time_us` is microseconds since 1970 UTC. `key_sequence` is the dense number of this message among
    those of (source, topic, key), written in the transaction that wrote the message; 0 = unkeyed. `at_once` says
    that the service that sent it has handled it too, in that very transaction.
    `schema` is the fingerprint of the schema that wrote the value. `kind` is event, command, reply or refusal.
    `traceparent` is empty in nearly all messages: they are in the trace that their correlation names (`trace_of`).
    """

    id: str
    source: str
    type: str
    time_us: Number
    correlation_id: str
    kind: str = "event"
    causation_id: str | None = None
    traceparent: str | None = None
    schema: str = ""
    saga: SagaAddress | None = None
    at_once: bool = False
    extra: Json = {}
    key_sequence: Number = 0


class _NamedEnvelope(Envelope, array_like=False, tag=False):
    """The first form of the bytes: a map by the names of the fields, without a version."""


class _Versioned(msgspec.Struct, array_like=True):
    """The version of an envelope of any version."""

    version: int


class Message(msgspec.Struct):
    """A message ready to leave or just received: its topic, its key, its envelope, its encoded value."""

    topic: str
    key: str | None
    envelope: Envelope
    value: bytes


def born_us(message_id: str) -> int | None:
    """The time when an id was made, in microseconds since 1970 UTC, if the id contains it: ours do (UUID version 7)."""
    if len(message_id) != 36 or message_id[14] != "7":
        return None
    try:
        return int(message_id[:8] + message_id[9:13], 16) * 1_000
    except ValueError:
        return None


def is_users_key(message_id: str) -> bool:
    """Whether what is marked was named by a user, so that it says nothing of its age: an idempotency key (`id_of` in
    runtime/path/door.py, UUID version 8) or a business key ("type#value", runtime/path/admission.py)."""
    return "#" in message_id or (len(message_id) == 36 and message_id[14] == "8" and message_id[19] == "a")


BYTES_MAX = {"id": 500, "source": 300, "correlation_id": 1_000, "saga": 2_600}
"""The sizes that PostgreSQL can index (a third of a page) beside the other columns: a key of the largest size with the
source. An insert that failed by it would count against no message, and be run again for ever."""
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Envelope).decode
_decode_named = msgspec.msgpack.Decoder(_NamedEnvelope).decode
_decode_version = msgspec.msgpack.Decoder(_Versioned).decode
_MAPS = frozenset(bytes([first]) for first in (*range(0x80, 0x90), 0xDE, 0xDF))
"""The first byte of a map in msgpack."""


def envelope_to_bytes(envelope: Envelope) -> bytes:
    """The envelope as compact bytes, as the outbox and the logs keep it: its version, and its fields in their order."""
    return _encode(envelope)


TRACE_OF_CORRELATION = ""


def trace_of(envelope: Envelope) -> str | None:
    """The W3C trace context of a message; None = it came without one."""
    trace = envelope.traceparent
    return first_trace(envelope.correlation_id) if trace == TRACE_OF_CORRELATION else trace


def first_trace(message_id: str) -> str:
    """The W3C trace context of a message without a cause, and of all that it causes: its id, a UUID, names the trace."""
    trace = message_id.replace("-", "")
    return f"00-{trace}-{trace[16:]}-01"


_NUMBER_MAX = 2**63 - 1


def unnumbered_headers(envelope: Envelope) -> tuple[bytes, int]:
    """The envelope of a keyed message without its number yet, and the place of the number's eight bytes.

    A database that numbers the key in the statement that writes the row puts them there itself: one round trip.
    """
    envelope.key_sequence = _NUMBER_MAX  # it takes eight bytes, and its field is the last one
    data = _encode(envelope)
    return data, len(data) - 8


def numbered_headers(headers: bytes, hole: int, number: int) -> bytes:
    """Headers with the number in its place."""
    return headers[:hole] + number.to_bytes(8, "big") + headers[hole + 8 :]


def envelope_from_bytes(data: bytes) -> Envelope:
    """The envelope from its bytes.

    Raises:
        msgspec.MsgspecError: the bytes are no envelope, or one of a newer version, or one whose texts fit no index.
    """
    try:
        envelope = _of_names(data) if data[:1] in _MAPS else _decode(data)
    except RecursionError as error:  # a header of another program, nested without end
        raise msgspec.DecodeError("its headers are nested too deep") from error
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(f"one of its texts is no UTF-8: {error.reason}") from error
    except msgspec.ValidationError as error:
        _check_version(data)
        raise error
    if len(data) > _FREE_BYTES and not _is_short(envelope):
        _check_lengths(envelope)
    return envelope


def _of_names(data: bytes) -> Envelope:
    return Envelope(**msgspec.structs.asdict(_decode_named(data)))


def _check_version(data: bytes) -> None:
    """Say of an envelope of a newer version that its reader is too old for it: a message that is well must not look broken."""
    try:
        version = _decode_version(data).version
    except (msgspec.MsgspecError, RecursionError):
        return
    if version > VERSION:
        raise msgspec.ValidationError(
            f"it has version {version} of the envelope and this program reads {VERSION}: update Partita here, then replay it"
        )


_FREE_BYTES = min(BYTES_MAX.values())
# A character has four bytes at most.
_ID, _SOURCE, _CORRELATION_ID, _SAGA = (BYTES_MAX[name] // 4 for name in ("id", "source", "correlation_id", "saga"))


def _is_short(envelope: Envelope) -> bool:
    """Whether its texts are within their limits whatever their characters are; nearly all are, and are not encoded."""
    saga = envelope.saga
    return (
        len(envelope.id) <= _ID
        and len(envelope.source) <= _SOURCE
        and len(envelope.correlation_id) <= _CORRELATION_ID
        and (saga is None or len(saga.saga) + len(saga.saga_id) + len(saga.step) + 2 <= _SAGA)
    )


def _check_lengths(envelope: Envelope) -> None:
    saga = envelope.saga
    texts = {
        "id": envelope.id,
        "source": envelope.source,
        "correlation_id": envelope.correlation_id,
        "saga": "" if saga is None else f"{saga.saga}/{saga.saga_id}/{saga.step}",
    }
    for name, text in texts.items():
        size = len(text.encode(errors="surrogatepass"))
        if size > BYTES_MAX[name]:
            raise msgspec.ValidationError(f"its {name} has {over(size, BYTES_MAX[name])}")
