"""A design as JSON: the committed form, with which a later one is compared."""

from __future__ import annotations

import msgspec

from partita.design.model.design import Design
from partita.errors import Malformed


def to_json(design: Design) -> str:
    """The design as JSON of two spaces: the same design gives the same text on every machine."""
    return msgspec.json.format(msgspec.json.encode(design), indent=2).decode() + "\n"


def from_json(text: str, source: str) -> Design:
    """The design in a text of `to_json`.

    Raises:
        Malformed: it is no design, or one of another version of Partita; names the source and the place in it.
    """
    try:
        return msgspec.json.decode(text, type=Design)
    except msgspec.MsgspecError as error:
        raise Malformed(
            f"{source} is no design that this version reads: {error}.",
            hint="Build it again: partita design build APP -o DIR",
        ) from error
