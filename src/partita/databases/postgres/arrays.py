"""Rows and texts in the form PostgreSQL takes from any driver: an array per column, and no NUL in a text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

# PostgreSQL's text holds no NUL. Keys and ids come from other programs and may: a NUL is written as two characters,
# and so is the character that announces it.
_ESCAPES = {"\0": "\1a", "\1": "\1b"}
_MEANT = {escape: text for text, escape in _ESCAPES.items()}
_TO_ESCAPE = re.compile("[\0\1]")
_ESCAPED = re.compile("\1[ab]")


def unnest(first: int = 1, /, **kinds: str) -> str:
    """A table of rows given as one array per column, with their order in `ord`: `unnest(key="text", last="bigint")`."""
    arrays = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(kinds.values(), start=first))
    names = ", ".join(f'"{name}"' for name in kinds)
    return f"unnest({arrays}) WITH ORDINALITY AS r({names}, ord)"


def columns(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Rows as one list per column, for `unnest`."""
    return [list(column) for column in zip(*rows, strict=True)]


def kept(text: str) -> str:
    """A text in a form that PostgreSQL can hold."""
    return _TO_ESCAPE.sub(lambda found: _ESCAPES[found[0]], text) if "\0" in text or "\1" in text else text


def told(value: Any) -> Any:
    """A value as it was before `kept`."""
    if value.__class__ is str and "\1" in value:
        return _ESCAPED.sub(lambda found: _MEANT[found[0]], value)
    return value
