"""The schema languages: a message has the schema of its own language, and may be shown in each of the others."""

from __future__ import annotations

import json
from collections.abc import Callable

from partita.errors import DeclarationError
from partita.schemas.avro import derive
from partita.schemas.fields.shape import Shape
from partita.schemas.json_schema.derivation import json_schema
from partita.schemas.protobuf.derivation import proto_file
from partita.schemas.protobuf.numbering import numbers_of
from partita.schemas.protobuf.printing import printed


def _avro(shape: Shape, revision: int | None) -> str:
    return json.dumps(derive(shape, revision=revision).record, separators=(",", ":"))


def _json(shape: Shape, revision: int | None) -> str:
    return json.dumps(json_schema(shape, revision=revision), separators=(",", ":"))


def _protobuf(shape: Shape, revision: int | None) -> str:
    return printed(proto_file(shape, numbers_of(shape), revision=revision))


LANGUAGES: dict[str, Callable[[Shape, int | None], str]] = {"avro": _avro, "json": _json, "protobuf": _protobuf}
"""The text of a shape's schema in each language, by the name that `codec=` has."""


def schema_of(shape: Shape, language: str | None = None, revision: int | None = None) -> str:
    """The schema of a shape as text, in a language (default: its own) and a revision (default: the newest).

    Raises:
        DeclarationError: the language has no form for a type or a name in it.
    """
    return LANGUAGES[language or shape.language](shape, revision)


def check_language(language: object, where: str) -> str:
    """A language by its name.

    Raises:
        DeclarationError: there is none of that name.
    """
    if isinstance(language, str) and language in LANGUAGES:
        return language
    raise DeclarationError(
        f"{where}: there is no codec {language!r:.80}.", hint=f"There is: {', '.join(map(repr, LANGUAGES))}."
    )
