"""The body of a request, read piece by piece within a limit."""

from __future__ import annotations

from partita.asgi.interface import Receive


class BodyTooLarge(Exception):
    """The body is over its limit; no more than the limit was kept in memory."""


class ClientGone(Exception):
    """The client went away before its body was complete: nothing may be done with a part of it, and no answer reaches it."""


async def whole_body(receive: Receive, bytes_max: int) -> bytes:
    """The whole body of a request.

    Raises:
        BodyTooLarge: it is over the limit. ClientGone: it is not complete.
    """
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGone
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > bytes_max:
            raise BodyTooLarge
        parts.append(part)
        more = message.get("more_body", False)
    return b"".join(parts)
