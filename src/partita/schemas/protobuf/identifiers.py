"""Names in Protobuf: its style guide's form of a name, and a refusal of names that it cannot have."""

from __future__ import annotations

import re

from partita.errors import DeclarationError
from partita.schemas.protobuf.proto_file import ProtoField
from partita.schemas.protobuf.tokens import string_of

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_WORD_BEGINS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_BETWEEN_WORDS = re.compile(r"[-. /]")


def snake(name: str) -> str:
    """A name in the form of a field: `order_id` of `orderId`."""
    return _WORD_BEGINS.sub("_", name).lower()


def camel(name: str) -> str:
    """A name in the form of a message: `OrderId` of `order_id`."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def enum_value(enum: str, text: str) -> str:
    """The name of an enum's value. Values are siblings of their enum, so its name comes before theirs: `STATE_IN_TRANSIT`."""
    return value_names(enum, text)[0]


def value_names(enum: str, text: str) -> tuple[str, ...]:
    """The names that an enum's value may have in a file: ours, and those of other programs, without the name of the enum."""
    bare = snake(_BETWEEN_WORDS.sub("_", text)).upper()
    return f"{snake(enum).upper()}_{bare}", bare, text


def json_name(name: str) -> str:
    """The name of a field in Protobuf's JSON, as protoc makes it: `orderId` of `order_id`."""
    first, *others = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in others)


def wire_name(field: ProtoField) -> str:
    """The name of a field in Protobuf's JSON: the one that it is given, else the one that protoc makes."""
    given = dict(field.options).get("json_name")
    if given is None or not given.startswith('"'):
        return json_name(field.name)
    return string_of(given).decode(errors="replace")


def check_identifier(name: str, what: str, hint: str = "") -> str:
    """The name, where Protobuf can have it.

    Raises:
        DeclarationError: it has other characters than letters of ASCII, digits and _.
    """
    if not _IDENTIFIER.fullmatch(name):
        raise DeclarationError(
            f"{what} is no name in Protobuf.",
            hint=hint or "A name has letters a to z, digits and _, and begins with no digit.",
        )
    return name
