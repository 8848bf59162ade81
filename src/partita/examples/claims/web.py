"""The adjusters' desk in a browser, on this machine alone, as an ASGI application for any server.

    export PARTITA_ACTOR=anna PARTITA_SECRET=...          # the person, and 32 bytes or more for the forms
    uvicorn partita.examples.claims.web:web --port 8080   # beside `partita run`; then open /tasks

In a web application of your own `actor_of` asks its sessions, and one line mounts it: `web.mount("/desk", tasks)`.
"""

from __future__ import annotations

import os
from typing import Any

from partita.examples.claims.app import app
from partita.examples.claims.services import desk

# Only this machine reaches the server, so its user is the person.
tasks = app.tasks(desk, actor_of=lambda scope: os.environ.get("PARTITA_ACTOR"))
OPENED = ("claims-service", "adjuster-desk")
"""The desk, and the database of the saga: it has the reminders."""


async def web(
    scope: Any, receive: Any, send: Any
) -> None:  # Any: the messages of ASGI are dictionaries of several kinds
    """The databases are open for as long as the server lives; other processes run the services."""
    if scope["type"] != "lifespan":
        await tasks(scope, receive, send)
        return
    await receive()  # lifespan.startup
    async with app.lifespan(services=OPENED, roles=()):
        await send({"type": "lifespan.startup.complete"})
        await receive()  # lifespan.shutdown
    await send({"type": "lifespan.shutdown.complete"})
