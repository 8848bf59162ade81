"""Findings about Protobuf in words: old, new, and the line to write instead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from partita.schemas.evolution.finding import Finding
from partita.schemas.evolution.protobuf_types import Declared
from partita.schemas.protobuf.comment import KINDS, read_comment
from partita.schemas.protobuf.proto_file import ProtoEnum, ProtoField


def said(field: ProtoField) -> str:
    """A field as it is declared."""
    kind = f"map<{field.map_key}, {field.type}>" if field.map_key is not None else field.type
    label = f"{field.label} " if field.label else ""
    return f"{label}{kind} {field.name} = {field.number}"[:200]


def _changed(rule: str, path: str, reader: ProtoField, writer: ProtoField) -> Finding:
    """A field of another type: it stays, and the new type has a number of its own."""
    text = "or reserve its number and its name, and give the new type a new field with a new number"
    return Finding(
        rule,
        path,
        said(writer),
        said(reader),
        f"Keep {said(writer)}; {text}: reserved {writer.number};",
        keep=f"Keep {said(reader)}; {text}: reserved {reader.number};",
    )


def package_changed(old: str, new: str) -> Finding:
    """Readers find a message by its full name."""
    text = "A message that breaks with its past belongs to a new package and to a subject of its own."
    return Finding(
        "package-changed",
        "package",
        f"package {old or '(none)'}",
        f"package {new or '(none)'}",
        f"Keep the package {old or '(none)'}. {text}",
        keep=f"Keep the package {new or '(none)'}. {text}",
    )


def message_missing(path: str) -> Finding:
    """A value of a message that the reader does not have."""
    return Finding(
        "message-missing",
        path,
        f"message {path}",
        "no such message",
        f"Keep the message {path}: earlier values are of it. A message may move into another file, with its full name.",
        keep=f"Give {path} a file and a subject of its own: readers of the earlier schema know no such message.",
    )


def type_changed(path: str, reader: ProtoField, writer: ProtoField) -> Finding:
    """The bytes are those of another type."""
    return _changed("type-changed", path, reader, writer)


def kind_changed(path: str, reader: ProtoField, writer: ProtoField) -> Finding:
    """The bytes are a text of another kind, as one that is no UUID."""
    old, new = (KINDS[kind] if (kind := read_comment(each).kind) else "Any text." for each in (writer, reader))
    found = _changed("type-changed", path, reader, writer)
    return replace(found, old=f"{found.old} // {old}", new=f"{found.new} // {new}")


def number_narrowed(path: str, reader: ProtoField, writer: ProtoField) -> Finding:
    """A number that the reader has no room for is cut off without an error."""
    return _changed("number-narrowed", path, reader, writer)


def bytes_read_as_text(path: str, reader: ProtoField, writer: ProtoField) -> Finding:
    """Bytes that are not UTF-8 are no string."""
    return _changed("bytes-read-as-text", path, reader, writer)


def list_read_as_one(path: str, reader: ProtoField, writer: ProtoField) -> Finding:
    """Of several values the last one stays, and packed numbers are not read at all."""
    return _changed("list-read-as-one", path, reader, writer)


def required_missing(path: str, reader: ProtoField, writer: ProtoField | None) -> Finding:
    """A reader refuses a message without a required field."""
    old = said(writer) if writer is not None else f"no field {reader.number}"
    kept = f"Keep {said(reader)} and always set it, until no reader requires it any more."
    if reader.label != "required":
        return Finding(
            "required-missing",
            path,
            old,
            f"{said(reader)}, required by the class",
            f"Give the field {reader.name} a default in its class: earlier values may lack it, and are refused.",
            keep=kept,
        )
    return Finding(
        "required-missing",
        path,
        old,
        said(reader),
        f"Write {said(reader).replace('required ', 'optional ', 1)}: earlier values may lack it, and their reader refuses "
        "the whole message.",
        keep=kept,
    )


def none_read_as_default(path: str, reader: ProtoField, writer: ProtoField) -> Finding:
    """A class leaves out a field that is none, and a class with a default reads the default."""
    return Finding(
        "none-read-as-default",
        path,
        f"{said(writer)}, left out where it is none",
        f"{said(reader)}, with a default where it is absent",
        f"Keep None as the default of {reader.name}, or write a new field: earlier values that are none have that default.",
        keep=f"Keep the field {writer.name} as one that is never none: earlier readers take their default for none.",
    )


def fields_into_oneof(path: str, name: str, fields: Sequence[ProtoField]) -> Finding:
    """Fields that a writer may set together."""
    names = ", ".join(field.name for field in fields)[:150]
    return Finding(
        "fields-into-oneof",
        path,
        f"{names} may be set together",
        f"oneof {name}: one of them",
        f"Leave {names} outside the oneof, or one of them alone in a new oneof, and give a oneof new fields with new numbers.",
        keep=f"Keep the oneof {name} with {names}: readers of the earlier schema take one of them.",
    )


def oneof_field_missing(path: str, name: str, fields: Sequence[ProtoField]) -> Finding:
    """A choice of the writer that the reader takes for none."""
    names = ", ".join(said(field) for field in fields)[:150]
    return Finding(
        "oneof-field-missing",
        path,
        f"oneof {name} with {names}",
        f"oneof {name} without it",
        f"Keep {names} in the oneof: a reader without it takes the oneof for empty. Mark it [deprecated = true].",
        keep=f"Add {names} to readers first, and promise BACKWARD: earlier readers take the oneof for empty.",
    )


def enum_value_unknown(path: str, reader: Declared, writer: Declared, numbers: Sequence[int]) -> Finding:
    """Numbers that an enum does not name whose reader refuses or drops them."""
    assert isinstance(writer.type, ProtoEnum), "an enum writes it"
    names = {number: name for name, number in reversed(writer.type.values)}
    listed = ", ".join(f"{names[number]} = {number}" for number in numbers)[:150]
    does = "drops" if reader.is_closed else "refuses"
    return Finding(
        "enum-value-unknown",
        path,
        f"an enum with {listed}",
        f"enum {reader.name} without it",
        f"Keep the values {listed}: the reader {does} a number that its enum does not name.",
        keep=f"Send no {listed} before each reader has it: a reader {does} a number that its enum does not name.",
    )


def enum_value_renumbered(path: str, reader: ProtoEnum, writer: ProtoEnum, names: Sequence[str]) -> Finding:
    """A name with another number: the bytes have the number, and mean another value."""
    old, new = (", ".join(f"{name} = {dict(enum.values)[name]}" for name in names)[:150] for enum in (writer, reader))
    return Finding(
        "enum-value-renumbered",
        path,
        old,
        new,
        f"Keep the numbers: {old}. A new value takes a new number.",
        keep=f"Keep the numbers: {new}. A new value takes a new number.",
    )


def default_changed(path: str, old: str, new: str) -> Finding:
    """A value that was not sent is another value to the reader."""
    return Finding(
        "default-changed",
        path,
        f"default {old}",
        f"default {new}",
        f"Keep [default = {old}]: a value that was left out means it.",
        keep=f"Keep [default = {new}], or always set the field.",
    )


def json_name_changed(path: str, old: str, new: str) -> Finding:
    """A field is found by its name in JSON."""
    return Finding(
        "json-name-changed",
        path,
        f'"{old}" in JSON',
        f'"{new}" in JSON',
        f'Keep the name in JSON: [json_name = "{old}"]',
        keep=f'Keep the name in JSON: [json_name = "{new}"]',
    )


def json_name_moved(path: str, name: str, old: int, new: int) -> Finding:
    """A name of an earlier field is given to another one."""
    text = f'Give the new field another name, or [json_name = "..."]: "{name}" belongs to another number.'
    return Finding("json-name-moved", path, f'"{name}" = {old}', f'"{name}" = {new}', text, keep=text)


def json_form_changed(path: str, reader: ProtoField, writer: ProtoField, kind: str, written: str) -> Iterator[Finding]:
    """JSON has another form for a truth value, an enum and bytes than for what their bytes are alike to."""
    if {kind, written} & {"bool", "enum", "bytes"}:
        yield _changed("json-form-changed", path, reader, writer)


def enum_value_renamed(path: str, reader: ProtoEnum, names: Sequence[str]) -> Finding:
    """An enum's value is its name in JSON."""
    listed = ", ".join(names)[:150]
    return Finding(
        "enum-value-renamed",
        path,
        f"values {listed}",
        f"enum {reader.name} without these names",
        f"Keep the names {listed}, or have both under one number with allow_alias.",
        keep=f"Send no {listed} before each reader knows the name.",
    )
