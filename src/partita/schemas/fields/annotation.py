"""A type as the user wrote it, without the notes and new names around it."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, NewType, Union, get_args, get_origin


def bare(annotation: Any) -> Any:
    """A type without its annotations and new names: `str` of `Key[OrderId]`."""
    while get_origin(annotation) is Annotated or isinstance(annotation, NewType):
        annotation = annotation.__supertype__ if isinstance(annotation, NewType) else get_args(annotation)[0]
    return annotation


def notes_of(annotation: Any) -> tuple[Any, ...]:
    """The notes of an `Annotated` type; of another type none."""
    return get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()


def all_notes_of(annotation: Any) -> Iterator[Any]:
    """The notes of a type and of the types that it is made of: of `Annotated[str, PII] | None` too, and of a list of such."""
    yield from notes_of(annotation)
    if isinstance(annotation, NewType):
        yield from all_notes_of(annotation.__supertype__)
    elif get_origin(annotation) is Annotated:
        yield from all_notes_of(get_args(annotation)[0])
    elif get_origin(annotation) is not Literal:
        for inner in get_args(annotation):
            yield from all_notes_of(inner)


def union_members(annotation: Any) -> tuple[Any, ...]:
    """The members of a union, also of one within it under a new name; of another type itself."""
    plain = bare(annotation)
    if get_origin(plain) not in (Union, types.UnionType):
        return (annotation,)
    return tuple(member for arg in get_args(plain) for member in union_members(arg))
