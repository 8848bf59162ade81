"""The lifespan of an ASGI server, as a context that is open while the server lives."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from partita.asgi.interface import Receive, Send
from partita.errors import PartitaError


async def live(lifespan: Callable[[], AbstractAsyncContextManager[None]], receive: Receive, send: Send) -> None:
    """Open the context when the server starts, and close it when the server has answered its last request."""
    await receive()  # lifespan.startup
    try:
        async with lifespan():
            await send({"type": "lifespan.startup.complete"})
            await receive()  # lifespan.shutdown
    except PartitaError as error:
        await send({"type": "lifespan.startup.failed", "message": str(error)})
        return
    await send({"type": "lifespan.shutdown.complete"})
