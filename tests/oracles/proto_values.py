"""Values of Protobuf messages by dice, and whether a reader takes the same from their bytes. Google's `protobuf` runs both sides."""

from __future__ import annotations

import math
import random
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError

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
    written: Descriptor = value.DESCRIPTOR
    fields: Descriptor = read.DESCRIPTOR
    for number, field in written.fields_by_number.items():
        found = fields.fields_by_number.get(number)
        if found is not None and not _same_field(value, field, read, found):
            return False
    return all(_same_choice(value, each, read) for each in fields.oneofs if not _is_presence(each))


def _same_choice(value: Any, oneof: Any, read: Any) -> bool:
    """A reader that has a oneof does not take it for empty where the writer chose a field that it does not know."""
    if read.WhichOneof(oneof.name) is not None:
        return True
    numbers = {field.number for field in oneof.fields}
    for choice in value.DESCRIPTOR.oneofs:
        if not _is_presence(choice) and any(field.number in numbers for field in choice.fields):
            chosen = value.WhichOneof(choice.name)
            number = value.DESCRIPTOR.fields_by_name[chosen].number if chosen else None
            if number is not None and number not in read.DESCRIPTOR.fields_by_number:
                return False
    return True


def _is_presence(oneof: Any) -> bool:
    """Whether a oneof exists in the descriptor alone, for the presence of one field of proto3."""
    return len(oneof.fields) == 1 and oneof.name == f"_{oneof.fields[0].name}"


def _same_field(value: Any, field: FieldDescriptor, read: Any, found: FieldDescriptor) -> bool:
    if is_map(field) != is_map(found):
        return False
    if is_map(field):
        return _same_maps(value, field, read, found)
    one, other = getattr(value, field.name), getattr(read, found.name)
    if field.is_repeated and not found.is_repeated:
        # A list is the value that a reader takes where it has one, and where it has none that is absent.
        return len(one) <= 1 and _same_field_of_list(one, field, read, found)
    if found.is_repeated and not field.is_repeated:
        is_set = value.HasField(field.name) if field.has_presence else bool(one)
        return len(other) == is_set and all(_same_single(one, field, each, found) for each in other)
    if field.is_repeated:
        return len(one) == len(other) and all(_same_single(a, field, b, found) for a, b in zip(one, other, strict=True))
    if field.type == FieldDescriptor.TYPE_MESSAGE == found.type:
        if value.HasField(field.name) != read.HasField(found.name):
            return False
        return not value.HasField(field.name) or _same(one, other)
    return _same_single(one, field, other, found)


def _same_field_of_list(one: Any, field: FieldDescriptor, read: Any, found: FieldDescriptor) -> bool:
    if not one:
        return not read.HasField(found.name) if found.has_presence else not getattr(read, found.name)
    return _same_single(one[0], field, getattr(read, found.name), found)


def _same_maps(value: Any, field: FieldDescriptor, read: Any, found: FieldDescriptor) -> bool:
    one, other = getattr(value, field.name), getattr(read, found.name)
    keys, values = (tuple(each.message_type.fields_by_number[n] for each in (field, found)) for n in (1, 2))
    if len(one) != len(other):
        return False
    for key in one:
        match = [each for each in other if _same_single(key, keys[0], each, keys[1])]
        if len(match) != 1 or not _same_single(one[key], values[0], other[match[0]], values[1]):
            return False
    return True


def _same_single(one: Any, field: FieldDescriptor, other: Any, found: FieldDescriptor) -> bool:
    is_message = FieldDescriptor.TYPE_MESSAGE
    if (field.type == is_message) != (found.type == is_message):
        return False
    if field.type == is_message:
        return _same(one, other)
    if field.enum_type is not None and found.enum_type is not None:
        names = {each.number: each.name for each in field.enum_type.values}
        known = found.enum_type.values_by_name.get(names.get(one, ""))
        return bool(one == other) and (known is None or known.number == other)
    plain = [each.encode() if isinstance(each, str) else each for each in (one, other)]
    if any(isinstance(each, bytes) for each in plain) != all(isinstance(each, bytes) for each in plain):
        return False
    return bool(plain[0] == plain[1])
