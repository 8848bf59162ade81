"""Where the numbers of a message are: in the lock of the project that owns it, or in the .proto file that its owner exported."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from partita.errors import DeclarationError, UnknownSchema
from partita.schemas.fields.reading import Reading, read
from partita.schemas.fields.shape import Shape
from partita.schemas.protobuf.agreement import declared_by_name, disagreement
from partita.schemas.protobuf.bundle import parse_bundle
from partita.schemas.protobuf.identifiers import enum_value, snake, value_names, wire_name
from partita.schemas.protobuf.import_search import in_folders, with_imports
from partita.schemas.protobuf.lock import FOLDER, NAME, folder_of, read_lock, write_lock
from partita.schemas.protobuf.names import message_named, widened
from partita.schemas.protobuf.numbers import NUMBER_MAX, PROTOBUFS_OWN, Given, Numbers, completed, missing, names_of
from partita.schemas.protobuf.proto_file import ProtoEnum, ProtoFile, ProtoMessage

ENDING = ".proto"
FILE_BYTES_MAX = 1_000_000
RESERVED_MAX = 1_000
"""A longer range of reserved numbers has no lines in the lock: it is the end of all numbers."""


def numbers_of(shape: Shape) -> Numbers:
    """The numbers of a message, as far as they are given: by the lock of its project, else by the newest file that its owner
    exported.

    Raises:
        DeclarationError: the lock or the file cannot be read, or gives one number to two names.
    """
    folder = folder_of(shape)
    if folder is None:
        return Numbers()
    given = read_lock(folder).get(shape.full_name)
    if given is not None:
        return Numbers(given, str(folder / NAME))
    files = {int(path.stem): path for path in (folder / shape.full_name).glob(f"*{ENDING}") if path.stem.isdecimal()}
    return _of_owner(files[max(files)], shape) if files else Numbers(source=str(folder / NAME))


def give_numbers(folder: Path, shapes: Iterable[Shape]) -> Path | None:
    """Give numbers to the names of these messages that have none, in the lock of a folder; returns its path where it changed. A
    message that the lock does not have yet keeps the numbers of its newest file: its owner wrote it, or it was imported.

    Raises:
        DeclarationError: as `numbers_of`. OSError: the lock cannot be written.
    """
    lock = dict(read_lock(folder))
    for shape in shapes:
        given = lock.get(shape.full_name)
        if given is None:
            given = _taken_over(numbers_of(replace(shape, home=folder)), read(shape)) if folder.is_dir() else {}
        lock[shape.full_name] = completed(Numbers(given), read(shape)).given
    return write_lock(folder, lock)


def check_numbers(shape: Shape, numbers: Numbers, reading: Reading) -> None:
    """Refuse a message with a name that has no number: each process would choose one of its own, and fields would be swapped.

    Raises:
        DeclarationError: names the names and the command to run.
    """
    found = missing(numbers, reading)
    if not found:
        return
    names = f"{', '.join(found[:5])}{' ...' if found[5:] else ''}"
    if numbers.owners is not None:
        raise DeclarationError(
            f"{shape.full_name} has no number in Protobuf for {names}: the newest file of its owner, {numbers.source}, does not "
            "have them.",
            hint="Copy the owner's folder of the message again, or leave the fields out.",
        )
    looked = numbers.source or f"no {FOLDER}/{NAME} above {shape.home or 'its module'}"
    raise DeclarationError(
        f"{shape.full_name} has no number in Protobuf for {names} ({looked}).",
        hint=f"Run `partita schema export {FOLDER}` and commit the folder; a wheel has it inside its package. For a message of "
        f"another project copy its owner's folder {FOLDER}/{shape.full_name}.",
    )


def is_numbered(shape: Shape) -> bool:
    """Whether each name of a message has a number."""
    return not missing(numbers_of(shape), read(shape))


def check_owner(shape: Shape, numbers: Numbers, file: ProtoFile) -> None:
    """Refuse a class whose fields have other types than in the file of the message's owner.

    Raises:
        DeclarationError: names the field and both types.
    """
    why = "" if numbers.owners is None else disagreement(numbers.owners, numbers.message, file, numbers)
    if why:
        raise DeclarationError(
            f"{shape.full_name} is not declared as its owner has it in {numbers.source}: {why}.",
            hint="The owner is the writer there. Declare the field as the owner does, or leave it out.",
        )


def numbers_in(file: ProtoFile, message: str, reading: Reading, source: str = "") -> Numbers:
    """The numbers that a file of another program gives to the names of a class. `message` is the full name of the message there;
    its records and enums may be in it or beside it."""
    find = declared_by_name(file, message)
    given: dict[str, dict[str, int | str]] = {}
    for owner, name, aliases in names_of(reading):
        declared = find("" if owner == reading.root.name else owner)
        if isinstance(declared, ProtoMessage):
            known = {key: each.number for each in declared.fields for key in (wire_name(each), each.name)}
            names = [each for alias in (name, *aliases) for each in (alias, snake(alias))]
        else:
            known = dict(declared.values) if declared is not None else {}
            names = list(value_names(owner, name))
        number = next((known[each] for each in names if each in known), None)
        if number is not None:
            given.setdefault(owner, {})[name] = number
    return Numbers(given, source, file, message)


def _taken_over(numbers: Numbers, reading: Reading) -> Given:
    """The numbers of a file that another project gave, with those that no name may have again: of fields that the class leaves
    out, and of those that the file reserves."""
    if numbers.owners is None:
        return numbers.given
    find = declared_by_name(numbers.owners, numbers.message)
    given: dict[str, dict[str, int | str]] = {}
    for owner in dict.fromkeys(owner for owner, _, _ in names_of(reading)):
        declared = find("" if owner == reading.root.name else owner)
        table = given[owner] = dict(numbers.given.get(owner, {}))
        for name, number in () if declared is None else _named_in(declared, owner):
            if 0 < number <= NUMBER_MAX and number not in (*table.values(), *PROTOBUFS_OWN):
                table.setdefault(name, number)
    return given


def _named_in(declared: ProtoMessage | ProtoEnum, owner: str) -> Iterator[tuple[str, int]]:
    """The names of a record or an enum with their numbers, and a name for each number that is reserved."""
    names = declared.reserved_names
    if isinstance(declared, ProtoMessage):
        yield from ((wire_name(field), field.number) for field in declared.fields)
    else:
        prefix = enum_value(owner, "")
        yield from ((name.removeprefix(prefix).lower(), number) for name, number in declared.values)
        names = tuple(name.removeprefix(prefix).lower() for name in names)
    numbers = [n for low, high in declared.reserved if high - low < RESERVED_MAX for n in range(low, high + 1)]
    if len(names) != 1 or len(numbers) != 1:  # which name had which number is not in the file
        names = tuple(f"reserved_{number}" for number in numbers)
    yield from zip(names, numbers, strict=True)


def _of_owner(path: Path, shape: Shape) -> Numbers:
    """The numbers that the file of a message's owner gives to the names of a class."""
    try:
        with path.open("rb") as opened:
            text = opened.read(FILE_BYTES_MAX + 1).decode("utf-8-sig")
        file, imports = parse_bundle(with_imports(text, in_folders((path.parent, path.parent.parent))))
        name = message_named(file, shape.full_name)
    except (OSError, ValueError, IndexError, UnknownSchema) as error:
        raise DeclarationError(
            f"{path} is no file of a message in Protobuf: {error!s:.300}", hint="Copy it again from its owner."
        ) from error
    return numbers_in(widened(file, imports), name, read(shape), str(path))
