"""`ProtoFile`: a .proto file as data. The derivation makes it, the parser reads it from text, the printer writes it as text, and
the rules of evolution compare two of them.

Source: Protocol Buffers language specification, proto3 (and what proto2 differs in: labels and defaults).
"""

from __future__ import annotations

from dataclasses import dataclass

SCALARS = frozenset(
    "double float int32 int64 uint32 uint64 sint32 sint64 fixed32 fixed64 sfixed32 sfixed64 bool string bytes".split()
)
"""The types that need no declaration."""
NUMBER_MAX = 2**29 - 1
"""The highest number of a field. In `reserved` and `extension_ranges` it stands for `max`, too; for enums that is 2^31 - 1."""

Options = tuple[tuple[str, str], ...]
"""Options as they are written, sorted by name: `("deprecated", "true")`, `("(my.option)", "{ a: 1 }")`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtoField:
    """A field of a message. `type` is one of `SCALARS`, or the full name of a message or an enum, without a leading dot.

    `label` is "", "optional", "required" or "repeated". A map has the type of its values, a `map_key`, and no label. `options`
    are those in brackets, as they are written, sorted by name: `("deprecated", "true")`.
    """

    name: str
    number: int
    type: str
    label: str = ""
    oneof: str | None = None
    map_key: str | None = None
    options: Options = ()
    doc: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtoExtension:
    """A field that extends the message `extendee`, which has another owner."""

    extendee: str
    field: ProtoField


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtoEnum:
    """An enum: its values as (name, number) in the order of their declaration; `reserved` are ranges, both ends included.
    `value_options` are those in brackets, by the value's name."""

    name: str
    values: tuple[tuple[str, int], ...]
    reserved: tuple[tuple[int, int], ...] = ()
    reserved_names: tuple[str, ...] = ()
    options: Options = ()
    value_options: tuple[tuple[str, Options], ...] = ()
    doc: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtoMessage:
    """A message with the messages and enums that are declared in it; `reserved` and `extension_ranges` are ranges, both ends
    included. `extensions` are declared in it and extend another message; `oneof_options` are by the oneof's name."""

    name: str
    fields: tuple[ProtoField, ...] = ()
    messages: tuple[ProtoMessage, ...] = ()
    enums: tuple[ProtoEnum, ...] = ()
    reserved: tuple[tuple[int, int], ...] = ()
    reserved_names: tuple[str, ...] = ()
    options: Options = ()
    extension_ranges: tuple[tuple[int, int], ...] = ()
    extensions: tuple[ProtoExtension, ...] = ()
    oneof_options: tuple[tuple[str, Options], ...] = ()
    doc: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtoMethod:
    """A method of a service, by the full names of its messages."""

    name: str
    request: str
    answer: str
    streams_request: bool = False
    streams_answer: bool = False
    options: Options = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtoService:
    """A service. No rule looks at it: messages are compared. It is kept since a file has it."""

    name: str
    methods: tuple[ProtoMethod, ...] = ()
    options: Options = ()
    doc: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtoFile:
    """A file. The first message is the one that a schema is about, unless a message index says otherwise. `public_imports` are
    those of `imports` whose types the importers of this file see, too."""

    package: str
    messages: tuple[ProtoMessage, ...]
    enums: tuple[ProtoEnum, ...] = ()
    imports: tuple[str, ...] = ()
    syntax: str = "proto3"
    options: Options = ()
    public_imports: tuple[str, ...] = ()
    extensions: tuple[ProtoExtension, ...] = ()
    services: tuple[ProtoService, ...] = ()
