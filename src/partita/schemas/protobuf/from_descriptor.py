"""A FileDescriptorProto, the form of compilers, as a `ProtoFile`. It may come from anywhere: its text is parsed afterwards."""

from __future__ import annotations

from collections.abc import Mapping

from partita.schemas.protobuf import descriptor_options as kept
from partita.schemas.protobuf.descriptor import ENUM, GROUP, LABELS, MESSAGE, TYPES
from partita.schemas.protobuf.identifiers import json_name
from partita.schemas.protobuf.proto_file import (
    Options,
    ProtoEnum,
    ProtoExtension,
    ProtoField,
    ProtoFile,
    ProtoMessage,
    ProtoMethod,
    ProtoService,
)
from partita.schemas.protobuf.reader import DEPTH_MAX, quoted
from partita.schemas.protobuf.tokens import string_of
from partita.schemas.protobuf.wire import Value, read, signed

_NAMES = {number: name for name, number in TYPES.items()}
_SYNTAXES = ("proto2", "proto3")


class _Message:
    """The fields of a message by their numbers."""

    def __init__(self, data: bytes) -> None:
        self._fields: dict[int, list[Value]] = {}
        for number, value in read(data):
            self._fields.setdefault(number, []).append(value)

    def bytes(self, number: int) -> list[bytes]:
        return [value for value in self._fields.get(number, ()) if isinstance(value, bytes)]

    def inner(self, number: int) -> list[_Message]:
        return [_Message(value) for value in self.bytes(number)]

    def texts(self, number: int) -> list[str]:
        return [value.decode() for value in self.bytes(number)]

    def text(self, number: int) -> str:
        found = self.texts(number)
        return found[-1] if found else ""

    def numbers(self, number: int) -> list[int]:
        return [signed(value) for value in self._fields.get(number, ()) if isinstance(value, int)]

    def number(self, number: int) -> int:
        found = self.numbers(number)
        return found[-1] if found else 0

    def options(self, number: int, known: Mapping[str, kept.Option]) -> Options:
        """Several messages of options are one, as in each message of Protobuf."""
        return kept.options_of(b"".join(self.bytes(number)), known)


def file_of(data: bytes) -> ProtoFile:
    """The file of a descriptor.

    Raises:
        ValueError: it is no descriptor, or has a group or an edition.
    """
    found = _Message(data)
    syntax = found.text(12) or "proto2"
    if syntax not in _SYNTAXES:
        raise ValueError(f"the syntax {syntax!r:.40} is neither proto2 nor proto3")
    imports = found.texts(3)
    public = [imports[each] for each in found.numbers(10) if 0 <= each < len(imports)]
    reading = _Reading(syntax)
    return ProtoFile(
        package=found.text(2),
        messages=tuple(reading.message(each, f".{found.text(2)}".rstrip("."), 1) for each in found.inner(4)),
        enums=tuple(_enum(each) for each in found.inner(5)),
        imports=tuple(imports),
        syntax=syntax,
        options=found.options(8, kept.FILE),
        public_imports=tuple(public),
        extensions=tuple(reading.extension(each) for each in found.inner(7)),
        services=tuple(_service(each) for each in found.inner(6)),
    )


