"""Pairs of message classes by dice: a class, and what a few changes make of it; and whether the one reads what the other wrote."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import uuid
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Annotated, Any

import msgspec

from partita.codec.protobuf import ProtobufCodec
from partita.errors import Malformed
from partita.schemas import Alias, Millis
from partita.schemas.evolution.finding import Finding
from partita.schemas.evolution.protobuf import ProtobufRules
from partita.schemas.fields.plain_default import NATIVE
from partita.schemas.fields.shape import Shape
from partita.schemas.languages import schema_of
from partita.schemas.protobuf.numbering import give_numbers
from partita.testing.generators.values import struct_of, value_of

PLAIN = (
    str,
    int,
    float,
    bool,
    bytes,
    dt.datetime,
    Annotated[dt.datetime, Millis],
    dt.date,
    dt.time,
    uuid.UUID,
    decimal.Decimal,
)
TEXTS = (dt.date, dt.time, uuid.UUID, decimal.Decimal)
SEED = 15
STATES = ("NEW", "PAID", "SENT", "LOST")


@dataclass(frozen=True)
class FieldOf:
    """A field of a class in the making. `default` = it has one, made by the dice's seed."""

    name: str
    kind: Any
    default: int | None = None
    before: str = ""


class ClassPairs:
    """Shapes of an older and a newer class of one message, with the numbers of one lock."""

    def __init__(self, dice: Random, folder: Path) -> None:
        self._dice = dice
        self._folder = folder
        self._made = 0

    def pair(self) -> tuple[Shape, Shape]:
        """The older one and the newer one."""
        self._made += 1
        folder = self._folder / f"p{self._made}"
        folder.mkdir()
        states, lines = self._states(), [FieldOf("f_sku", str), FieldOf("f_count", int, 1)]
        fields = [FieldOf(f"f_{n}", kind) for n, kind in enumerate(self._kinds())]
        shapes = []
        for is_new in (False, True):
            if is_new:
                for _ in range(self._dice.randint(1, 3)):
                    states, lines, fields = self._changed(states, lines, fields)
            members = {name: name.lower() for name in states}
            types: dict[str, Any] = {"State": enum.Enum("State", members, module=__name__)}  # type: ignore[misc]  # made
            types["Line"] = _struct("Line", lines, types)
            shapes.append(Shape("Made", "pairs", _struct("Made", fields, types), "protobuf", folder))
            give_numbers(folder, shapes[-1:])
        return shapes[0], shapes[1]

    def _states(self) -> tuple[str, ...]:
        return STATES[: self._dice.randint(1, 3)]

    def _kinds(self) -> list[Any]:
        return [self._kind() for _ in range(self._dice.randint(1, 5))]

    def _kind(self, depth: int = 0) -> Any:
        """A type, the named ones by their names: they differ from class to class."""
        dice = self._dice
        draw = dice.random()
        if draw < 0.45 or depth > 2:
            return dice.choice((*PLAIN, "State", "Line"))
        if draw < 0.6:
            return ("list", self._kind(depth + 1))
        if draw < 0.7:
            return ("dict", self._kind(depth + 1))
        if draw < 0.8:
            return ("union", int | str | list[bool])
        inner = self._kind(depth + 1)
        return inner if _may_be_none(inner) else ("none", inner)

    def _changed(
        self, states: tuple[str, ...], lines: list[FieldOf], fields: list[FieldOf]
    ) -> tuple[tuple[str, ...], list[FieldOf], list[FieldOf]]:
        dice = self._dice
        match dice.choice(("states", "lines", *("fields",) * 6)):
            case "states":
                return STATES[: dice.randint(1, 4)], lines, fields
            case "lines":
                return states, self._changed_fields(lines, within=True), fields
        return states, lines, self._changed_fields(fields)

    def _changed_fields(self, fields: list[FieldOf], *, within: bool = False) -> list[FieldOf]:
        """Changes of the message, or of the record within it, which does not hold itself."""
        dice = self._dice
        kind = dice.choice((*PLAIN, "State")) if within else self._kind()
        place = dice.randrange(len(fields))
        field = fields[place]
        match dice.choice(("drop", "add", "add", "rename", "default", "type", "none", "list")):
            case "drop" if len(fields) > 1:
                return [*fields[:place], *fields[place + 1 :]]
            case "add":
                name = f"f_{dice.choice('xyz')}{dice.randint(0, 99)}"
                default = dice.choice((None, dice.randint(0, 9)))
                return fields if any(each.name == name for each in fields) else [*fields, FieldOf(name, kind, default)]
            case "rename" if not field.before:
                changed = replace(field, name=f"{field.name}_renamed", before=field.name)
            case "default":
                changed = replace(field, default=dice.choice((None, dice.randint(0, 9))))
            case "type":
                changed = replace(field, kind=kind)
            case "none":
                changed = replace(field, kind=field.kind[1] if _may_be_none(field.kind) else ("none", field.kind))
            case _:
                changed = replace(field, kind=("list", field.kind))
        return [*fields[:place], changed, *fields[place + 1 :]]


