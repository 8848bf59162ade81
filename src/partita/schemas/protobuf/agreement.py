"""Whether a writer and a reader mean the same fields by their numbers: a number is all that Protobuf writes of a name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from partita.schemas.protobuf.identifiers import camel, enum_value, snake, wire_name
from partita.schemas.protobuf.layout import BOX
from partita.schemas.protobuf.names import declared_types, message_at
from partita.schemas.protobuf.numbers import Numbers, number_of
from partita.schemas.protobuf.proto_file import ProtoEnum, ProtoField, ProtoFile, ProtoMessage

FIRST = (0,)
_READ_AS = {"int64": ("int32", "uint32"), "string": ("bytes",), "bytes": ("string",)}
"""The types of a writer that are read as another type without a change of the value."""


def disagreement(writer: ProtoFile, name: str, reader: ProtoFile, numbers: Numbers) -> str:
    """The first field or enum value whose number means another one at the writer; empty = there is none. `name` is the full name
    of the writer's message. Its records and enums may be in it or beside it; `numbers` are the reader's.
    """
    their, root = declared_by_name(writer, name), message_at(reader, FIRST)
    renamed: dict[str, str] = {}
    for path, message in _within(reader, root):
        other = their(renamed.get(path, path))
        owner = path or reader.messages[0].name
        known = _names_by_number(numbers, owner)
        if isinstance(message, ProtoMessage) and isinstance(other, ProtoMessage):
            at_writer = {field.number: field for field in other.fields}
            for field in message.fields:
                if field.number in at_writer:
                    theirs = at_writer[field.number]
                    renamed |= _renamed_boxes(message, path, field.name, theirs.name)
                    why = _of_field(theirs, _as_named_by(renamed, field, root), known.get(field.number, set()))
                    if why:
                        return f"{owner}: {why}"
        elif isinstance(message, ProtoEnum) and isinstance(other, ProtoEnum):
            at_writer_values: dict[int, list[str]] = {}
            for name, number in other.values:
                at_writer_values.setdefault(number, []).append(name)
            for name, number in message.values:
                names = at_writer_values.get(number, [name])
                if number and not any(name in (each, enum_value(message.name, each)) for each in names):
                    return f"{owner}: {number} is {' and '.join(names)} at its writer, and {name} here"
    return ""


def without_presence(writer: ProtoFile, name: str, reader: ProtoFile) -> frozenset[tuple[str, str]]:
    """The fields of the reader that the writer has without presence, by record and name in the file. Such a writer leaves
    out what is 0 or empty."""
    if writer.syntax != "proto3":
        return frozenset()
    their, root = declared_by_name(writer, name), reader.messages[0].name
    found = set()
    for path, message in _within(reader, message_at(reader, FIRST)):
        other = their(path)
        if isinstance(message, ProtoMessage) and isinstance(other, ProtoMessage):
            bare = {field.number for field in other.fields if field.label == "" and field.oneof is None}
            found |= {(path or root, f.name) for f in message.fields if f.label == "optional" and f.number in bare}
    return frozenset(found)


def declared_by_name(file: ProtoFile, message: str) -> Callable[[str], ProtoMessage | ProtoEnum | None]:
    """The declaration of each name within a message of a file, as `Line` or `Line.Part`; an empty name is the message itself.
    One that is not in the message is taken from the rest of the file, as other programs declare it."""
    types = declared_types(file)
    by_last_part = {name.rpartition(".")[2]: declared for name, declared in reversed(types.items())}

    def find(path: str) -> ProtoMessage | ProtoEnum | None:
        within = types.get(f"{message}.{path}" if path else message)
        return within or by_last_part.get(path.rpartition(".")[2])

    return find


def _renamed_boxes(message: ProtoMessage, path: str, ours: str, theirs: str) -> dict[str, str]:
    """The messages that hold the values of a field, by their paths here, with their paths at the writer: they have the name of
    the field, which was another one there."""
    if ours == theirs:
        return {}
    around = f"{path}." if path else ""
    found = ((each.name, BOX.fullmatch(each.name.removeprefix(camel(ours)))) for each in message.messages)
    return {
        f"{around}{name}": f"{around}{camel(theirs)}{box[0]}"
        for name, box in found
        if box is not None and name.startswith(camel(ours))
    }


def _as_named_by(renamed: Mapping[str, str], field: ProtoField, root: str) -> ProtoField:
    """A field with its type under the name that it has at the writer."""
    path = field.type.removeprefix(f"{root}.")
    return replace(field, type=f"{root}.{renamed[path]}") if path in renamed else field


def _of_field(theirs: ProtoField, ours: ProtoField, names: set[str]) -> str:
    if ours.name not in (called := {theirs.name, snake(theirs.name), snake(wire_name(theirs))}) and not called & names:
        return f"the number {ours.number} is {theirs.name} at its writer, and {ours.name} here"
    one, other = _kind(theirs), _kind(ours)
    is_alike = theirs.map_key == ours.map_key and (theirs.label == "repeated") is (ours.label == "repeated")
    if one != other and not (is_alike and theirs.type in _READ_AS.get(ours.type, ())):
        return f"{ours.name} is {one} at its writer, and {other} here"
    return ""


def _kind(field: ProtoField) -> str:
    """The type of a field, of a message its name without the scope."""
    kind = field.type.rpartition(".")[2]
    if field.map_key is not None:
        return f"map<{field.map_key}, {kind}>"
    return f"repeated {kind}" if field.label == "repeated" else kind


def _names_by_number(numbers: Numbers, owner: str) -> dict[int, set[str]]:
    """The names that a number has or had, as they are in a file."""
    table: Mapping[str, int | str] = numbers.given.get(owner, {})
    found: dict[int, set[str]] = {}
    for name in table:
        found.setdefault(number_of(table, name), set()).add(snake(name))
    return found


def _within(file: ProtoFile, root: str) -> Iterator[tuple[str, ProtoMessage | ProtoEnum]]:
    """A message of a file and all that is declared in it, by the path within it."""
    for name, declared in declared_types(file).items():
        if name == root or name.startswith(f"{root}."):
            yield name[len(root) + 1 :], declared
