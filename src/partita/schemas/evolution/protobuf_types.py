"""The messages and enums of a .proto text and of its imports, as the rules see them: fields by number, extensions among them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from partita.schemas.protobuf.bundle import parse_bundle
from partita.schemas.protobuf.comment import NO_DEFAULT, read_comment
from partita.schemas.protobuf.layout import BOX, BOX_NUMBER, CHOICE, ENTRIES, ITEMS
from partita.schemas.protobuf.names import declared_types, scope
from partita.schemas.protobuf.proto_file import ProtoEnum, ProtoExtension, ProtoField, ProtoFile, ProtoMessage

INT32 = range(-(2**31), 2**31)
RANGES: Mapping[str, range] = {
    "int32": INT32,
    "int64": range(-(2**63), 2**63),
    "uint32": range(2**32),
    "uint64": range(2**64),
    "bool": range(2),
    "sint32": INT32,
    "sint64": range(-(2**63), 2**63),
    "fixed32": range(2**32),
    "sfixed32": INT32,
    "fixed64": range(2**64),
    "sfixed64": range(-(2**63), 2**63),
}
_ALIKE = (
    ("int32", "int64", "uint32", "uint64", "bool", "enum"),
    ("sint32", "sint64"),
    ("fixed32", "sfixed32"),
    ("fixed64", "sfixed64"),
    ("string", "bytes"),
)
"""Types whose values are written alike (the specification, "Updating a message type")."""


def are_alike(reader: str, writer: str) -> bool:
    """Whether bytes of the one kind are taken for the other kind at all."""
    return reader == writer or any(reader in group and writer in group for group in _ALIKE)


@dataclass(frozen=True, slots=True)
class Declared:
    """A message or an enum with its full name and the syntax of its file."""

    name: str
    type: ProtoMessage | ProtoEnum
    syntax: str

    @property
    def is_closed(self) -> bool:
        """Whether an enum refuses a number that it does not name: those of proto2 do."""
        return self.syntax == "proto2"

    @property
    def role(self) -> str:
        """The name by which a message class knows a record. Of a message that holds the values of a field it is the part behind
        the field's name, which may change."""
        name = self.name.rpartition(".")[2]
        box = BOX.search(name)
        return f"a field's {box[0]}" if box is not None and box.start() and _is_box(self.type) else name


def _is_box(declared: ProtoMessage | ProtoEnum) -> bool:
    fields = declared.fields if isinstance(declared, ProtoMessage) else ()
    return bool(fields) and all(
        each.oneof == CHOICE or (each.number == BOX_NUMBER and each.name in (ITEMS, ENTRIES)) for each in fields
    )


class Types:
    """All types of a text."""

    def __init__(self, text: str) -> None:
        self.file, others = parse_bundle(text)
        self._declared: dict[str, Declared] = {}
        self._extensions: dict[str, list[ProtoField]] = {}
        for file in (*others.values(), self.file):
            for name, found in declared_types(file).items():
                self._declared[name] = Declared(name, found, file.syntax)
            for around, extension in _extensions_of(file):
                name = f"({scope(around, extension.field.name)})"
                self._extensions.setdefault(extension.extendee, []).append(replace(extension.field, name=name))

    @cached_property
    def is_of_classes(self) -> bool:
        """Whether the text is derived from classes: its comments say the kinds of texts. Those of another program do not."""
        messages = (each.type for each in self._declared.values() if isinstance(each.type, ProtoMessage))
        comments = (read_comment(field) for message in messages for field in message.fields)
        return any(each.is_required or each.kind or each.default is not NO_DEFAULT for each in comments)

    def of(self, name: str) -> Declared | None:
        """The message or the enum of a full name."""
        return self._declared.get(name)

    def kind_of(self, field: ProtoField) -> str:
        """The scalar of a field, or "message", or "enum"."""
        found = self._declared.get(field.type)
        if found is None:
            return field.type
        return "enum" if isinstance(found.type, ProtoEnum) else "message"

    def fields(self, message: Declared) -> dict[int, ProtoField]:
        """The fields of a message by their numbers, with those that extend it."""
        assert isinstance(message.type, ProtoMessage), "an enum has no fields"
        fields = (*message.type.fields, *self._extensions.get(message.name, ()))
        return {field.number: field for field in fields}

    def roots(self) -> list[Declared]:
        """The messages that a value may be of: the first of the file, and each that no other message has a field of."""
        own = {name for name, found in declared_types(self.file).items() if isinstance(found, ProtoMessage)}
        used = {
            field.type
            for name, declared in self._declared.items()
            if isinstance(declared.type, ProtoMessage)
            for field in self.fields(declared).values()
            if field.type != name
        }
        first = scope(self.file.package, self.file.messages[0].name) if self.file.messages else ""
        # A message around others is often a mere name for them.
        around = {name.rpartition(".")[0] for name in own}
        return [
            declared
            for name, declared in self._declared.items()
            if name == first
            or (name in own and name not in used and not (name in around and not self.fields(declared)))
        ]

    def numbers(self, field: ProtoField) -> range | frozenset[int] | None:
        """The whole numbers that a field may have; None = it is of another kind. An enum has those that it names."""
        found = self._declared.get(field.type)
        if found is not None and isinstance(found.type, ProtoEnum):
            return frozenset(number for _, number in found.type.values)
        return RANGES.get(field.type)


def _extensions_of(file: ProtoFile) -> Iterator[tuple[str, ProtoExtension]]:
    yield from ((file.package, each) for each in file.extensions)
    for name, declared in declared_types(file).items():
        if isinstance(declared, ProtoMessage):
            yield from ((name, each) for each in declared.extensions)
