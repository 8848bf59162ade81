"""Checks of one message or one enum by itself: numbers and names that clash."""

from __future__ import annotations

from partita.schemas.protobuf.proto_file import ProtoEnum, ProtoMessage
from partita.schemas.protobuf.tokens import Place, refused

Range = tuple[int, int]


def check_message(message: ProtoMessage, place: Place) -> None:
    """Refuse fields that share a number, or have one that is reserved.

    Raises:
        UnknownSchema: the message breaks a rule.
    """
    taken: dict[int, str] = {}
    names = {field.name for field in message.fields}
    for field in message.fields:
        if field.number in taken:
            raise refused(
                f"{taken[field.number]} and {field.name} of {message.name} have the number {field.number}", place
            )
        taken[field.number] = field.name
    _check_ranges(message.name, [*message.reserved, *message.extension_ranges], taken, place)
    for name in message.reserved_names:
        if name in names:
            raise refused(f"{message.name} has a field of the reserved name {name}", place)


def check_enum(declared: ProtoEnum, syntax: str, place: Place) -> None:
    """Refuse values that share a number without `allow_alias`, or have one that is reserved.

    Raises:
        UnknownSchema: the enum breaks a rule.
    """
    if not declared.values:
        raise refused(f"the enum {declared.name} has no value", place)
    if syntax == "proto3" and declared.values[0][1] != 0:
        raise refused(f"the first value of the enum {declared.name} is not 0, as proto3 asks", place)
    taken: dict[int, str] = {}
    for name, number in declared.values:
        if number in taken and ("allow_alias", "true") not in declared.options:
            raise refused(f"{taken[number]} and {name} of {declared.name} have the number {number}", place)
        taken.setdefault(number, name)
    _check_ranges(declared.name, list(declared.reserved), taken, place)
    for name, _ in declared.values:
        if name in declared.reserved_names:
            raise refused(f"{declared.name} has a value of the reserved name {name}", place)


def _check_ranges(owner: str, ranges: list[Range], taken: dict[int, str], place: Place) -> None:
    """Refuse ranges that overlap, and numbers in them. Both are in order, so each is looked at once."""
    ordered = sorted(ranges)
    for before, after in zip(ordered, ordered[1:], strict=False):
        if after[0] <= before[1]:
            raise refused(f"{owner} reserves {after[0]} twice", place)
    numbers = sorted(taken)
    at = 0
    for first, last in ordered:
        while at < len(numbers) and numbers[at] < first:
            at += 1
        if at < len(numbers) and numbers[at] <= last:
            raise refused(f"the number {numbers[at]} of {taken[numbers[at]]} is reserved in {owner}", place)
