"""`Intake`: events of other programs, taken into the outbox of a service.

The event and the mark of its source and id commit in one transaction. A crash before the commit leaves nothing, and the sender
tries again; after it the mark answers the next try. From there the event is one of the service's own: numbered in its key, sent
by its relay, read by its subscribers. Its id keeps the foreign source, so it is the same event whichever way it comes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from partita.catalog.contract import Contract
from partita.clock import Clock, Ids
from partita.cloudevents.attributes import envelope_of
from partita.cloudevents.cloud_event import CloudEvent
from partita.cloudevents.media_type import JSON_SCHEMA, is_json
from partita.codec.learning import FindSchema, learn_writer
from partita.codec.port import Codec
from partita.errors import Conflict, Malformed, PartitaError, UnknownSchema
from partita.idempotency.inbox import payload_hash
from partita.message import Message, envelope_from_bytes, envelope_to_bytes, first_trace
from partita.outbox.outbox import Composer, send
from partita.runtime.path.after_conflict import run_again
from partita.runtime.path.delivery import decode_value
from partita.runtime.path.door import id_of
from partita.store.inbox import InboxRow
from partita.store.port import Session, Store
from partita.texts.cause import kind_of

CONSUMER = "http ingress"
"""The consumer of the marks; the space keeps it apart from the names of services."""
_TRACE = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\Z", re.ASCII)


class Arrived(NamedTuple):
    """An event that can be kept: its message, still without source and number, and its marks with the hashes of their contents.
    The first is the mark of its source and id."""

    message: Message
    marks: tuple[tuple[str, str], ...]


class Taken(NamedTuple):
    """How many events were new, and how many were kept before."""

    new: int
    repeated: int


class Intake:
    """Takes events of the types in `takes` for one service."""

    def __init__(
        self,
        service: str,
        takes: Mapping[str, Contract],
        store: Store,
        codec: Codec,
        find_schema: FindSchema,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._service = service
        self._takes = takes
        self._store = store
        self._codec = codec
        self._find_schema = find_schema
        self._clock = clock
        self._ids = ids

    async def read(self, event: CloudEvent, signature: str = "") -> Arrived:
        """An event whose attributes are checked and whose type is taken, as a message of the service.

        `signature` is that of its request if it covers the data alone: it gets a mark too, so that a captured request brings no
        other event.

        Raises:
            Malformed: its data is no value of its class, or an attribute is too long. MessageTooLarge.
            UnknownSchema: its data is in a form that is not read here.
        """
        # Attributes of ours from elsewhere say nothing: the event would be taken for a message of Partita.
        foreign = {name: text for name, text in event.attributes.items() if not name.startswith("partita")}
        contract = self._takes[foreign["type"]]
        schema, data = _form(event)
        value = await self._value(contract, schema, data)
        key = _key_of_refusal(contract, foreign)
        composer = Composer(self._store.source, self._codec, self._ids)
        # An event of an old version was upcast: it leaves as one of the newest.
        now_us = self._clock.now_us()
        message = composer.compose(contract.newest, value, kind="event", cause=None, now_us=now_us, cause_key=key)
        if message.key is not None and "\0" in message.key:  # no PostgreSQL keeps it
            raise Malformed(f"The key of {contract.full_name} has the character U+0000.", hint="A key is plain text.")
        envelope = message.envelope
        told = envelope_of(foreign, now_us)
        assert told is not None  # its attributes are checked
        envelope.id, envelope.time_us, envelope.extra = told.id, told.time_us, told.extra
        envelope.correlation_id, envelope.causation_id = told.correlation_id, told.causation_id
        trace = told.traceparent
        envelope.traceparent = trace if trace is not None and _TRACE.match(trace) else first_trace(self._ids.new())
        try:
            envelope_from_bytes(envelope_to_bytes(envelope))
        except msgspec.MsgspecError as error:
            raise Malformed(f"An attribute fits no index: {error}.", hint="Send a shorter one.") from error
        marks = [(id_of(self._service, CONSUMER, told.id), payload_hash(told.type, _comparable(schema, data)))]
        if signature:
            marks.append(
                (id_of(self._service, f"{CONSUMER} signed", signature), payload_hash(told.type, told.id.encode()))
            )
        return Arrived(message, tuple(marks))

    async def keep(self, arrived: Sequence[Arrived]) -> Taken:
        """Keep these events in one transaction, each of them once; when it returns they are durable.

        Raises:
            Conflict: one came before with another content; none was kept.
            StoreUnavailable: unknown whether they were kept. Sent again they are known, or kept then.
        """
        return await run_again(self._clock, lambda: self._kept(arrived))

    async def _kept(self, arrived: Sequence[Arrived]) -> Taken:
        now_us = await self._store.now_us()
        # The source is read here: a restored database has another one since it was opened.
        source = self._store.source
        async with self._store.transaction() as session:
            new, rows = await _unknown_of(session, arrived, now_us)
            if rows:
                await session.inbox.mark(rows)
            if new:
                for message in new:
                    message.envelope.source = source
                await send(session, new, now_us)
        return Taken(len(new), len(arrived) - len(new))

    async def _value(self, contract: Contract, schema: str, data: bytes) -> Any:
        try:
            return self._decoded(contract, schema, data)
        except UnknownSchema:
            if not await learn_writer(self._codec, self._find_schema, schema):
                raise
        return self._decoded(contract, schema, data)

    def _decoded(self, contract: Contract, schema: str, data: bytes) -> Any:
        try:
            return decode_value(contract, schema, data, self._codec)
        except (PartitaError, MemoryError):
            raise
        except Exception as error:
            # The user's own class is instantiated here, and its `__post_init__` may raise anything.
            raise Malformed(f"{contract.full_name} cannot be made of its data: {kind_of(error)}.") from error


def _key_of_refusal(contract: Contract, attributes: Mapping[str, str]) -> str | None:
    """The key of the command that a refusal answers; None = it is no refusal.

    Raises:
        Malformed: the refusal does not say it, so no saga would find it.
    """
    if contract.kind != "refusal":
        return None
    key = attributes.get("partitionkey")
    if not key:
        raise Malformed(
            f"{contract.full_name} has no partitionkey: a refusal has that of the command which it answers."
        )
    return key


def _form(event: CloudEvent) -> tuple[str, bytes]:
    """The schema and the bytes of an event's data. Without a content type it is read as JSON; no data is an empty object.

    Raises:
        UnknownSchema: it is neither JSON, nor is the schema named that wrote it.
    """
    schema = event.attributes.get("partitaschema", "")
    content_type = event.attributes.get("datacontenttype", "")
    if schema:
        return schema, event.data
    if content_type and not is_json(content_type):
        raise UnknownSchema(
            f"Data in {content_type:.100} is not read here: send application/json, or name its partitaschema.",
            schema="",
        )
    return JSON_SCHEMA, event.data or b"{}"


def _comparable(schema: str, data: bytes) -> bytes:
    """The data in a form that is equal for equal contents: a sender that tries again may write the fields of JSON in another
    order, or in another mode."""
    return data if schema != JSON_SCHEMA else msgspec.json.encode(msgspec.json.decode(data), order="deterministic")


async def _unknown_of(
    session: Session, arrived: Sequence[Arrived], now_us: int
) -> tuple[list[Message], list[InboxRow]]:
    """The events that were not kept before, and the marks to write.

    Raises:
        Conflict: one was, with another content.
    """
    seen = await session.inbox.seen(CONSUMER, [name for each in arrived for name, _ in each.marks])
    hashes = {name: entry.payload_hash for name, entry in seen.items()}
    new: list[Message] = []
    rows: list[InboxRow] = []
    for each in arrived:
        for number, (name, content_hash) in enumerate(each.marks):
            before = hashes.get(name)
            if before is None:
                hashes[name] = content_hash
                rows.append(_row(each.message, name, content_hash, now_us))
                if number == 0:
                    new.append(each.message)
            elif before != content_hash:
                source, _, event_id = each.message.envelope.id.partition(" ")
                what = "under this signature, with other attributes" if number else "with another type or other data"
                raise Conflict(
                    f"The event {event_id} of {source} came before {what}.",
                    hint="An event is known by its source and id: another event has another id.",
                )
    return new, rows


def _row(message: Message, name: str, content_hash: str, now_us: int) -> InboxRow:
    envelope = message.envelope
    ids = envelope.correlation_id, envelope.causation_id
    return InboxRow(CONSUMER, name, envelope.type, message.key, *ids, content_hash, now_us, "handled")
