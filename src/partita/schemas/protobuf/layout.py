"""`Layout`: the place of each value of a message in Protobuf. The .proto file is written from it, and so is each value.

A singular field has presence, so that an absent field differs from one that is 0. Where a value has no presence of its own
(an item of a list, a value of a map), or where a list or a map needs one, it lies in a message of ours:

- `Boxed`: a list or a map in a message of one field, where it may be none, is an item itself, or has a default that is not empty.
- `Choice`: a message with one oneof, of a union, or of a value beside none. No member is set = none. A member's number is that of
  its kind, so a union may get further members later.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from partita.schemas.fields.reading import Entry, Reading, Record
from partita.schemas.fields.wire_type import Bounded, Entries, Items, Nested, OneOf, Scalar, Symbols, WireType
from partita.schemas.protobuf.identifiers import camel, snake

ITEMS, ENTRIES = "items", "entries"
BOX_NUMBER = 1
CHOICE = "choice"
BOX = re.compile(r"(?:Item|Value)*(?:Choice|Items|Entries)\Z")
"""The name of a `Boxed` or a `Choice` behind the name of its field."""


class Member(NamedTuple):
    """A member of a choice, by its kind."""

    name: str
    number: int
    form: Form


@dataclass(frozen=True, slots=True)
class Repeated:
    """Values of one form, in order."""

    of: Form


@dataclass(frozen=True, slots=True)
class Mapped:
    """Values of one form, each under a text."""

    of: Form


@dataclass(frozen=True, slots=True)
class Boxed:
    """A list or a map in a message, by the message's name within its record."""

    name: str
    inner: Repeated | Mapped


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several values, or none, in a message, by the message's name within its record."""

    name: str
    members: tuple[Member, ...]
    or_none: bool


Form: TypeAlias = Scalar | Symbols | Nested | Repeated | Mapped | Boxed | Choice
"""The form of a value: a scalar, an enum, a record, or one of the above."""


class Placed(NamedTuple):
    """A field of a record: its name in the .proto file, and its form. `none_is_absent` = none is written by leaving it out."""

    entry: Entry
    name: str
    form: Form
    none_is_absent: bool

    @property
    def label(self) -> str:
        """The label of the field in the .proto file."""
        if isinstance(self.form, Repeated):
            return "repeated"
        is_message = self.form in (Scalar.INSTANT, Scalar.INSTANT_MILLIS)
        return "optional" if isinstance(self.form, Scalar | Symbols) and not is_message else ""


def fields_of(record: Record) -> list[Placed]:
    """The fields of a record in the order of their declaration."""
    return [_placed(entry) for entry in record.entries]


def symbols_of(reading: Reading) -> dict[str, tuple[str, ...]]:
    """The values of each enum of a message by its name."""
    found: dict[str, tuple[str, ...]] = {}

    def look(kind: WireType) -> None:
        match kind:
            case Symbols(name, values):
                found[name] = values
            case Bounded(of) | Items(of) | Entries(of):
                look(of)
            case OneOf(members, _):
                for member in members:
                    look(member)

    for record in reading.records.values():
        for entry in record.entries:
            look(entry.type)
    return found


def _placed(entry: Entry) -> Placed:
    name = snake(entry.name)
    path = camel(name)
    kind = _bare(entry.type)
    if isinstance(kind, OneOf):
        # Another default than none: an absent field has the default, so none needs a form of its own.
        none_is_absent = kind.or_none and (entry.field.required or entry.default is None)
        if len(kind.members) == 1 and (none_is_absent or not kind.or_none):
            form = _form(kind.members[0], path)
            return Placed(entry, name, _boxed(form, path), none_is_absent)
        return Placed(entry, name, _choice(kind, path), none_is_absent)
    form = _form(kind, path)
    if isinstance(form, Repeated | Mapped) and not (entry.field.required or not entry.default):
        form = _boxed(form, path)
    return Placed(entry, name, form, none_is_absent=False)


def _form(kind: WireType, path: str) -> Form:
    match kind:
        case Scalar() | Symbols() | Nested():
            return kind
        case Bounded(of):
            return _form(of, path)
        case Items(of):
            return Repeated(_boxed(_form(of, f"{path}Item"), f"{path}Item"))
        case Entries(of):
            return Mapped(_boxed(_form(of, f"{path}Value"), f"{path}Value"))
        case OneOf():
            if len(kind.members) == 1 and not kind.or_none:
                return _form(kind.members[0], path)
            return _choice(kind, path)


def _choice(kind: OneOf, path: str) -> Choice:
    members = []
    for member in kind.members:
        form = _boxed(_form(member, path), path)
        members.append(Member(*_kind(form), form))
    return Choice(f"{path}Choice", tuple(sorted(members, key=lambda each: each.number)), kind.or_none)


def _boxed(form: Form, path: str) -> Form:
    if isinstance(form, Repeated):
        return Boxed(f"{path}Items", form)
    return Boxed(f"{path}Entries", form) if isinstance(form, Mapped) else form


def _kind(form: Form) -> tuple[str, int]:
    """The name and number of a member. A union has at most one of each of the first seven; the last is alone beside none."""
    match form:
        case Scalar.TRUTH:
            return "truth", 1
        case Scalar.WHOLE:
            return "whole", 2
        case Scalar.REAL:
            return "real", 3
        case Scalar.TEXT:
            return "text", 4
        case Boxed(_, Repeated()):
            return ITEMS, 5
        case Boxed(_, Mapped()):
            return ENTRIES, 6
        case Nested():
            return "record", 7
    return "value", 8


def _bare(kind: WireType) -> Any:
    while isinstance(kind, Bounded):
        kind = kind.of
    return kind
