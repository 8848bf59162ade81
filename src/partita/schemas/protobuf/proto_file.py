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
    options: tuple[tuple[str, str], ...] = ()
    doc: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtoEnum:
    """An enum: its values as (name, number) in the order of their declaration; `reserved` are ranges, both ends included."""

    name: str
    values: tuple[tuple[str, int], ...]
    reserved: tuple[tuple[int, int], ...] = ()
    reserved_names: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    doc: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtoMessage:
    """A message with the messages and enums that are declared in it; `reserved` are ranges, both ends included."""

    name: str
    fields: tuple[ProtoField, ...] = ()
    messages: tuple[ProtoMessage, ...] = ()
    enums: tuple[ProtoEnum, ...] = ()
    reserved: tuple[tuple[int, int], ...] = ()
    reserved_names: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    doc: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtoFile:
    """A file. The first message is the one that a schema is about, unless a message index says otherwise."""

    package: str
    messages: tuple[ProtoMessage, ...]
    enums: tuple[ProtoEnum, ...] = ()
    imports: tuple[str, ...] = ()
    syntax: str = "proto3"
    options: tuple[tuple[str, str], ...] = ()
