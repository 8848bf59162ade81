"""The answer to a request."""

from __future__ import annotations

from collections.abc import Mapping

from partita.asgi.interface import Send


async def send_answer(send: Send, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Send a whole answer; its length is added to the headers."""
    fields = [(name.encode(), text.encode()) for name, text in headers.items()]
    fields.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body})
