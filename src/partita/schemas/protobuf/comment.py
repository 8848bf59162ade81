"""The comment of a field: its description, then the facts that Protobuf has no words for, a line for each, in this order.

- The kind of a text or of an instant, as `A UUID.`
- Whose data the record holds.
- The value of an absent field: a reader refuses the message, or takes the default.

A default is written whole and in one form, whatever its class leaves out or adds when it is written: two classes of one wire form
have one text, and a class that is made from the text has it again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from partita.errors import DeclarationError
from partita.schemas.fields.reading import Record
from partita.schemas.fields.wire_type import Bounded, Entries, Items, Nested, OneOf, Scalar, WireType
from partita.schemas.protobuf.proto_file import ProtoField

REQUIRED, DEFAULT = "Required.", "Default: "
SUBJECT = "The person whose data the record holds."
KINDS = {
    Scalar.UUID: "A UUID.",
    Scalar.DECIMAL: "A decimal number.",
    Scalar.DAY: "A day, as 2026-01-31.",
    Scalar.TIME: "A time of day, as 23:59:59.",
    Scalar.INSTANT_MILLIS: "An instant, to the millisecond.",
}
"""The kinds of values that share a type with others."""
NO_DEFAULT: Any = object()
_SCALARS = {line: kind for kind, line in KINDS.items()}


class Comment(NamedTuple):
    """The comment of a field, taken apart. `kind` is one of `KINDS`, or None; `default` is `NO_DEFAULT` where it names none."""

    doc: str
    kind: Scalar | None
    is_subject: bool
    is_required: bool
    default: Any


def read_comment(field: ProtoField) -> Comment:
    """Take the comment of a field apart. A line that names a default in no JSON belongs to the description. An absent list is
    empty, and no line says so."""
    lines = field.doc.split("\n") if field.doc else []
    may_be_absent = field.label != "repeated" and field.map_key is None
    default = NO_DEFAULT
    if may_be_absent and lines and lines[-1].startswith(DEFAULT):
        try:
            default = json.loads(lines[-1].removeprefix(DEFAULT))
        except (ValueError, RecursionError):
            default = NO_DEFAULT
    is_required = may_be_absent and lines[-1:] == [REQUIRED]
    if is_required or default is not NO_DEFAULT:
        lines.pop()
    is_subject = lines[-1:] == [SUBJECT]
    if is_subject:
        lines.pop()
    kind = _SCALARS.get(lines[-1]) if lines else None
    if kind is not None:
        lines.pop()
    return Comment("\n".join(lines), kind, is_subject, is_required, default)


def default_line(default: Any, kind: WireType, records: Mapping[str, Record], where: str) -> str:
    """The line of a default, which is the plain value that a codec sees.

    Raises:
        DeclarationError: the value has no form in JSON.
    """
    try:
        plain = msgspec.to_builtins(_whole(default, kind, records), order="deterministic")
        return DEFAULT + json.dumps(plain, sort_keys=True, separators=(", ", ": "))
    except (TypeError, ValueError) as error:
        raise DeclarationError(f"{where}: the default {default!r:.80} has no form in a schema.") from error


def _whole(value: Any, kind: WireType, records: Mapping[str, Record]) -> Any:
    """A value with the fields that its class left out, and a number with a point as such."""
    match kind:
        case Scalar.REAL:
            return float(value)
        case Bounded(of):
            return _whole(value, of, records)
        case Items(of):
            return [_whole(each, of, records) for each in value]
        case Entries(of):
            return {key: _whole(each, of, records) for key, each in value.items()}
        case Nested(name):
            entries = records[name].entries
            return {e.name: _whole(value.get(e.name, e.default), e.type, records) for e in entries}
        case OneOf(members, _):
            member = None if value is None else _member(value, members)
            return value if member is None else _whole(value, member, records)
    return value


def _member(value: Any, members: tuple[WireType, ...]) -> WireType | None:
    """The member of a union that a value is of, where the value may be left incomplete; None = it is whole already."""
    if len(members) == 1:
        return members[0]
    plain = [(each.of if isinstance(each, Bounded) else each) for each in members]
    if isinstance(value, dict):
        return next(each for each in plain if isinstance(each, Nested | Entries))
    if isinstance(value, list | tuple):
        return next(each for each in plain if isinstance(each, Items))
    if type(value) is int and Scalar.WHOLE not in plain:
        return Scalar.REAL
    return None
