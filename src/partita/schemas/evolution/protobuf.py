"""The rules of Protobuf: whether a reader takes from the bytes of each value what its writer put in.

They follow the specification ("Updating a message type", "Oneof features") and the wire format: a number names a field, so names
are free, fields come and go, and `optional` changes presence alone. They are stricter than Confluent's and buf's where bytes are
read without an error and mean another value: a number that is cut off, a list of which the last item stays, two fields of which
one clears the other. With `json` the names count, too: Protobuf's JSON form has them in place of numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from partita.schemas.evolution import protobuf_advice as advice
from partita.schemas.evolution.finding import Finding
from partita.schemas.evolution.pairs import Pairs
from partita.schemas.evolution.protobuf_default import default_of
from partita.schemas.evolution.protobuf_types import Declared, Types, are_alike
from partita.schemas.protobuf.comment import DEFAULT, REQUIRED, read_comment
from partita.schemas.protobuf.identifiers import wire_name
from partita.schemas.protobuf.proto_file import SCALARS, ProtoEnum, ProtoField, ProtoMessage

DEPTH_MAX = 100
"""Messages within each other, as fields: a chain of messages is deep although its text is flat."""

_READ_BY_CLASSES = (("int64", "int32"), ("int64", "uint32"), ("bytes", "string"), ("string", "bytes"))
"""The reader's kind and the writer's."""


@dataclass(frozen=True, slots=True)
class _Field:
    """A field of the reader and the writer's field of the same number, at a path."""

    reader: ProtoField
    writer: ProtoField
    path: str


class ProtobufRules:
    """Whether a reader's .proto file takes each value of a writer's. `json` is for values in Protobuf's JSON form, `classes` for
    readers that are message classes: they refuse a number that their enum does not name, one value in place of a list, and types
    that are alike on the wire alone."""

    def __init__(self, *, json: bool = False, classes: bool = False) -> None:
        self._json = json
        self._classes = classes

    def compare(self, reader: str, writer: str) -> Sequence[Finding]:
        """As `Rules.compare`. A text with imports is a bundle of `schemas/protobuf/bundle.py`."""
        return _Comparison(Types(reader), Types(writer), json=self._json, classes=self._classes).findings()


