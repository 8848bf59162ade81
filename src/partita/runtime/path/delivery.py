"""A delivery: one message on its way through the pipeline, from the bus or from this process's own door."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, cast

import msgspec

from partita.bus.port import Record
from partita.catalog.catalog import Interest
from partita.catalog.contract import Contract, version_in
from partita.catalog.fault import Failed, Fault, FaultContract, FaultRecord
from partita.catalog.rejection import Rejection, from_struct
from partita.codec.port import Codec
from partita.dead_letters.dead_letter import name_of
from partita.errors import Malformed, UnknownSchema
from partita.message import Envelope, Message, SagaAddress, envelope_from_bytes, is_users_key
from partita.runtime.path.upcasting import upcast
from partita.size import KEY_BYTES_MAX, KEY_CHARS_SURE, is_long
from partita.store.parking import ParkedRow
from partita.texts.cause import kind_of


class Delivery(msgspec.Struct, eq=False):
    """A message as one service receives it. `record` is None at the local door, `interest` None for a message
    that only counts in its key's sequence, `broken` is the error of bytes that cannot be decoded, `settled` = this service
    handled it when it sent it, `parked` is its row if it comes from the parking, `repeatable` = its sender chose its id
    and may send it again."""

    envelope: Envelope | None
    topic: str
    key: str | None
    value: bytes
    record: Record | None = None
    interest: Interest | None = None
    message: Any = None
    broken: BaseException | None = None
    settled: bool = False
    tries: int = 0
    parked: ParkedRow | None = None
    repeatable: bool = False
    answer: asyncio.Future[Any] | None = None

    @property
    def name(self) -> str:
        """The message's id, or its replacement in the parking and among the dead letters."""
        if self.parked is not None:
            return self.parked.message_id
        if self.envelope is not None:
            return self.envelope.id
        assert self.record is not None
        return name_of(self.record)

    @property
    def version(self) -> int:
        """The version of the contract that wrote it."""
        if self.interest is not None:
            return self.interest.written.version
        return version_in(self.envelope.type)[1] if self.envelope is not None else 1

    @property
    def lane(self) -> tuple[str, str] | None:
        """The scope of order: (topic, key); None = no order."""
        return None if self.key is None else (self.topic, self.key)


class Output(msgspec.Struct, eq=False):
    """A message to leave with the transaction that handled `cause`. `again` is a message of before, under a new id: it leaves
    in its own bytes, and `message` is None."""

    contract: Contract
    message: Any
    kind: str
    cause: Delivery
    address: SagaAddress | None = None
    message_id: str | None = None
    again: Message | None = None


class Handling(msgspec.Struct, eq=False):
    """The result of one handled delivery: outgoing messages, declared and composed, the outcome for its inbox mark, the
    answer."""

    delivery: Delivery
    outputs: list[Output] = []
    sent: list[Message] = []
    outcome: str = "handled"
    reply: Any = None


def record_of(row: ParkedRow) -> Record:
    """The record of a parked message."""
    return Record(row.topic, row.partition, row.offset, row.key, row.headers, row.value, row.appended_us)


def decode(record: Record, interests: Mapping[str, Interest], codec: Codec, source: str) -> Delivery:
    """A record as a delivery for the service whose database is `source`; never raises because of the bytes: `broken` has
    the error."""
    delivery = Delivery(None, record.topic, record.key, record.value, record)
    try:
        envelope = delivery.envelope = envelope_from_bytes(record.headers)
    except msgspec.MsgspecError as error:
        delivery.broken = Malformed(f"The headers are no envelope: {error}")
        return delivery
    if record.key is not None and len(record.key) > KEY_CHARS_SURE and is_long(record.key, KEY_BYTES_MAX):
        delivery.broken = Malformed(f"Its key has more than {KEY_BYTES_MAX:,} bytes: {record.key[:80]!r}...")
        delivery.key, delivery.record = None, record._replace(key=None)  # no index of the parking would take it
        return delivery
    if envelope.at_once and envelope.source == source:
        # A database restored from a backup has another source: it has handled none of this.
        delivery.settled = True
        return delivery
    interest = interests.get(envelope.type)
    if interest is None:
        return delivery
    delivery.interest = interest
    if envelope.kind == "command" and envelope.saga is None:
        delivery.repeatable = is_users_key(envelope.id)
    try:
        delivery.message = decode_value(interest.written, envelope.schema, record.value, codec)
    except (Malformed, UnknownSchema, MemoryError) as error:
        if isinstance(error, MemoryError):
            raise  # an error of the machine, and of no message
        delivery.broken = error
    except BaseException as error:
        # The user's own class is instantiated here, and its `__post_init__` may raise anything.
        delivery.broken = Malformed(f"{envelope.type} cannot be made of its bytes: {kind_of(error)}.")
        delivery.broken.__cause__ = error
    return delivery


def decode_value(contract: Contract, fingerprint: str, value: bytes, codec: Codec) -> Any:
    """A message's value as an instance of the class that its contract declares, and of the newest version of an old shape.

    Raises:
        Malformed, UnknownSchema: see the codec. UpcastFailed: see `upcast`.
    """
    decoded = codec.decode(contract.shape, fingerprint, value)
    if contract.is_read_as_it_is:
        return decoded
    if isinstance(contract, FaultContract):
        return _fault(contract, cast(FaultRecord, decoded), codec)
    message = from_struct(contract.cls, decoded) if issubclass(contract.cls, Rejection) else decoded
    return upcast(contract, message, codec)


def _fault(contract: FaultContract, told: FaultRecord, codec: Codec) -> Fault[Any]:
    try:
        message = None if told.value is None else decode_value(contract.of, told.schema, told.value, codec)
    except Malformed:
        message = None  # it failed for this very reason; handlers of faults still want to know
    return Fault(message=message, **{name: getattr(told, name) for name in Failed.__struct_fields__})
