"""Values of Protobuf messages by dice, and whether a reader takes the same from their bytes. Google's `protobuf` runs both sides."""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Callable
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError

Check = Callable[[Any, Any], bool]
"""Whether a part of a message that was written is the same in the message that was read."""
Same = Callable[[Any, Any], bool]
DEPTH_MAX = 2
_INT32 = (0, 1, -1, 5, 2**31 - 1, -(2**31))
_UINT32 = (0, 1, 5, 2**31, 2**32 - 1)
_INT64 = (*_INT32, 2**32, 2**63 - 1, -(2**63))
_UINT64 = (*_UINT32, 2**32, 2**63, 2**64 - 1)
VALUES: dict[int, tuple[Any, ...]] = {
    FieldDescriptor.TYPE_INT32: _INT32, FieldDescriptor.TYPE_SINT32: _INT32, FieldDescriptor.TYPE_SFIXED32: _INT32,
    FieldDescriptor.TYPE_UINT32: _UINT32, FieldDescriptor.TYPE_FIXED32: _UINT32,
    FieldDescriptor.TYPE_INT64: _INT64, FieldDescriptor.TYPE_SINT64: _INT64, FieldDescriptor.TYPE_SFIXED64: _INT64,
    FieldDescriptor.TYPE_UINT64: _UINT64, FieldDescriptor.TYPE_FIXED64: _UINT64,
    FieldDescriptor.TYPE_BOOL: (True, False), FieldDescriptor.TYPE_STRING: ("", "a", "\u00e4\0", "long" * 9),
    FieldDescriptor.TYPE_BYTES: (b"", b"a", b"\xff\xfe", b"\0" * 9),
    FieldDescriptor.TYPE_DOUBLE: (0.0, 1.5, -1e300, math.inf), FieldDescriptor.TYPE_FLOAT: (0.0, 1.5, -2.0, math.inf),
}  # fmt: skip


def value_of(cls: Any, dice: random.Random, chance: float, depth: int = 0) -> Any:
    """A message in which each field is set with a chance; a required one always is, and of a oneof the last one stays."""
    found = cls()
    for field in cls.DESCRIPTOR.fields:
        if not field.is_required and dice.random() >= chance:
            continue
        is_message = field.type == FieldDescriptor.TYPE_MESSAGE
        if is_message and depth >= DEPTH_MAX and not field.is_required:
            continue
        if is_map(field):
            _fill_map(getattr(found, field.name), field, dice, chance, depth)
        elif field.is_repeated:
            for _ in range(dice.randint(0, 3)):
                if is_message:
                    getattr(found, field.name).add().CopyFrom(_inner(field, dice, chance, depth))
                else:
                    getattr(found, field.name).append(_single(field, dice))
        elif is_message:
            getattr(found, field.name).CopyFrom(_inner(field, dice, chance, depth))
        else:
            setattr(found, field.name, _single(field, dice))
    return found


def _inner(field: FieldDescriptor, dice: random.Random, chance: float, depth: int) -> Any:
    return value_of(field.message_type._concrete_class, dice, chance, depth + 1)


def _single(field: FieldDescriptor, dice: random.Random) -> Any:
    if field.enum_type is not None:
        return dice.choice([each.number for each in field.enum_type.values])
    return dice.choice(VALUES[field.type])


def _fill_map(held: Any, field: FieldDescriptor, dice: random.Random, chance: float, depth: int) -> None:
    key, value = (field.message_type.fields_by_number[number] for number in (1, 2))
    for _ in range(dice.randint(0, 2)):
        if value.type == FieldDescriptor.TYPE_MESSAGE:
            held[_single(key, dice)].CopyFrom(_inner(value, dice, chance, depth))
        else:
            held[_single(key, dice)] = _single(value, dice)


def is_map(field: FieldDescriptor) -> bool:
    """Whether the field is a map."""
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def reads_equal(value: Any, reader: Any) -> bool:
    """Whether a reader takes from a value's bytes what its writer put in, as far as it has the fields."""
    read = reader()
    try:
        read.ParseFromString(value.SerializePartialToString())
    except (DecodeError, UnicodeDecodeError):
        return False
    try:
        return read.IsInitialized() and _same(value, read)
    except UnicodeDecodeError:
        return False


def _same(value: Any, read: Any) -> bool:
    return all(check(value, read) for check in _checks(type(value), type(read)))


