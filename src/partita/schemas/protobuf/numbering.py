"""Where the numbers of a message are: in the lock of the project that owns it."""

from __future__ import annotations

from partita.errors import DeclarationError
from partita.schemas.fields.reading import Reading
from partita.schemas.fields.shape import Shape
from partita.schemas.protobuf.lock import FOLDER, NAME, folder_of, read_lock
from partita.schemas.protobuf.numbers import Numbers, missing


def numbers_of(shape: Shape) -> Numbers:
    """The numbers of a message, as far as they are given.

    Raises:
        DeclarationError: the lock cannot be read, or gives one number to two names.
    """
    folder = folder_of(shape)
    if folder is None:
        return Numbers()
    return Numbers(read_lock(folder).get(shape.full_name, {}), str(folder / NAME))


def check_numbers(shape: Shape, numbers: Numbers, reading: Reading) -> None:
    """Refuse a message with a name that has no number: each process would choose one of its own, and fields would be swapped.

    Raises:
        DeclarationError: names the names and the command to run.
    """
    found = missing(numbers, reading)
    if found:
        looked = numbers.source or f"no {FOLDER}/{NAME} above {shape.home or 'its module'}"
        raise DeclarationError(
            f"{shape.full_name} has no number in Protobuf for {', '.join(found[:5])}{' ...' if found[5:] else ''} ({looked}).",
            hint=f"Run `partita schema export {FOLDER}` and commit the folder; a wheel has it inside the package.",
        )
