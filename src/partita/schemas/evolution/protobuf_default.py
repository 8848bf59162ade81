"""The default of a field in Protobuf: the value that a reader takes where the bytes have none."""

from __future__ import annotations

from partita.schemas.evolution.protobuf_types import Types
from partita.schemas.protobuf.proto_file import ProtoEnum, ProtoField

_REAL = ("double", "float")
_TEXT = ("string", "bytes")


def default_of(field: ProtoField, types: Types) -> str | float | int:
    """The default of a single value that is no message, in a form in which equal values are equal: an enum's is its number."""
    written = dict(field.options).get("default")
    found = types.of(field.type)
    if found is not None and isinstance(found.type, ProtoEnum):
        values = dict(found.type.values)
        # An open enum begins at 0; a closed one at its first value.
        first = found.type.values[0][1]
        return values.get(written, first) if written is not None else first
    if field.type in _TEXT:
        return written if written is not None else '""'
    if field.type == "bool":
        return int(written == "true")
    if written is None:
        return 0
    return _number(written, is_real=field.type in _REAL)


def _number(text: str, *, is_real: bool) -> str | float | int:
    try:
        return float(text) if is_real or "." in text or "e" in text else int(text)
    except ValueError:
        return text  # as `nan`, which is not equal to itself as a number
