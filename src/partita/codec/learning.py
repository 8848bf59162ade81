"""Learning: a codec is given the schema of a writer that it does not know, from the registry."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

from partita.codec.port import Codec
from partita.errors import UnknownSchema

FindSchema = Callable[[str], Awaitable[str | None]]
"""The text of a schema by its fingerprint, as `Registry.find` gives it."""


async def learn_writer(codec: Codec, find: FindSchema | None, fingerprint: str) -> bool:
    """Fetch a writer's schema and teach it to the codec; returns whether decoding again makes sense.

    Raises:
        BusUnavailable: the registry does not answer.
    """
    text = None if find is None else await find(fingerprint)
    if text is None:
        return False
    with suppress(UnknownSchema):  # refused: decoded again, the error has the reason
        codec.teach(fingerprint, text)
    return True
