"""Frames: the bytes before a value, or a header beside it, that name its schema in a registry. Pure functions.

- v0: `0x00` and the id, 4 bytes, big-endian.
- v1: `0x01` and the guid, 16 bytes.
- header mode: the same bytes are in the header `__value_schema_id` (`__key_schema_id`), the value has no frame.

A value in Protobuf begins with its message's index path within the schema, behind the frame. A header or the configuration says
that there is a frame; the first byte does not: bare Avro may begin with 0x00.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import NamedTuple

from partita.errors import Malformed

VALUE_HEADER = "__value_schema_id"
KEY_HEADER = "__key_schema_id"
ID_MAX = 2**31 - 1
DEPTH_MAX = 100
INDEX_MAX = 2**31 - 1
_ID_MAGIC, _GUID_MAGIC = 0, 1


class SchemaId(NamedTuple):
    """The name of a schema in a frame: an id of one registry, or a guid, which registries agree on."""

    id: int | None = None
    guid: str | None = None


class Framed(NamedTuple):
    """A value without its frame."""

    schema: SchemaId
    payload: bytes


class Indexed(NamedTuple):
    """A value in Protobuf without its index path: the message's place in the schema, outer message first."""

    path: tuple[int, ...]
    payload: bytes


def framed(number: int, payload: bytes) -> bytes:
    """A value behind a frame of v0."""
    return frame_of(SchemaId(id=number)) + payload


def frame_of(schema: SchemaId) -> bytes:
    """The bytes of a frame, which in header mode are the header.

    Raises:
        ValueError: the id or the guid can be none.
    """
    if schema.guid is not None:
        return bytes([_GUID_MAGIC]) + uuid.UUID(schema.guid).bytes
    if schema.id is None or not 0 <= schema.id <= ID_MAX:
        raise ValueError(f"{schema.id} is no id of a schema")
    return bytes([_ID_MAGIC]) + schema.id.to_bytes(4, "big")


def unframed(data: bytes) -> Framed:
    """A value and the name of its schema, of v0 or v1.

    Raises:
        Malformed: there is no frame, or a part of one.
    """
    if not data:
        raise Malformed("An empty value has no frame: a schema id is expected before it.")
    size = {_ID_MAGIC: 5, _GUID_MAGIC: 17}.get(data[0])
    if size is None:
        raise Malformed(
            f"The first byte 0x{data[0]:02x} begins no frame: 0x00 and an id, or 0x01 and a guid, are expected.",
            hint="Was the value written without a registry? Then its reader must not expect a frame.",
        )
    if len(data) < size:
        raise Malformed(f"The frame ends after {len(data)} of {size} bytes.")
    if size == 17:
        return Framed(SchemaId(guid=str(uuid.UUID(bytes=data[1:17]))), data[17:])
    number = int.from_bytes(data[1:5], "big")
    if number > ID_MAX:
        raise Malformed(f"The frame has the id {number}, and ids end at {ID_MAX}.")
    return Framed(SchemaId(id=number), data[5:])


def schema_of_header(header: bytes) -> SchemaId:
    """The name of a schema in a header.

    Raises:
        Malformed: the header has another length or another first byte.
    """
    found = unframed(header)
    if found.payload:
        raise Malformed(f"The header with the schema's id has {len(found.payload)} bytes more than an id.")
    return found.schema


def message_of_header(header: bytes) -> tuple[SchemaId, tuple[int, ...]]:
    """The name of a schema in Protobuf in a header, and the index path of the message, which is behind it there.

    Raises:
        Malformed: the header has another first byte, or ends too early or too late.
    """
    found = unframed(header)
    path, rest = unindexed(found.payload)
    if rest:
        raise Malformed(f"The header with the schema's id has {len(rest)} bytes more than an id and an index path.")
    return found.schema, path


def indexed(path: Sequence[int], payload: bytes) -> bytes:
    """A value in Protobuf behind its index path. The path of the first message is one zero byte.

    Raises:
        ValueError: the path is empty, or has a number that is no index.
    """
    if not path or len(path) > DEPTH_MAX or not all(0 <= index <= INDEX_MAX for index in path):
        raise ValueError(f"{list(path)[:10]} is no index path of a message")
    if list(path) == [0]:
        return b"\x00" + payload
    return _zigzag(len(path)) + b"".join(map(_zigzag, path)) + payload


def unindexed(data: bytes) -> Indexed:
    """A value in Protobuf and its index path.

    Raises:
        Malformed: the path ends too early, or has numbers that are no indexes.
    """
    count, place = _unzigzag(data, 0)
    if count == 0:
        return Indexed((0,), data[place:])
    if not 0 < count <= DEPTH_MAX:
        raise Malformed(f"The index path has {count} parts: 1 to {DEPTH_MAX} are possible.")
    path = []
    for _ in range(count):
        index, place = _unzigzag(data, place)
        if not 0 <= index <= INDEX_MAX:
            raise Malformed(f"The index path has the part {index}, which is no index.")
        path.append(index)
    return Indexed(tuple(path), data[place:])


def _zigzag(number: int) -> bytes:
    """A number from 0 on as a zigzag varint."""
    left, found = number << 1, bytearray()
    while left > 0x7F:
        found.append(left & 0x7F | 0x80)
        left >>= 7
    found.append(left)
    return bytes(found)


def _unzigzag(data: bytes, place: int) -> tuple[int, int]:
    """The number at a place, and the place behind it."""
    found = 0
    for count in range(5):
        if place >= len(data):
            raise Malformed("The index path ends within a number.")
        byte = data[place]
        place += 1
        found |= (byte & 0x7F) << 7 * count
        if byte < 0x80:
            return (found >> 1) ^ -(found & 1), place
    raise Malformed("A number of the index path has more than five bytes.")
