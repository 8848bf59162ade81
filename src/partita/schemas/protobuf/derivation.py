"""Protobuf (proto3) derived from message classes: a `ProtoFile` of one message, in which its records and enums lie.

The message's own name is the one name in the package, so the files of all messages of a service compile together. Bounds have no
words in Protobuf: the codec checks them (docs/decisions/0022).
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from partita.errors import DeclarationError
from partita.schemas.fields.field import Field
from partita.schemas.fields.reading import Reading, Record, read
from partita.schemas.fields.shape import Shape
from partita.schemas.fields.wire_type import Nested, Scalar, Symbols
from partita.schemas.protobuf.agreement import declared_by_name
from partita.schemas.protobuf.comment import DEFAULT, KINDS, REQUIRED, SUBJECT, default_line
from partita.schemas.protobuf.identifiers import check_identifier, enum_value, json_name, snake
from partita.schemas.protobuf.layout import (
    BOX_NUMBER,
    CHOICE,
    ENTRIES,
    ITEMS,
    Boxed,
    Choice,
    Form,
    Mapped,
    Placed,
    Repeated,
    fields_of,
    symbols_of,
)
from partita.schemas.protobuf.numbers import Numbers, completed
from partita.schemas.protobuf.printing import printed
from partita.schemas.protobuf.proto_file import ProtoEnum, ProtoField, ProtoFile, ProtoMessage
from partita.schemas.protobuf.value_form import check_defaults
from partita.schemas.protobuf.well_known import WELL_KNOWN

MARK = "protobuf:"
TIMESTAMP, TIMESTAMP_FILE = "google.protobuf.Timestamp", "google/protobuf/timestamp.proto"
NO_IMPORTS: Mapping[str, ProtoFile] = MappingProxyType({})
REDACTED = ("debug_redact", "true")
"""Protobuf's own option for personal data: printed messages leave the field out."""

SCALARS = {
    Scalar.TEXT: "string",
    Scalar.WHOLE: "int64",
    Scalar.REAL: "double",
    Scalar.TRUTH: "bool",
    Scalar.BYTES: "bytes",
    Scalar.INSTANT: TIMESTAMP,
    Scalar.INSTANT_MILLIS: TIMESTAMP,
    Scalar.TIME: "string",
    Scalar.DAY: "string",
    Scalar.UUID: "string",
    Scalar.DECIMAL: "string",
}


def proto_file(shape: Shape, numbers: Numbers, *, revision: int | None = None) -> ProtoFile:
    """The .proto file of a shape in `revision` (default: the newest). A name without a number gets the next one.

    Raises:
        DeclarationError: Protobuf has no form for a name or a default.
    """
    newest = read(shape)
    reading = newest if revision is None else read(shape, revision)
    return file_of(reading, shape, completed(numbers, newest), newest)


def file_of(reading: Reading, shape: Shape, numbers: Numbers, newest: Reading) -> ProtoFile:
    """The .proto file of a reading. Names with numbers that the newest reading does not have are reserved.

    Raises:
        DeclarationError: as `proto_file`.
    """
    check_identifier(shape.name, f"The message {shape.name}")
    for part in shape.namespace.split("."):
        check_identifier(part, f"{shape.full_name}: {part!r}")
    derivation = _Derivation(reading, shape, numbers, newest)
    message = derivation.root()
    try:
        check_defaults(reading, numbers)
    except ValueError as error:
        raise DeclarationError(
            f"{reading.root.name}: a default has no form in Protobuf: {error}.",
            hint="Make the field `T | None = None`.",
        ) from error
    _check_scope(message, shape.name)
    imports = (TIMESTAMP_FILE,) if derivation.has_instants else ()
    return ProtoFile(package=shape.namespace, messages=(message,), imports=imports)


def fingerprint(file: ProtoFile, imports: Mapping[str, ProtoFile] = NO_IMPORTS) -> str:
    """`protobuf:` and 16 hex digits that name a schema: SHA-256 of its text without comments and marks, and of the texts that
    it imports. The default that a comment gives an absent field counts: two readers with other defaults read one value as two."""
    others = (each for name, each in sorted(imports.items()) if name not in WELL_KNOWN)
    bare = (
        dataclasses.replace(each, messages=tuple(map(_without_words, each.messages)), options=())
        for each in (file, *others)
    )
    return MARK + hashlib.sha256("".join(map(printed, bare)).encode()).hexdigest()[:16]


