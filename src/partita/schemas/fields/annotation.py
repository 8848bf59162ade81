"""A type as the user wrote it, without the notes and new names around it."""

from __future__ import annotations

import types
from typing import Annotated, Any, NewType, Union, get_args, get_origin


def bare(annotation: Any) -> Any:
    """A type without its annotations and new names: `str` of `Key[OrderId]`."""
    while get_origin(annotation) is Annotated or isinstance(annotation, NewType):
        annotation = annotation.__supertype__ if isinstance(annotation, NewType) else get_args(annotation)[0]
    return annotation


def notes_of(annotation: Any) -> tuple[Any, ...]:
    """The notes of an `Annotated` type; of another type none."""
    return get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()


def union_members(annotation: Any) -> tuple[Any, ...]:
    """The members of a union, also of one within it under a new name; of another type itself."""
    plain = bare(annotation)
    if get_origin(plain) not in (Union, types.UnionType):
        return (annotation,)
    return tuple(member for arg in get_args(plain) for member in union_members(arg))