class _Comparison:
    """One walk over two files."""

    def __init__(self, reads: Types, writes: Types, *, json: bool, classes: bool) -> None:
        self._reads, self._writes, self._json, self._classes = reads, writes, json, classes
        self._pairs = Pairs(DEPTH_MAX)

    def findings(self) -> tuple[Finding, ...]:
        """The findings of each message that a value may be of."""
        old, new = self._writes.file.package, self._reads.file.package
        if old != new:
            return (advice.package_changed(old, new),)
        found: dict[Finding, None] = {}
        for writer in self._writes.roots():
            path = writer.name.removeprefix(f"{old}.") if old else writer.name
            reader = self._reads.of(writer.name)
            if reader is None or not isinstance(reader.type, ProtoMessage):
                found[advice.message_missing(path)] = None
            else:
                found.update(dict.fromkeys(self._messages(reader, writer, path)))
        return tuple(found)

    def _messages(self, reader: Declared, writer: Declared, path: str) -> tuple[Finding, ...]:
        return self._pairs.findings((reader.name, writer.name), path, lambda: self._message(reader, writer, path))

    def _message(self, reader: Declared, writer: Declared, path: str) -> Iterator[Finding]:
        reads, writes = self._reads.fields(reader), self._writes.fields(writer)
        self._pairs.count(len(reads) + len(writes), path)
        for number, field in reads.items():
            written = writes.get(number)
            if written is not None:
                yield from self._field(_Field(field, written, f"{path}.{field.name}"))
                continue
            if _is_required(field):
                yield advice.required_missing(f"{path}.{field.name}", field, None)
        yield from _oneofs(reads, writes, path)
        if self._json:
            yield from _names(reads, writes, path)

    def _field(self, pair: _Field) -> Iterator[Finding]:
        reader, writer = pair.reader, pair.writer
        if _is_required(reader) and not _is_always_set(writer):
            yield advice.required_missing(pair.path, reader, writer)
        if self._classes and _has_default(reader) and _may_be_none(writer):
            yield advice.none_read_as_default(pair.path, reader, writer)
        is_list_of_one = self._classes and reader.label == "repeated" != writer.label
        if is_list_of_one or (reader.map_key is None) != (writer.map_key is None):
            yield advice.type_changed(pair.path, reader, writer)
            return
        if reader.map_key is not None and writer.map_key is not None:
            read, written = (replace(each, type=each.map_key or "", map_key=None, doc="") for each in (reader, writer))
            yield from self._types(_Field(read, written, f"{pair.path}{{key}}"))
            yield from self._types(replace(pair, path=f"{pair.path}{{}}"))
            return
        yield from self._types(replace(pair, path=f"{pair.path}[]") if reader.label == "repeated" else pair)
        if not self._are_alike(self._reads.kind_of(reader), self._writes.kind_of(writer)):
            return
        if writer.label == "repeated" != reader.label:
            yield advice.list_read_as_one(pair.path, reader, writer)
        elif "repeated" not in (reader.label, writer.label):
            yield from self._default(pair)

    def _types(self, pair: _Field) -> Iterator[Finding]:
        """The findings of two single values."""
        kind, written = self._reads.kind_of(pair.reader), self._writes.kind_of(pair.writer)
        if not self._are_alike(kind, written):
            yield advice.type_changed(pair.path, pair.reader, pair.writer)
        elif kind == "message":
            reader, writer = self._reads.of(pair.reader.type), self._writes.of(pair.writer.type)
            assert reader is not None and writer is not None, "the kind is known"
            if self._classes and reader.role != writer.role:
                yield advice.type_changed(pair.path, pair.reader, pair.writer)
            else:
                yield from self._messages(reader, writer, pair.path)
        elif kind == written == "string":
            if self._classes and self._is_other_text(pair):
                yield advice.kind_changed(pair.path, pair.reader, pair.writer)
        elif (kind, written) == ("string", "bytes"):
            yield advice.bytes_read_as_text(pair.path, pair.reader, pair.writer)
        elif kind != written or kind == "enum":
            yield from self._numbers(pair)
        if self._json and kind != written and are_alike(kind, written):
            yield from advice.json_form_changed(pair.path, pair.reader, pair.writer, kind, written)

    def _is_other_text(self, pair: _Field) -> bool:
        """Whether a class reads texts of one kind, and its writer writes others. A program without classes says no kind."""
        kind = read_comment(pair.reader).kind
        return kind is not None and kind is not read_comment(pair.writer).kind and self._writes.is_of_classes

    def _are_alike(self, kind: str, written: str) -> bool:
        return are_alike(kind, written) and (
            not self._classes or kind == written or (kind, written) in _READ_BY_CLASSES
        )

    def _numbers(self, pair: _Field) -> Iterator[Finding]:
        """The findings of two whole numbers, an enum's among them."""
        reads, writes = self._reads.numbers(pair.reader), self._writes.numbers(pair.writer)
        if reads is None or writes is None:
            return
        reader, writer = self._reads.of(pair.reader.type), self._writes.of(pair.writer.type)
        if reader is not None and not reader.is_closed and not self._classes:
            reads = range(-(2**31), 2**31)  # an open enum keeps a number that it does not name
        if writer is not None and reader is not None:
            unknown = sorted(number for number in writes if number not in reads)
            if unknown:
                yield advice.enum_value_unknown(pair.path, reader, writer, unknown)
        elif not _fits(writes, reads):
            yield advice.number_narrowed(pair.path, pair.reader, pair.writer)
        if reader is not None and writer is not None:
            yield from self._values(reader, writer, pair.path)

    def _values(self, reader: Declared, writer: Declared, path: str) -> Iterator[Finding]:
        """The findings of two enums: a name that has another number is another value."""
        assert isinstance(reader.type, ProtoEnum) and isinstance(writer.type, ProtoEnum), "both are enums"
        read = dict(reader.type.values)
        moved = [name for name, number in writer.type.values if read.get(name, number) != number]
        if moved:
            yield advice.enum_value_renumbered(path, reader.type, writer.type, moved)
        if self._json:
            renamed = [name for name, _ in writer.type.values if name not in read]
            if renamed:
                yield advice.enum_value_renamed(path, reader.type, renamed)

    def _default(self, pair: _Field) -> Iterator[Finding]:
        """An absent value is read as the reader's default."""
        if self._reads.kind_of(pair.reader) == "message" or pair.reader.label == "required" == pair.writer.label:
            return
        old, new = default_of(pair.writer, self._writes), default_of(pair.reader, self._reads)
        if old != new:
            yield advice.default_changed(pair.path, str(old), str(new))