def _without_words(message: ProtoMessage) -> ProtoMessage:
    fields = tuple(
        dataclasses.replace(
            field,
            doc="\n".join(line for line in field.doc.splitlines()[-1:] if line == REQUIRED or line.startswith(DEFAULT)),
            options=tuple(option for option in field.options if option != REDACTED),
        )
        for field in message.fields
    )
    enums = tuple(dataclasses.replace(enum, doc="") for enum in message.enums)
    inner = tuple(map(_without_words, message.messages))
    return dataclasses.replace(message, doc="", fields=fields, enums=enums, messages=inner)


class _Derivation:
    """One walk over a reading."""

    def __init__(self, reading: Reading, shape: Shape, numbers: Numbers, newest: Reading) -> None:
        self._reading = reading
        self._numbers = numbers
        self._root = shape.full_name
        self._in_use = {name: {entry.name for entry in record.entries} for name, record in newest.records.items()}
        self._in_use |= {name: set(values) for name, values in symbols_of(newest).items()}
        self.has_instants = False

    def root(self) -> ProtoMessage:
        """The message with its records and enums in it."""
        records = list(self._reading.records.values())
        message = self._record(records[0], self._root)
        others = [self._record(record, f"{self._root}.{record.name}") for record in records[1:]]
        enums = [self._enum(name, values) for name, values in symbols_of(self._reading).items()]
        return dataclasses.replace(message, messages=(*message.messages, *others), enums=tuple(enums))

    def _record(self, record: Record, full_name: str) -> ProtoMessage:
        numbers = self._numbers.of(record.name)
        boxes: list[ProtoMessage] = []
        fields: list[ProtoField] = []
        taken: dict[int, str] = {}
        for placed in fields_of(record):
            where = f"{record.name}.{placed.entry.field.name}"
            number = numbers[placed.entry.name]
            other = taken.setdefault(number, placed.entry.name)
            if other != placed.entry.name:
                raise DeclarationError(
                    f"{where} has the number {number} of {record.name}.{other}, which was its name before.",
                    hint=f"Give it another name, or leave {other} out.",
                )
            _check_aliases(placed.entry.field, numbers, number, where)
            fields.append(self._field(placed, number, full_name, boxes, where))
        numbers_gone, names_gone = self._reserved(record.name, numbers, taken.values())
        return ProtoMessage(
            name=check_identifier(record.name, f"The record {record.name}"),
            fields=tuple(fields),
            messages=tuple(boxes),
            reserved=numbers_gone,
            reserved_names=tuple(
                sorted({snake(name) for name in names_gone}.difference(field.name for field in fields))
            ),
            doc=record.doc,
        )

    def _field(self, placed: Placed, number: int, scope: str, boxes: list[ProtoMessage], where: str) -> ProtoField:
        check_identifier(placed.entry.name, where, "Rename it on the wire: msgspec.field(name=...).")
        options = [] if json_name(placed.name) == placed.entry.name else [("json_name", f'"{placed.entry.name}"')]
        if placed.entry.field.is_pii:
            options.append(REDACTED)
        return ProtoField(
            name=placed.name,
            number=number,
            type=self._type(placed.form, scope, boxes),
            label=placed.label,
            map_key="string" if isinstance(placed.form, Mapped) else None,
            options=tuple(sorted(options)),
            doc="\n".join(_doc(placed, self._reading.records, where)),
        )

    def _type(self, form: Form, scope: str, boxes: list[ProtoMessage]) -> str:
        """The name of a form's type; messages of ours for it are put into `boxes`, which lie in `scope`."""
        match form:
            case Scalar():
                self.has_instants = self.has_instants or SCALARS[form] == TIMESTAMP
                return SCALARS[form]
            case Symbols(name, _) | Nested(name):
                return self._root if name == self._reading.root.name else f"{self._root}.{name}"
            case Repeated(of) | Mapped(of):
                return self._type(of, scope, boxes)
            case Boxed(name, inner):
                is_map = isinstance(inner, Mapped)
                field = ProtoField(
                    name=ENTRIES if is_map else ITEMS,
                    number=BOX_NUMBER,
                    type=self._type(inner, scope, boxes),
                    label="" if is_map else "repeated",
                    map_key="string" if is_map else None,
                    doc=_kind_of(inner),
                )
                boxes.append(ProtoMessage(name=name, fields=(field,)))
            case Choice(name, members, _):
                fields = tuple(
                    ProtoField(
                        name=member.name,
                        number=member.number,
                        type=self._type(member.form, scope, boxes),
                        oneof=CHOICE,
                        doc=_kind_of(member.form),
                    )
                    for member in members
                )
                boxes.append(ProtoMessage(name=name, fields=fields))
        return f"{scope}.{name}"

    def _enum(self, name: str, values: tuple[str, ...]) -> ProtoEnum:
        numbers = self._numbers.of(name)
        zero = enum_value(name, "unspecified")
        found = {zero: 0}
        for value in values:
            hint = "Protobuf names the value by its text: letters a to z, digits, and one of - . / or a space between them."
            called = check_identifier(enum_value(name, value), f"The value {value!r:.80} of {name}", hint)
            if called in found:
                raise DeclarationError(
                    f"Two values of {name} are {called} in Protobuf, one of them {value!r:.80}.",
                    hint="Rename one of them.",
                )
            found[called] = numbers[value]
        numbers_gone, names_gone = self._reserved(name, numbers, values)
        gone = set(names_gone) if self._numbers.owners is not None else {enum_value(name, each) for each in names_gone}
        return ProtoEnum(
            name=check_identifier(name, f"The enum {name}"),
            values=tuple(sorted(found.items(), key=lambda item: item[1])),
            reserved=numbers_gone,
            reserved_names=tuple(sorted(gone.difference(found))),
        )

    def _reserved(
        self, owner: str, numbers: dict[str, int], live: Iterable[str]
    ) -> tuple[tuple[tuple[int, int], ...], list[str]]:
        """The numbers that nothing may have again, as ranges, and their names."""
        if self._numbers.owners is not None:
            return self._reserved_by_owner(owner, {0, *(numbers[name] for name in live)})
        in_use = self._in_use[owner]
        gone = [name for name in numbers if name not in in_use]
        taken = {numbers[name] for name in in_use}
        return _ranges(sorted({numbers[name] for name in gone} - taken)), gone

    def _reserved_by_owner(self, owner: str, live: set[int]) -> tuple[tuple[tuple[int, int], ...], list[str]]:
        """Those of another project's file, as it has them, but a range with a number that this class gives apart."""
        assert self._numbers.owners is not None
        find = declared_by_name(self._numbers.owners, self._numbers.message)
        declared = find("" if owner == self._reading.root.name else owner)
        if declared is None:
            return (), []
        free = tuple(each for each in declared.reserved if not any(each[0] <= n <= each[1] for n in live))
        return free, list(declared.reserved_names)


