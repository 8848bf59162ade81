"""Field numbers: the number of each field and of each enum value of a message, given once and never to another name.

Numbers are kept for every name that a record ever had. A name that its class has no more is reserved in the .proto file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from partita.errors import DeclarationError
from partita.schemas.fields.reading import Reading
from partita.schemas.protobuf.layout import symbols_of
from partita.schemas.protobuf.proto_file import ProtoFile

NUMBER_MAX = 2**29 - 1
PROTOBUFS_OWN = range(19_000, 20_000)

Given = Mapping[str, Mapping[str, int | str]]
"""For each record and each enum of a message its names with their numbers. An earlier name in the place of a number: the field
was renamed, and has that name's number."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of one message. `source` is where they are from, for errors. `owners` is the file of another project that gives
    the numbers, and `message` the full name of the message there; None = this project gives them, and reserves the numbers of
    names that are gone."""

    given: Given = field(default_factory=dict)
    source: str = ""
    owners: ProtoFile | None = None
    message: str = ""

    def of(self, owner: str) -> dict[str, int]:
        """The numbers of a record or an enum by name."""
        table = self.given.get(owner, {})
        return {name: number_of(table, name) for name in table}


def number_of(table: Mapping[str, int | str], name: str) -> int:
    """The number of a name, also of one that is the later name of another."""
    held = table[name]
    if isinstance(held, str):
        held = table[held]
    assert isinstance(held, int), name
    return held


def completed(numbers: Numbers, reading: Reading) -> Numbers:
    """The numbers with those of names that have none yet: a renamed field keeps its number, any other name gets the next one."""
    given = {owner: dict(table) for owner, table in numbers.given.items()}
    for owner, name, aliases in names_of(reading):
        table = given.setdefault(owner, {})
        if name in table:
            continue
        before = next((alias for alias in aliases if alias in table), None)
        if before is None:
            table[name] = _next(table.values())
        else:
            held = table[before]
            table[name] = held if isinstance(held, str) else before
    return replace(numbers, given=given)


def completed_apart(numbers: Numbers, reading: Reading) -> Numbers:
    """The numbers with others for names that a file of another program does not have: from the end, where it has none."""
    given = {owner: dict(table) for owner, table in numbers.given.items()}
    free = iter(range(NUMBER_MAX, 0, -1))
    for name in missing(numbers, reading):
        owner, _, own = name.partition(".")
        table = given.setdefault(owner, {})
        table[own] = next(number for number in free if number not in table.values())
    return replace(numbers, given=given)


def missing(numbers: Numbers, reading: Reading) -> list[str]:
    """The names without a number, as `Line.sku`."""
    return [f"{owner}.{name}" for owner, name, _ in names_of(reading) if name not in numbers.given.get(owner, {})]


def names_of(reading: Reading) -> Iterable[tuple[str, str, tuple[str, ...]]]:
    """Each name that has a number, with its record or enum and its earlier names, in the order of the declarations."""
    for record in reading.records.values():
        for entry in record.entries:
            yield record.name, entry.name, entry.field.aliases
    for enum, values in symbols_of(reading).items():
        for value in values:
            yield enum, value, ()


def check_table(table: Mapping[str, object], owner: str, where: str) -> None:
    """Refuse numbers that cannot be, or that two names have.

    Raises:
        DeclarationError: names both.
    """
    taken: dict[int, str] = {}
    for name, held in table.items():
        if isinstance(held, str):
            if type(table.get(held)) is not int:
                raise DeclarationError(
                    f"{where}: {owner}.{name} has the number of {held!r:.80}, which has none.",
                    hint=f"Give back the line of {held}, with the number that it had: git log -p {where}",
                )
            continue
        if type(held) is not int or not 0 < held <= NUMBER_MAX or held in PROTOBUFS_OWN:
            raise DeclarationError(
                f"{where}: {owner}.{name} = {held!r:.80} is no number of a field.",
                hint=f"git checkout {where}; `partita schema export` writes it, and no person edits it.",
            )
        other = taken.setdefault(held, name)
        if other != name:
            raise DeclarationError(
                f"{where}: {owner} gives the number {held} to {other} and to {name}.",
                hint="Two branches took it. Keep the line of the field that was released, or merged, first; delete the "
                "other, and run `partita schema export` again.",
            )


def _next(held: Iterable[int | str]) -> int:
    number = max((each for each in held if isinstance(each, int)), default=0) + 1
    return PROTOBUFS_OWN.stop if number in PROTOBUFS_OWN else number
