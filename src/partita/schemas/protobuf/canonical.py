"""The canonical form of a `ProtoFile`: files that say the same are equal in it.

The order of fields, enums, options and imports means nothing. The order of messages stays: a value in Confluent's frame names its
message by its place. The first value of an enum stays first, since it is the default.
"""

from __future__ import annotations

from dataclasses import replace

from partita.schemas.protobuf.identifiers import json_name
from partita.schemas.protobuf.proto_file import (
    Options,
    ProtoEnum,
    ProtoExtension,
    ProtoField,
    ProtoFile,
    ProtoMessage,
    ProtoService,
)
from partita.schemas.protobuf.reader import quoted


def canonical(file: ProtoFile, *, docs: bool = True) -> ProtoFile:
    """The file in its canonical form, `docs` with its comments."""
    return replace(
        file,
        messages=tuple(_message(each, docs) for each in file.messages),
        enums=_enums(file.enums, docs),
        imports=tuple(sorted(file.imports)),
        public_imports=tuple(sorted(file.public_imports)),
        extensions=_extensions(file.extensions, docs),
        services=tuple(_service(each, docs) for each in file.services),
    )


def _message(message: ProtoMessage, docs: bool) -> ProtoMessage:
    return replace(
        message,
        fields=tuple(sorted((_field(each, docs) for each in message.fields), key=lambda each: each.number)),
        messages=tuple(_message(each, docs) for each in message.messages),
        enums=_enums(message.enums, docs),
        reserved_names=tuple(sorted(set(message.reserved_names))),
        extensions=_extensions(message.extensions, docs),
        doc=message.doc if docs else "",
    )


def _field(field: ProtoField, docs: bool) -> ProtoField:
    plain = ("json_name", quoted(json_name(field.name).encode()))
    options: Options = tuple(
        (name, _real(value)) if name == "default" and field.type in ("double", "float") else (name, value)
        for name, value in field.options
        if (name, value) != plain
    )
    return replace(field, options=options, doc=field.doc if docs else "")


def _real(text: str) -> str:
    """A number with a point: 5 and 5.0 are one default of a `double`."""
    return text if text.strip("-") in ("inf", "nan") else repr(float(text))


def _enums(enums: tuple[ProtoEnum, ...], docs: bool) -> tuple[ProtoEnum, ...]:
    return tuple(sorted((_enum(each, docs) for each in enums), key=lambda each: each.name))


def _enum(enum: ProtoEnum, docs: bool) -> ProtoEnum:
    first, *others = enum.values
    values = (first, *sorted(others, key=lambda each: (each[1], each[0])))
    names = tuple(sorted(set(enum.reserved_names)))
    return replace(enum, values=values, reserved_names=names, doc=enum.doc if docs else "")


def _extensions(extensions: tuple[ProtoExtension, ...], docs: bool) -> tuple[ProtoExtension, ...]:
    found = (replace(each, field=_field(each.field, docs)) for each in extensions)
    return tuple(sorted(found, key=lambda each: (each.extendee, each.field.number)))


def _service(service: ProtoService, docs: bool) -> ProtoService:
    return service if docs else replace(service, doc="")
