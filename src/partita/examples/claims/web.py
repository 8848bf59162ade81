"""The adjusters' desk in a browser, on this machine alone: `PARTITA_ACTOR=anna python -m partita.examples.claims.web`.

In a web application of your own `actor_of` asks its sessions, and the line is
`web.mount("/desk", app.tasks(desk, actor_of=...))`. Forms need `PARTITA_SECRET`, 32 bytes or more.
"""

from __future__ import annotations

import asyncio
import os

from partita.examples.claims.app import app
from partita.examples.claims.services import desk

PORT = 8080


async def main(port: int = PORT) -> None:
    """Serve until it is stopped, beside `partita run`. The saga's database is opened too: it has the reminders."""
    from partita.asgi.serving import serve  # it needs the extra `ingress`

    # Only this machine reaches the pages, so its user is the person.
    pages = app.tasks(desk, actor_of=lambda scope: os.environ.get("PARTITA_ACTOR"))
    opened = app.running(services=["claims-service", "adjuster-desk"], roles=())
    await serve(pages, "127.0.0.1", port, lambda url: print(f"{url}/tasks", flush=True), opened)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main(int(os.environ.get("PORT", PORT))))
