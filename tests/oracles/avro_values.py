"""Random values of Avro types, their bytes, and the values that a reader makes of them."""

from __future__ import annotations

import random
import struct
from collections.abc import Mapping
from typing import Any

from partita.schemas.evolution.avro_schema import AvroType, Field

PROMOTED = {
    ("int", "long"),
    ("int", "float"),
    ("int", "double"),
    ("long", "float"),
    ("long", "double"),
    ("float", "double"),
    ("string", "bytes"),
    ("bytes", "string"),
}


def some_value(kind: AvroType, dice: random.Random, depth: int = 0) -> Any:
    """A value of a type. That of a union is `(branch, value)`."""
    match kind.kind:
        case "null":
            return None
        case "boolean":
            return dice.random() < 0.5
        case "int":
            return dice.choice((0, -1, 7, 2**31 - 1, -(2**31)))
        case "long":
            return dice.choice((0, -1, 7, 2**40, 2**63 - 1))
        case "float" | "double":
            return dice.choice((0.0, -1.5, 1024.0))
        case "bytes":
            # Each of them is text, too: bytes are promoted to a string.
            return dice.choice((b"", b"a", "\u00e9".encode()))
        case "string":
            return dice.choice(("", "a", "\u00e9\u20ac"))
        case "fixed":
            return dice.randbytes(kind.size)
        case "enum":
            return dice.choice(kind.symbols)
        case "array":
            return [some_value(kind.within[0], dice, depth + 1) for _ in range(0 if depth > 6 else dice.randint(0, 2))]
        case "map":
            return {
                str(n): some_value(kind.within[0], dice, depth + 1)
                for n in range(0 if depth > 6 else dice.randint(0, 2))
            }
        case "union":
            branches = [branch for branch in kind.within if depth < 6 or branch.kind == "null"] or kind.within
            branch = dice.choice(branches)
            return (branch, some_value(branch, dice, depth + 1))
    return {field.name: some_value(field.type, dice, depth + 1) for field in kind.fields}


def encoded(kind: AvroType, value: Any) -> bytes:
    """The bytes of a value."""
    match kind.kind:
        case "null":
            return b""
        case "boolean":
            return bytes([value])
        case "int" | "long":
            return _zigzag(value)
        case "float":
            return struct.pack("<f", value)
        case "double":
            return struct.pack("<d", value)
        case "bytes":
            return _zigzag(len(value)) + value
        case "string":
            return encoded(AvroType("bytes"), value.encode())
        case "fixed":
            return bytes(value)
        case "enum":
            return _zigzag(kind.symbols.index(value))
        case "array":
            items = b"".join(encoded(kind.within[0], item) for item in value)
            return (_zigzag(len(value)) + items if value else b"") + b"\0"
        case "map":
            text = AvroType("string")
            items = b"".join(encoded(text, key) + encoded(kind.within[0], item) for key, item in value.items())
            return (_zigzag(len(value)) + items if value else b"") + b"\0"
        case "union":
            return _zigzag(kind.within.index(value[0])) + encoded(*value)
    return b"".join(encoded(field.type, value[field.name]) for field in kind.fields)


def _zigzag(number: int) -> bytes:
    left = (number << 1) ^ (number >> 63)
    found = bytearray()
    while left > 0x7F:
        found.append(left & 0x7F | 0x80)
        left >>= 7
    return bytes([*found, left])


def bare(value: Any) -> Any:
    """A value without the branches of its unions, as readers give it."""
    match value:
        case (AvroType(), inner):
            return bare(inner)
        case dict():
            return {key: bare(inner) for key, inner in value.items()}
        case list():
            return [bare(inner) for inner in value]
    return value


Defaults = Mapping[tuple[str, str], Any]


def defaults_of(schema: Any) -> dict[tuple[str, str], Any]:
    """The defaults of a schema's fields, by the short names of record and field."""
    if isinstance(schema, list):
        return {key: value for branch in schema for key, value in defaults_of(branch).items()}
    if not isinstance(schema, dict):
        return {}
    found = {(schema.get("name", ""), f["name"]): f["default"] for f in schema.get("fields", ()) if "default" in f}
    for inner in (schema.get("items"), schema.get("values"), *(f["type"] for f in schema.get("fields", ()))):
        found |= defaults_of(inner)
    return found


def as_read(value: Any, writer: AvroType, reader: AvroType, defaults: Defaults) -> Any:
    """The value that a reader makes of another, by the text of the specification."""
    if writer.kind == "union":
        return as_read(value[1], value[0], reader, defaults)
    if reader.kind == "union":
        alike = [b for b in reader.within if _matches(writer, b, exactly=True)]
        alike += [b for b in reader.within if _matches(writer, b, exactly=False)]
        return as_read(value, writer, alike[0], defaults)
    match reader.kind:
        case "long":
            return value
        case "float":
            return struct.unpack("<f", struct.pack("<f", value))[0]
        case "double":
            return float(value)
        case "bytes" if writer.kind == "string":
            return value.encode()
        case "string" if writer.kind == "bytes":
            return value.decode()
        case "enum":
            return value if value in reader.symbols else reader.default
        case "array":
            return [as_read(item, writer.within[0], reader.within[0], defaults) for item in value]
        case "map":
            return {key: as_read(item, writer.within[0], reader.within[0], defaults) for key, item in value.items()}
        case "record":
            return {field.name: _field_as_read(value, field, writer, reader, defaults) for field in reader.fields}
    return value


def _field_as_read(value: Any, field: Field, writer: AvroType, reader: AvroType, defaults: Defaults) -> Any:
    for source in writer.fields:
        if source.name in (field.name, *field.aliases):
            return as_read(value[source.name], source.type, field.type, defaults)
    default = defaults[reader.short_name, field.name]
    return default.encode("latin-1") if field.type.kind == "bytes" else default


def _matches(writer: AvroType, reader: AvroType, *, exactly: bool) -> bool:
    if writer.kind != reader.kind:
        return not exactly and (writer.kind, reader.kind) in PROMOTED
    if not writer.name:
        return True
    return writer.short_name == reader.short_name or writer.name in reader.aliases
