"""The port of a schema language: the canonical text of a schema, and a text that needs no other schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

TEXT_MAX = 1_000_000
"""Characters. A schema of more is a mistake, or an attack on each of its readers."""


class Parsed(NamedTuple):
    """`canonical` is kept and names the content; `whole` contains the schemas that it refers to, so that it can be compared."""

    canonical: str
    whole: str


class Language(Protocol):
    """A language whose schemas the registry keeps."""

    def parse(self, text: str, references: Mapping[str, str], *, normalize: bool) -> Parsed:
        """Read a schema. `references` are the texts that it may refer to by name, also through each other, and in the order of
        their use: a text refers only to those before it.

        Raises:
            ValueError: it is no schema of the language, or exceeds a limit; the text says why.
        """
        ...

    def formatted(self, text: str, references: Mapping[str, str], form: str) -> str:
        """A kept text in the form for which a client asks; itself where the language has no such form."""
        ...
