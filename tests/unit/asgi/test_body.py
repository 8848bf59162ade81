"""A body is read piece by piece, up to its limit."""

from __future__ import annotations

from typing import Any

import pytest

from partita.asgi.body import BodyTooLarge, ClientGone, whole_body


def receiving(*pieces: bytes, ends: bool = True) -> Any:
    """A server that has these pieces, and then the end of the body or of the connection."""
    messages: list[Any] = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages.append({"type": "http.request", "body": b""} if ends else {"type": "http.disconnect"})

    async def receive() -> Any:
        return messages.pop(0)

    receive.left = messages  # type: ignore[attr-defined]  # for the tests below
    return receive


async def test_a_body_is_all_of_its_pieces() -> None:
    assert await whole_body(receiving(b"ab", b"", b"c"), 3) == b"abc"
    assert await whole_body(receiving(), 3) == b""


async def test_nothing_is_asked_for_beyond_the_limit() -> None:
    """The sender may be about to send without end."""
    receive = receiving(b"ab", b"cd", b"ef")
    with pytest.raises(BodyTooLarge):
        await whole_body(receive, 3)
    assert len(receive.left) == 2


async def test_a_part_is_no_body() -> None:
    with pytest.raises(ClientGone):
        await whole_body(receiving(b"{}", ends=False), 10)