class _Reading:
    """One walk over a descriptor."""

    def __init__(self, syntax: str) -> None:
        self._syntax = syntax

    def message(self, found: _Message, around: str, depth: int) -> ProtoMessage:
        if depth > DEPTH_MAX:
            raise ValueError(f"messages are nested more than {DEPTH_MAX} deep")
        name = found.text(1)
        own = f"{around}.{name}"
        inner = found.inner(3)
        entries = {f"{own}.{each.text(1)}": each for each in inner if _is_entry(each)}
        oneofs = found.inner(8)
        return ProtoMessage(
            name=name,
            fields=tuple(self._member(each, own, oneofs, entries) for each in found.inner(2)),
            messages=tuple(self.message(each, own, depth + 1) for each in inner if not _is_entry(each)),
            enums=tuple(_enum(each) for each in found.inner(4)),
            reserved=tuple(sorted((each.number(1), each.number(2) - 1) for each in found.inner(9))),
            reserved_names=tuple(sorted(found.texts(10))),
            options=found.options(7, kept.MESSAGE),
            extension_ranges=tuple(sorted((each.number(1), each.number(2) - 1) for each in found.inner(5))),
            extensions=tuple(self.extension(each) for each in found.inner(6)),
        )

    def extension(self, found: _Message) -> ProtoExtension:
        return ProtoExtension(extendee=found.text(2).removeprefix("."), field=self._field(found))

    def _member(self, found: _Message, own: str, oneofs: list[_Message], entries: Mapping[str, _Message]) -> ProtoField:
        name, number = found.text(1), found.number(3)
        full = found.text(6)
        entry = entries.get(full if full.startswith(".") else f"{own}.{full}")
        if entry is not None and found.number(5) in (0, MESSAGE):
            parts = {each.number(3): self._field(each) for each in entry.inner(2)}
            if parts.keys() != {1, 2}:
                raise ValueError(f"the map {name:.200} has no key and value")
            options = self._options(found, name)
            return ProtoField(name=name, number=number, type=parts[2].type, map_key=parts[1].type, options=options)
        is_optional = bool(found.number(17))
        index = found.numbers(9)
        oneof = None
        if index and not is_optional:
            if not 0 <= index[-1] < len(oneofs):
                raise ValueError(f"the field {name:.200} is in no oneof")
            oneof = oneofs[index[-1]].text(1)
        return self._field(found, oneof)

    def _field(self, found: _Message, oneof: str | None = None) -> ProtoField:
        name, kind = found.text(1), found.number(5)
        if kind == GROUP:
            raise ValueError(f"{name:.200} is a group; groups are not read here")
        label = {number: text for text, number in LABELS.items()}.get(found.number(4), "optional")
        if oneof is not None or (self._syntax == "proto3" and label == "optional" and not found.number(17)):
            label = ""
        full = found.text(6)
        if kind in (0, MESSAGE, ENUM):
            if not full:
                raise ValueError(f"{name:.200} has no type")
            type_name = full.removeprefix(".")
        elif kind in _NAMES:
            type_name = _NAMES[kind]
        else:
            raise ValueError(f"{kind} is no type of a field")
        options = list(self._options(found, name))
        if found.bytes(7):
            options.append(("default", _default(type_name, found.text(7))))
        return ProtoField(
            name=name,
            number=found.number(3),
            type=type_name,
            label=label,
            oneof=oneof,
            options=tuple(sorted(options)),
        )

    def _options(self, found: _Message, name: str) -> Options:
        options = list(found.options(8, kept.FIELD))
        given = found.text(10)
        if given and given != json_name(name):
            options.append(("json_name", quoted(given.encode())))
        return tuple(sorted(options))


def _is_entry(found: _Message) -> bool:
    """Whether a message stands for the entries of a map."""
    return any(each.number(7) for each in found.inner(7))


def _default(kind: str, text: str) -> str:
    if kind == "string":
        return quoted(text.encode())
    return quoted(string_of(f'"{text}"')) if kind == "bytes" else text


def _enum(found: _Message) -> ProtoEnum:
    values = [(each.text(1), each.number(2), each.options(3, kept.ENUM_VALUE)) for each in found.inner(2)]
    return ProtoEnum(
        name=found.text(1),
        values=tuple((name, number) for name, number, _ in values),
        reserved=tuple(sorted((each.number(1), each.number(2)) for each in found.inner(4))),
        reserved_names=tuple(sorted(found.texts(5))),
        options=found.options(3, kept.ENUM),
        value_options=tuple(sorted((name, options) for name, _, options in values if options)),
    )


def _service(found: _Message) -> ProtoService:
    return ProtoService(
        name=found.text(1),
        methods=tuple(
            ProtoMethod(
                name=each.text(1),
                request=each.text(2).removeprefix("."),
                answer=each.text(3).removeprefix("."),
                streams_request=bool(each.number(5)),
                streams_answer=bool(each.number(6)),
                options=each.options(4, kept.METHOD),
            )
            for each in found.inner(2)
        ),
        options=found.options(3, kept.SERVICE),
    )
