"""The check that a reader gets the value that is sent, the same for each codec."""

from __future__ import annotations

import decimal
from typing import Any

import msgspec

from partita.errors import Malformed
from partita.schemas.fields.plain_default import NATIVE
from partita.schemas.fields.shape import Shape

MISFITS = (ValueError, TypeError, KeyError, IndexError, EOFError, OverflowError, decimal.DecimalException)
"""The exceptions of libraries for bytes or values that do not fit; a closed list, so that our own bugs are not hidden."""


def check_read_back(shape: Shape, value: msgspec.Struct, plain: Any, *, is_comparable: bool, has_sets: bool) -> None:
    """Check that the plain form of a value is read as an equal value.

    Raises:
        Malformed: it is read as another. ValidationError: it is not of its types, or outside their bounds.
    """
    read = msgspec.convert(plain, shape.struct)
    if is_comparable:
        same = read == value
    else:
        same = msgspec.to_builtins(read, builtin_types=NATIVE, order="deterministic" if has_sets else None) == plain
    if not same:
        raise Malformed(
            f"{shape.name} is not of its declared types: it would be read as {shown(read)}.",
            hint=f"The value was {shown(value)}",
        )


def shown(value: object) -> str:
    """A value for an error; one that is nested too deep, or whose `__repr__` fails, is shown as its class."""
    try:
        return f"{value!r:.300}"
    except (RecursionError, *MISFITS):
        return f"of {type(value).__name__}"
