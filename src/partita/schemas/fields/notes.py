"""The notes on a field as they change the reading of it: bounds, the precision of an instant, marks, descriptions."""

from __future__ import annotations

import dataclasses
import inspect
import uuid
from collections.abc import Sequence
from typing import Any

import msgspec

from partita.errors import DeclarationError
from partita.schemas.fields.annotation import bare, union_members
from partita.schemas.fields.field import Field
from partita.schemas.fields.marks import Precision
from partita.schemas.fields.wire_type import Bounded, Bounds, Scalar, WireType

_SUBJECTS = (str, int, uuid.UUID)
_BOUNDS = tuple(field.name for field in dataclasses.fields(Bounds) if field.name != "values")


def noted(kind: WireType, notes: Sequence[Any], where: str) -> WireType:
    """A type with the notes of its annotation.

    Raises:
        DeclarationError: a note does not fit the type.
    """
    if any(isinstance(note, Precision) for note in notes):
        if kind is not Scalar.INSTANT:
            raise DeclarationError(f"{where}: Millis is no note of this type.", hint="Annotated[datetime, Millis]")
        kind = Scalar.INSTANT_MILLIS
    given = {
        name: value
        for note in notes
        if isinstance(note, msgspec.Meta)
        for name in _BOUNDS
        if (value := getattr(note, name)) is not None
    }
    if not given:
        return kind
    if isinstance(kind, Bounded):
        return Bounded(kind.of, dataclasses.replace(kind.bounds, **given))
    return Bounded(kind, Bounds(**given))


def check_marks(record: str, fields: Sequence[Field]) -> None:
    """Refuse marks that say nothing definite.

    Raises:
        DeclarationError: two fields are the subject, or one of no key's type; an earlier name is the name of another field.
    """
    subjects = [field for field in fields if field.is_subject]
    if len(subjects) > 1:
        raise DeclarationError(
            f"{record} has {len(subjects)} subjects: {', '.join(field.name for field in subjects)}.",
            hint="A record holds the data of one person: move the other's into a record of its own.",
        )
    for field in subjects:
        some = [member for member in union_members(field.annotation) if bare(member) is not type(None)]
        if len(some) != 1 or bare(some[0]) not in _SUBJECTS:
            raise DeclarationError(
                f"{record}.{field.name} is no subject: it is {bare(field.annotation)!r}.",
                hint="A subject is a str, an int, a UUID, or a NewType of one of them.",
            )
    taken = {field.wire_name: field.name for field in fields}
    for field in fields:
        for alias in field.aliases:
            holder = taken.setdefault(alias, field.name)
            if holder != field.name or alias == field.wire_name:
                raise DeclarationError(
                    f"{record}.{field.name} was named {alias!r}, which is the name of {holder}.",
                    hint="An earlier name is one that no field has now, as it stands on the wire.",
                )


def doc_of(struct: type[Any]) -> str:
    """The first paragraph of a class's own docstring, on one line."""
    text = vars(struct).get("__doc__") or ""
    return " ".join(inspect.cleandoc(text).split("\n\n")[0].split())