def _may_be_none(kind: Any) -> bool:
    return isinstance(kind, tuple) and kind[0] == "none"


def _annotation(kind: Any, types: dict[str, Any]) -> Any:
    match kind:
        case str():
            return types[kind]
        case ("list", inner):
            return list[_annotation(inner, types)]  # type: ignore[misc]  # made, not written
        case ("dict", inner):
            return dict[str, _annotation(inner, types)]  # type: ignore[misc]
        case ("none", inner):
            return _annotation(inner, types) | None
        case ("union", inner):
            return inner
    return kind


def _struct(name: str, fields: list[FieldOf], types: dict[str, Any]) -> Any:
    made: list[Any] = []
    for each in fields:
        kind = _annotation(each.kind, types)
        noted = Annotated[kind, Alias(each.before)] if each.before else kind
        given = () if each.default is None else (msgspec.field(default_factory=_default(kind, each.default)),)
        made.append((each.name, noted, *given))
    return msgspec.defstruct(name, made, module=__name__, kw_only=True, frozen=True)


def _default(kind: Any, seed: int) -> Any:
    return lambda: value_of(kind, Random(seed), 3)


@dataclass(frozen=True)
class Direction:
    """A writer's class and a reader's class, each with a codec of its own that has learned it."""

    writer: Shape
    reader: Shape

    def findings(self) -> tuple[Finding, ...]:
        """The reasons why the reader cannot take each value."""
        return tuple(ProtobufRules(classes=True).compare(schema_of(self.reader), schema_of(self.writer)))

    def texts(self) -> str:
        """Both schemas, for a failure."""
        return f"{schema_of(self.writer)}\n--- read as\n{schema_of(self.reader)}"

    def misread(self, dice: Random, values: int) -> Any:
        """The first of so many values that is refused, or read as another one; None = there is none."""
        writes, reads = ProtobufCodec(), ProtobufCodec()
        fingerprint = writes.learn(self.writer)
        if reads.learn(self.reader) != fingerprint:
            reads.teach(fingerprint, writes.schema_text(fingerprint) or "")
        aliases = _aliases(self.reader.struct), _aliases(self.writer.struct)
        for _ in range(values):
            value = struct_of(self.writer.struct, dice)
            _, data = writes.encode(self.writer, value)
            try:
                read = reads.decode(self.reader, fingerprint, data)
            except Malformed:
                return value
            if not _agree(_plain(value), _plain(read), aliases):
                return value
        return None


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value, builtin_types=NATIVE)


def _aliases(struct: Any) -> dict[str, str]:
    """The earlier names of the fields of a class and of its line, by the names that they have."""
    found: dict[str, str] = {}
    for each in (struct, *_structs_in(struct)):
        for name, hint in each.__annotations__.items():
            found.update((name, note.name) for note in getattr(hint, "__metadata__", ()) if isinstance(note, Alias))
    return found


def _structs_in(struct: Any) -> list[Any]:
    waiting, found = list(struct.__annotations__.values()), list[Any]()
    while waiting:
        kind = waiting.pop()
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            found.append(kind)
        else:
            waiting += getattr(kind, "__args__", ())
    return found


def _agree(written: Any, read: Any, aliases: tuple[dict[str, str], dict[str, str]]) -> bool:
    """Whether plain values are equal as far as both have the fields; the names of fields begin with `f_`."""
    if isinstance(written, dict) and isinstance(read, dict):
        if not any(name.startswith("f_") for name in (*written, *read)):
            return written.keys() == read.keys() and all(_agree(written[n], read[n], aliases) for n in read)
        ours, theirs = aliases
        before = {old: name for name, old in theirs.items() if name in written}
        for name, held in read.items():
            known = next((each for each in (name, ours.get(name), before.get(name)) if each in written), None)
            if known is not None and not _agree(written[known], held, aliases):
                return False
        return True
    if isinstance(written, list) and isinstance(read, list):
        return len(written) == len(read) and all(_agree(a, b, aliases) for a, b in zip(written, read, strict=True))
    if isinstance(read, str) and not isinstance(written, str):  # a text of one kind, read as any text
        return isinstance(written, TEXTS) and bool(msgspec.convert(read, type(written)) == written)
    return type(written) is type(read) and bool(written == read)


def settle(folder: Path, pairs: int, *, values: int, tries: int) -> Counter[str]:
    """Read values of so many pairs in both directions: all are equal where the rules let a pair pass, and of a refused one a value
    is found that is not."""
    dice = Random(SEED)
    source, count = ClassPairs(dice, folder), Counter[str]()
    for _ in range(pairs):
        older, newer = source.pair()
        for each in (Direction(older, newer), Direction(newer, older)):
            found = each.findings()
            first = each.misread(dice, tries if found else values)
            assert (first is None) is not bool(found), f"{each.texts()}\n{found}\n{first}"
            count["refused" if found else "pass"] += 1
            count["values"] += 0 if found else values
    return count
