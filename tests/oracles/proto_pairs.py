"""Pairs of .proto files by dice: a file, and what a few changes make of it, some of which a reader survives."""

from __future__ import annotations

import random
from dataclasses import replace

from partita.schemas.protobuf.proto_file import ProtoEnum, ProtoField, ProtoFile, ProtoMessage

WHOLE = ("int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64", "sfixed32", "sfixed64", "bool")
SCALARS = (*WHOLE, "float", "double", "string", "bytes")
KEYS = ("int32", "int64", "string", "bool", "uint32")
WIDER = {
    "int32": "int64",
    "uint32": "uint64",
    "sint32": "sint64",
    "string": "bytes",
    "bool": "int32",
    "fixed32": "sfixed32",
}
NARROWER = {wide: narrow for narrow, wide in WIDER.items()}
CHANGES_MAX = 3
DEFAULTS = {
    "int32": ("5", "-1", "0"),
    "string": ('"a"', '"b"', '""'),
    "bool": ("true", "false"),
    "double": ("1.5", "0.0"),
}


class Pairs:
    """A source of pairs. Each has a package of its own, so that all may be built at once."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._count = 0

    def pair(self) -> tuple[ProtoFile, ProtoFile]:
        """An old file and a new one."""
        self._count += 1
        first = self._file(f"p{self._count}")
        second = first
        for _ in range(self._dice.randint(1, CHANGES_MAX)):
            second = self._changed(second)
        return first, second

    def _file(self, package: str) -> ProtoFile:
        is_old = self._dice.random() < 0.3
        part = ProtoMessage(name="Part", fields=self._fields(is_old, []))
        other = ProtoMessage(name="Other", fields=self._fields(is_old, []))
        kinds = [f"{package}.{name}" for name in ("Part", "Other", "Kind", "Order")]
        order = ProtoMessage(name="Order", fields=self._fields(is_old, kinds, many=True), reserved=((90, 95),))
        values = (("NONE", 0), ("ONE", 1), ("TWO", 2), *((("LESS", -1),) if self._dice.random() < 0.3 else ()))
        return ProtoFile(
            package=package,
            messages=(order, part, other),
            enums=(ProtoEnum(name="Kind", values=values),),
            syntax="proto2" if is_old else "proto3",
        )

    def _fields(self, is_old: bool, kinds: list[str], *, many: bool = False) -> tuple[ProtoField, ...]:
        count = self._dice.randint(3, 7) if many else self._dice.randint(1, 3)
        return tuple(self._field(number, is_old, kinds) for number in range(1, count + 1))

    def _field(self, number: int, is_old: bool, kinds: list[str]) -> ProtoField:
        dice = self._dice
        kind = dice.choice(kinds) if kinds and dice.random() < 0.35 else dice.choice(SCALARS)
        form = dice.choice(("one", "one", "optional", "repeated", "map", "oneof"))
        field = ProtoField(name=f"f{number}", number=number, type=kind)
        if form == "map":
            return replace(field, map_key=dice.choice(KEYS))
        if form == "oneof":
            return replace(field, oneof="pick")
        if form == "repeated":
            return replace(field, label="repeated")
        label = "optional" if is_old or form == "optional" else ""
        if is_old and dice.random() < 0.2 and not kind.endswith(".Order"):  # a value that needs itself has no end
            label = "required"
        defaults = DEFAULTS.get(kind, ()) if is_old and label == "optional" and dice.random() < 0.5 else ()
        return replace(field, label=label, options=(("default", dice.choice(defaults)),) if defaults else ())

    # Changes: of the file, of its enum, of a message, of a field.

    def _changed(self, file: ProtoFile) -> ProtoFile:
        dice = self._dice
        draw = dice.random()
        if draw < 0.02:
            return _with_package(file, f"{file.package}b")
        if draw < 0.05:
            used = {each.type for message in file.messages for each in message.fields}
            kept = [m for m in file.messages if m.name == "Order" or f"{file.package}.{m.name}" in used]
            return replace(file, messages=tuple(kept))
        if draw < 0.08:
            messages = list(file.messages)
            first = messages.pop(0)
            dice.shuffle(messages)
            return replace(file, messages=(first, *messages))
        if draw < 0.2:
            return replace(file, enums=(self._enum(file.enums[0]),))
        if draw < 0.23:
            return _renamed(file, "Part", "Portion")
        place = dice.randrange(len(file.messages))
        messages = list(file.messages)
        messages[place] = self._message(messages[place], file)
        return replace(file, messages=tuple(messages))

    def _enum(self, enum: ProtoEnum) -> ProtoEnum:
        dice = self._dice
        first, *others = enum.values
        match dice.choice(("add", "drop", "rename", "swap", "reserve")):
            case "add":
                taken = {number for _, number in enum.values}
                low = min(set(range(3, 20)) - taken)
                return replace(enum, values=(*enum.values, (f"MORE{low}", low)))
            case "drop" if others:
                return replace(enum, values=(first, *others[:-1]))
            case "reserve" if others and not enum.reserved:
                name, number = others[-1]
                return replace(enum, values=(first, *others[:-1]), reserved=((number, number),), reserved_names=(name,))
            case "rename" if others:
                return replace(enum, values=(first, *others[1:], (f"{others[0][0]}X", others[0][1])))
            case "swap" if len(others) > 1:
                (one, a), (two, b), *rest = others
                return replace(enum, values=(first, (one, b), (two, a), *rest))
        return enum

    def _message(self, message: ProtoMessage, file: ProtoFile) -> ProtoMessage:
        dice = self._dice
        fields = list(message.fields)
        if not fields or dice.random() < 0.15:
            taken = [each.number for each in fields] + [low for low, _ in message.reserved if low < 90]
            number = max(taken, default=0) + 1
            kinds = [f"{file.package}.{each.name}" for each in (*file.messages, *file.enums)]
            added = self._field(number, file.syntax == "proto2", kinds if message.name == "Order" else [])
            return replace(message, fields=(*fields, added))
        place = dice.randrange(len(fields))
        field = fields[place]
        match dice.choice(("drop", "reserve", "change", "change", "change", "change", "oneof", "unreserve")):
            case "drop":
                del fields[place]
            case "reserve":
                del fields[place]
                ranges = (*message.reserved, (field.number, field.number))
                names = (*message.reserved_names, field.name)
                return replace(message, fields=tuple(fields), reserved=tuple(sorted(ranges)), reserved_names=names)
            case "unreserve":
                return replace(message, reserved=())
            case "oneof":
                inside = [each.oneof is None and not each.map_key and each.label != "repeated" for each in fields]
                chosen = [n for n, fits in enumerate(inside) if fits][: dice.randint(1, 2)]
                for n in chosen:
                    plain = tuple(each for each in fields[n].options if each[0] != "default")
                    fields[n] = replace(fields[n], oneof="chosen", label="", options=plain)
            case _:
                fields[place] = self._changed_field(field, file)
        return replace(message, fields=tuple(fields))

    def _changed_field(self, field: ProtoField, file: ProtoFile) -> ProtoField:
        dice = self._dice
        is_old = file.syntax == "proto2"
        plain = replace(field, options=())
        match dice.choice(("type", "wider", "narrower", "name", "label", "label", "enum", "out", "default", "number")):
            case "type":
                return replace(plain, type=dice.choice(SCALARS))
            case "wider" | "narrower" as how:
                table = WIDER if how == "wider" else NARROWER
                return replace(plain, type=table.get(field.type, field.type))
            case "name":
                return replace(field, name=f"{field.name}x")
            case "enum":
                kind = f"{file.package}.Kind"
                return replace(plain, type="int32" if field.type == kind else kind)
            case "out" if field.oneof is not None:
                return replace(plain, oneof=None, label="optional")
            case "default" if is_old and field.label == "optional" and field.type in DEFAULTS:
                return replace(field, options=(("default", dice.choice(DEFAULTS[field.type])),))
            case "number":
                return replace(field, number=field.number + 20)
            case "label" if field.oneof is None and field.map_key is None:
                labels = ("optional", "repeated", "required") if is_old else ("", "optional", "repeated")
                chosen = dice.choice(labels)
                return plain if chosen == "required" and plain.type.endswith(".Order") else replace(plain, label=chosen)
        return field


def _with_package(file: ProtoFile, package: str) -> ProtoFile:
    own = f"{file.package}."
    messages = tuple(
        replace(
            message,
            fields=tuple(
                replace(each, type=f"{package}.{each.type[len(own) :]}") if each.type.startswith(own) else each
                for each in message.fields
            ),
        )
        for message in file.messages
    )
    return replace(file, package=package, messages=messages)


def _renamed(file: ProtoFile, old: str, new: str) -> ProtoFile:
    full = f"{file.package}.{old}"
    messages = tuple(
        replace(
            message,
            name=new if message.name == old else message.name,
            fields=tuple(
                replace(each, type=f"{file.package}.{new}") if each.type == full else each for each in message.fields
            ),
        )
        for message in file.messages
    )
    return replace(file, messages=messages)
