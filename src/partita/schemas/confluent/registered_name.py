"""The name by which an envelope refers to a schema in a registry: its language, and the id or the guid of the frame.

A program that is not Partita names its schema in a frame alone. The envelope keeps that name in place of the
fingerprint of a writer: `avro:id:7`, `json:guid:89791762-...`. The index path of a message in Protobuf that is not the first of
its file is behind it: `protobuf:id:7:1.0`. A value with a broken frame is named `unframed:`, and stays whole.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from partita.errors import Malformed
from partita.schemas.confluent.framing import SchemaId, schema_of_header, unframed, unindexed

FIRST = (0,)
UNFRAMED = "unframed"
HEADER_SHOWN_BYTES = 40
_IN_HEADER = f"{UNFRAMED}:header:"
_NAME = re.compile(
    r"[a-z]+:(?:id:(\d{1,10})|guid:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}))(?::([0-9.]+))?", re.ASCII
)
_NEEDED = (
    "Avro and Protobuf from other programs need the frame of a schema registry; JSON a content type: application/json."
)


def registered_name(language: str, schema: SchemaId, path: Sequence[int] = FIRST) -> str:
    """The name of a schema of this language, and of the message that is at an index path in it."""
    name = f"{language}:guid:{schema.guid}" if schema.guid is not None else f"{language}:id:{schema.id}"
    return name if tuple(path) == FIRST else f"{name}:{'.'.join(map(str, path))}"


def registered_id(name: str) -> SchemaId | None:
    """The id or the guid in a name; None = it is a fingerprint, or no name at all."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    return SchemaId(guid=found[2]) if found[2] else SchemaId(id=int(found[1]))


def message_path(name: str) -> tuple[int, ...]:
    """The index path of the message that a name means within its schema, outer message first."""
    found = _NAME.fullmatch(name)
    if found is None or not found[3]:
        return FIRST
    return tuple(int(part) for part in found[3].split(".") if part)


def unknown_text(name: str) -> str | None:
    """The words for a schema of this name that is unknown here; None = the name is none of a registry."""
    schema = registered_id(name)
    if schema is None:
        return None
    said = f"guid {schema.guid}" if schema.guid is not None else f"id {schema.id}"
    return f"The registry has no {said}, by which the frame of the value names its schema."


def unframed_name(header: bytes | None) -> str:
    """The name for a value without a usable frame; `header` is the one that should have had it, None = it is before the value."""
    return f"{UNFRAMED}:" if header is None else f"{_IN_HEADER}{header[:HEADER_SHOWN_BYTES].hex()}"


def broken_frame(name: str, data: bytes) -> Malformed:
    """The error that says why a value of such a name has no usable frame."""
    try:
        if name.startswith(_IN_HEADER):
            schema_of_header(bytes.fromhex(name.removeprefix(_IN_HEADER)))
        else:
            unindexed(unframed(data).payload)  # another language would not be here behind a frame
    except Malformed as error:
        return Malformed(f"{error.what} {_NEEDED}")
    except ValueError:
        pass  # the name was made up by another program
    return Malformed(f"The message names no schema by which it can be read. {_NEEDED}")
