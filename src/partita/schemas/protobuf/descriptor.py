"""A `ProtoFile` as a FileDescriptorProto, the form of compilers, and back. Serializers of some languages register schemas in it.

Comments and custom options have no place in it: compilers drop comments, and the meaning of a custom option is in another file.
Source: google/protobuf/descriptor.proto, whose numbers are those below.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from partita.schemas.protobuf import descriptor_options as kept
from partita.schemas.protobuf.identifiers import camel, json_name
from partita.schemas.protobuf.names import declared_types, scope
from partita.schemas.protobuf.proto_file import (
    Options,
    ProtoEnum,
    ProtoExtension,
    ProtoField,
    ProtoFile,
    ProtoMessage,
    ProtoService,
)
from partita.schemas.protobuf.tokens import string_of
from partita.schemas.protobuf.wire import written

TYPES = {
    "double": 1, "float": 2, "int64": 3, "uint64": 4, "int32": 5, "fixed64": 6, "fixed32": 7, "bool": 8, "string": 9,
    "bytes": 12, "uint32": 13, "sfixed32": 15, "sfixed64": 16, "sint32": 17, "sint64": 18,
}  # fmt: skip
GROUP, MESSAGE, ENUM = 10, 11, 14
LABELS = {"": 1, "optional": 1, "required": 2, "repeated": 3}
Fields = list[tuple[int, int | bool | str | bytes | None]]


def descriptor_of(name: str, file: ProtoFile, imports: Mapping[str, ProtoFile]) -> bytes:
    """The descriptor of a file. `imports` are the files that it imports, also through others."""
    files = (*imports.values(), file)
    enums = {full for each in files for full, found in declared_types(each).items() if isinstance(found, ProtoEnum)}
    return _Writing(file.syntax, enums.__contains__).file(name, file)


class _Writing:
    """One walk over a file."""

    def __init__(self, syntax: str, is_enum: Callable[[str], bool]) -> None:
        self._syntax = syntax
        self._is_enum = is_enum

    def file(self, name: str, file: ProtoFile) -> bytes:
        fields: Fields = [(1, name), (2, file.package or None)]
        fields += [(3, each) for each in file.imports]
        fields += [(4, self._message(each, scope(file.package, each.name))) for each in file.messages]
        fields += [(5, _enum(each)) for each in file.enums]
        fields += [(6, _service(each)) for each in file.services]
        fields += [(7, self._extension(each)) for each in file.extensions]
        fields.append((8, kept.written_options(file.options, kept.FILE)))
        fields += [(10, file.imports.index(each)) for each in file.public_imports]
        fields.append((12, file.syntax if file.syntax != "proto2" else None))
        return written(fields)

    def _message(self, message: ProtoMessage, own: str) -> bytes:
        declared = list(dict.fromkeys(each.oneof for each in message.fields if each.oneof))
        places = {oneof: place for place, oneof in enumerate(declared)}
        fields: Fields = [(1, message.name)]
        for each in message.fields:
            index = places[each.oneof] if each.oneof else None
            if self._syntax == "proto3" and each.label == "optional":
                # Presence in proto3 is a oneof of its own in the descriptor, behind those of the text.
                index = len(declared)
                declared.append(f"_{each.name}")
            fields.append((2, self._field(each, index, own=own)))
        fields += [(3, self._message(each, scope(own, each.name))) for each in message.messages]
        fields += [(3, self._entry(each)) for each in message.fields if each.map_key is not None]
        fields += [(4, _enum(each)) for each in message.enums]
        fields += [(5, written([(1, low), (2, high + 1)])) for low, high in message.extension_ranges]
        fields += [(6, self._extension(each)) for each in message.extensions]
        fields.append((7, kept.written_options(message.options, kept.MESSAGE)))
        fields += [(8, written([(1, each)])) for each in declared]
        fields += [(9, written([(1, low), (2, high + 1)])) for low, high in message.reserved]
        fields += [(10, each) for each in message.reserved_names]
        return written(fields)

    def _entry(self, field: ProtoField) -> bytes:
        """The message that the entries of a map are."""
        key = ProtoField(name="key", number=1, type=field.map_key or "")
        value = ProtoField(name="value", number=2, type=field.type)
        parts: Fields = [(2, self._field(each, None)) for each in (key, value)]
        return written([(1, _entry_name(field)), *parts, (7, written([(7, True)]))])

    def _field(self, field: ProtoField, index: int | None, *, extendee: str | None = None, own: str = "") -> bytes:
        number, type_name = TYPES.get(field.type), None
        if number is None:
            number, type_name = (ENUM if self._is_enum(field.type) else MESSAGE), f".{field.type}"
        if field.map_key is not None:
            number, type_name = MESSAGE, f".{scope(own, _entry_name(field))}"
        options = dict(field.options)
        return written(
            [
                (1, field.name),
                (2, extendee),
                (3, field.number),
                (4, 3 if field.map_key is not None else LABELS[field.label]),
                (5, number),
                (6, type_name),
                (7, _default(field.type, options.get("default"))),
                (8, kept.written_options(field.options, kept.FIELD)),
                (9, index),
                (10, string_of(options["json_name"]) if "json_name" in options else json_name(field.name)),
                (17, True if self._syntax == "proto3" and field.label == "optional" else None),
            ]
        )

    def _extension(self, each: ProtoExtension) -> bytes:
        return self._field(each.field, None, extendee=f".{each.extendee}")


def _entry_name(field: ProtoField) -> str:
    return f"{camel(field.name)}Entry"


def _default(kind: str, text: str | None) -> str | bytes | None:
    """A default as a descriptor has it: a string without quotes, bytes escaped."""
    if text is None or kind not in ("string", "bytes"):
        return text.removesuffix(".0") if text is not None else None
    data = string_of(text)
    if kind == "string":
        return data
    return "".join(chr(byte) if 32 <= byte < 127 and byte not in b"\\\"'" else f"\\{byte:03o}" for byte in data)


def _enum(enum: ProtoEnum) -> bytes:
    options = dict[str, Options](enum.value_options)
    fields: Fields = [(1, enum.name)]
    for name, number in enum.values:
        held = kept.written_options(options.get(name, ()), kept.ENUM_VALUE)
        fields.append((2, written([(1, name), (2, number), (3, held)])))
    fields.append((3, kept.written_options(enum.options, kept.ENUM)))
    fields += [(4, written([(1, low), (2, high)])) for low, high in enum.reserved]
    fields += [(5, each) for each in enum.reserved_names]
    return written(fields)


def _service(service: ProtoService) -> bytes:
    fields: Fields = [(1, service.name)]
    for each in service.methods:
        fields.append(
            (
                2,
                written(
                    [
                        (1, each.name),
                        (2, f".{each.request}"),
                        (3, f".{each.answer}"),
                        (4, kept.written_options(each.options, kept.METHOD)),
                        (5, each.streams_request or None),
                        (6, each.streams_answer or None),
                    ]
                ),
            )
        )
    fields.append((3, kept.written_options(service.options, kept.SERVICE)))
    return written(fields)
