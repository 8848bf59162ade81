"""`Field`: one field of a struct, with its name on the wire, its revision, its default, its description and its marks."""

from __future__ import annotations

import typing
from dataclasses import dataclass
from typing import Any

import msgspec

from partita.errors import DeclarationError
from partita.schemas.fields.annotation import all_notes_of, notes_of
from partita.schemas.fields.marks import Alias, Mark
from partita.schemas.fields.shape import Since


@dataclass(frozen=True, slots=True)
class Field:
    """`since` is the revision in which it arrived, `doc` the description that `msgspec.Meta` gives it, `aliases` are its earlier
    names on the wire."""

    name: str
    wire_name: str
    annotation: Any
    since: int
    required: bool
    default: Any
    doc: str = ""
    is_pii: bool = False
    is_subject: bool = False
    aliases: tuple[str, ...] = ()


def fields_of(struct: type[msgspec.Struct]) -> tuple[Field, ...]:
    """The fields of a struct in declaration order."""
    hints = typing.get_type_hints(struct, include_extras=True)
    found = []
    for item in msgspec.structs.fields(struct):
        annotation = hints[item.name]
        notes = notes_of(annotation)
        since = next((note.revision for note in notes if isinstance(note, Since)), 1)
        default = item.default
        if default is msgspec.NODEFAULT and item.default_factory is not msgspec.NODEFAULT:
            default = item.default_factory()
        required = default is msgspec.NODEFAULT
        if since > 1 and required:
            raise DeclarationError(
                f"{struct.__name__}.{item.name} arrives in revision {since} without a default.",
                hint=f"Give it one, or bytes of revision {since - 1} can no longer be read.",
            )
        doc = next((note.description for note in notes if isinstance(note, msgspec.Meta) and note.description), "")
        marks = [note for note in all_notes_of(annotation) if isinstance(note, Mark | Alias)]
        found.append(
            Field(
                item.name,
                item.encode_name,
                annotation,
                since,
                required,
                default,
                doc,
                is_pii=Mark.PII in marks,
                is_subject=Mark.SUBJECT in marks,
                aliases=tuple(dict.fromkeys(note.name for note in marks if isinstance(note, Alias))),
            )
        )
    return tuple(found)


def latest_revision(struct: type[msgspec.Struct]) -> int:
    """The newest revision any field of the struct arrived in."""
    return max((item.since for item in fields_of(struct)), default=1)