def _check_aliases(field: Field, numbers: dict[str, int], number: int, where: str) -> None:
    """Refuse an earlier name that has another number: its values would be passed over in silence."""
    for alias in field.aliases:
        if numbers.get(alias, number) != number:
            raise DeclarationError(
                f"{where} has the number {number}, and {alias}, its earlier name, has {numbers[alias]}.",
                hint=f'If no message with {number} was sent yet, write {field.wire_name} = "{alias}" in the lock; else leave '
                "Alias out, and read both fields.",
            )


def _ranges(numbers: list[int]) -> tuple[tuple[int, int], ...]:
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return tuple(found)


def _kind_of(form: Form) -> str:
    """The line of a comment that says the kind of a field's values; empty = its type says it."""
    while isinstance(form, Repeated | Mapped):
        form = form.of
    return KINDS.get(form, "") if isinstance(form, Scalar) else ""


def _doc(placed: Placed, records: Mapping[str, Record], where: str) -> Iterator[str]:
    entry, field = placed.entry, placed.entry.field
    if field.doc:
        yield from field.doc.splitlines()
    kind = _kind_of(placed.form)
    if kind:
        yield kind
    if field.is_subject:
        yield SUBJECT
    # An absent list is empty in each language, and none is written by leaving it out.
    if not placed.none_is_absent and not isinstance(placed.form, Repeated | Mapped):
        yield REQUIRED if field.required else default_line(entry.default, entry.type, records, where)


def _check_scope(message: ProtoMessage, where: str) -> None:
    """Refuse two things of one name in a message: fields, oneofs, messages, enums and their values are in one scope."""
    names = [
        *(field.name for field in message.fields),
        *dict.fromkeys(field.oneof for field in message.fields if field.oneof),
        *(inner.name for inner in message.messages),
        *(enum.name for enum in message.enums),
        *(name for enum in message.enums for name, _ in enum.values),
    ]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise DeclarationError(
                f"{where}: two of its fields, records and enums are {name} in Protobuf.", hint="Rename one of them."
            )
    for inner in message.messages:
        _check_scope(inner, f"{where}.{inner.name}")