def _is_required(field: ProtoField) -> bool:
    """Whether a reader refuses a message without the field: by its label in proto2, by the mark of a message class."""
    return field.label == "required" or field.doc.rpartition("\n")[2] == REQUIRED


def _is_always_set(field: ProtoField) -> bool:
    """Whether a writer sets the field each time. A class sets those with a default, too; without presence 0 is read as set."""
    mark = field.doc.rpartition("\n")[2]
    has_no_presence = field.label == "" and field.oneof is None and field.type in SCALARS
    return field.label == "required" or mark == REQUIRED or mark.startswith(DEFAULT) or has_no_presence


def _has_default(field: ProtoField) -> bool:
    """Whether a message class reads an absent field as another default than none."""
    return field.doc.rpartition("\n")[2].startswith(DEFAULT)


def _may_be_none(field: ProtoField) -> bool:
    """Whether a message class leaves the field out where it is none."""
    return field.label != "repeated" and field.map_key is None and not _is_always_set(field)


def _fits(writes: range | frozenset[int], reads: range | frozenset[int]) -> bool:
    """Whether a reader has room for each number of a writer."""
    if isinstance(writes, range) and isinstance(reads, range):
        return writes.start >= reads.start and writes.stop <= reads.stop
    if isinstance(writes, range) and writes.stop - writes.start > len(reads):
        return False
    return all(number in reads for number in writes)


def _oneofs(reads: dict[int, ProtoField], writes: dict[int, ProtoField], path: str) -> Iterator[Finding]:
    """A oneof holds one value: the last one that is read clears the others."""
    groups: dict[str, list[ProtoField]] = {}
    for field in reads.values():
        if field.oneof is not None:
            groups.setdefault(field.oneof, []).append(field)
    choices: dict[str, list[ProtoField]] = {}
    for field in writes.values():
        if field.oneof is not None:
            choices.setdefault(field.oneof, []).append(field)
    for name, fields in groups.items():
        written = [writes[field.number] for field in fields if field.number in writes]
        together = {field.oneof or field.number for field in written}
        if len(together) > 1:
            yield advice.fields_into_oneof(f"{path}.{name}", name, written)
        for oneof in dict.fromkeys(field.oneof for field in written if field.oneof):
            missing = [field for field in choices[oneof] if field.number not in reads]
            if missing:
                yield advice.oneof_field_missing(f"{path}.{name}", name, missing)


def _names(reads: dict[int, ProtoField], writes: dict[int, ProtoField], path: str) -> Iterator[Finding]:
    """The names that a field has in JSON: they are its number there."""
    read = {wire_name(field): field for field in reads.values()}
    for number, field in writes.items():
        name = wire_name(field)
        found = reads.get(number)
        if found is not None and wire_name(found) != name:
            yield advice.json_name_changed(f"{path}.{found.name}", name, wire_name(found))
        elif found is None and name in read:
            yield advice.json_name_moved(f"{path}.{field.name}", name, number, read[name].number)