@functools.cache
def _checks(writer: Any, reader: Any) -> list[Check]:
    """The checks of two classes, each of one field or one oneof: made once, since descriptors are slow to ask."""
    written, fields = writer.DESCRIPTOR, reader.DESCRIPTOR
    common = [(field, fields.fields_by_number.get(number)) for number, field in written.fields_by_number.items()]
    return [
        *(_check_of_field(field, found) for field, found in common if found is not None),
        *(_check_of_choice(written, each) for each in fields.oneofs if not _is_presence(each)),
    ]


def _check_of_choice(written: Any, oneof: Any) -> Check:
    """A reader that has a oneof does not take it for empty where the writer chose a field that it does not know."""
    name, known = oneof.name, {field.number for field in oneof.containing_type.fields}
    numbers = {field.number for field in oneof.fields}
    unknown = {field.name for field in written.fields if field.number not in known}
    theirs = [
        each.name
        for each in written.oneofs
        if not _is_presence(each) and any(field.number in numbers for field in each.fields)
    ]
    return lambda value, read: (
        read.WhichOneof(name) is not None or not any(value.WhichOneof(each) in unknown for each in theirs)
    )


def _is_presence(oneof: Any) -> bool:
    """Whether a oneof exists in the descriptor alone, for the presence of one field of proto3."""
    return len(oneof.fields) == 1 and oneof.name == f"_{oneof.fields[0].name}"


def _check_of_field(field: FieldDescriptor, found: FieldDescriptor) -> Check:
    name, other = field.name, found.name
    if is_map(field) != is_map(found):
        return lambda value, read: False
    if is_map(field):
        same_maps = _same_maps(field, found)
        return lambda value, read: same_maps(getattr(value, name), getattr(read, other))
    same = _same_single(field, found)
    if field.is_repeated and not found.is_repeated:
        # A list is the value that a reader takes where it has one, and where it has none that is absent.
        has_presence = found.has_presence

        def one_of_list(value: Any, read: Any) -> bool:
            items = getattr(value, name)
            if not items:
                return not (read.HasField(other) if has_presence else getattr(read, other))
            return len(items) == 1 and same(items[0], getattr(read, other))

        return one_of_list
    if found.is_repeated and not field.is_repeated:
        is_explicit = field.has_presence

        def list_of_one(value: Any, read: Any) -> bool:
            held, items = getattr(value, name), getattr(read, other)
            is_set = value.HasField(name) if is_explicit else bool(held)
            return len(items) == is_set and all(same(held, each) for each in items)

        return list_of_one
    if field.is_repeated:
        return lambda value, read: _same_lists(getattr(value, name), getattr(read, other), same)
    if field.type == FieldDescriptor.TYPE_MESSAGE == found.type:
        return lambda value, read: (
            value.HasField(name) == read.HasField(other)
            and (not value.HasField(name) or _same(getattr(value, name), getattr(read, other)))
        )
    return lambda value, read: same(getattr(value, name), getattr(read, other))


def _same_lists(one: Any, other: Any, same: Same) -> bool:
    return len(one) == len(other) and all(map(same, one, other))


def _same_maps(field: FieldDescriptor, found: FieldDescriptor) -> Same:
    keys, values = (
        _same_single(field.message_type.fields_by_number[n], found.message_type.fields_by_number[n]) for n in (1, 2)
    )

    def same(one: Any, other: Any) -> bool:
        if len(one) != len(other):
            return False
        for key in one:
            match = [each for each in other if keys(key, each)]
            if len(match) != 1 or not values(one[key], other[match[0]]):
                return False
        return True

    return same


def _same_single(field: FieldDescriptor, found: FieldDescriptor) -> Same:
    """Whether a value that was written is the one that was read."""
    is_message = FieldDescriptor.TYPE_MESSAGE
    if (field.type == is_message) != (found.type == is_message):
        return lambda one, other: False
    if field.type == is_message:
        return _same
    if field.enum_type is not None and found.enum_type is not None:
        names = {each.number: each.name for each in field.enum_type.values}
        known = {name: each.number for name, each in found.enum_type.values_by_name.items()}
        return lambda one, other: bool(one == other) and known.get(names.get(one, ""), other) == other

    def same(one: Any, other: Any) -> bool:
        one, other = (each.encode() if isinstance(each, str) else each for each in (one, other))
        return isinstance(one, bytes) == isinstance(other, bytes) and bool(one == other)

    return same
