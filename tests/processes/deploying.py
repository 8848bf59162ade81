"""A process of the service `svc` that starts at a place with a folder of migrations, and prints the files that the
database has then."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from partita import App, Service, Settings


def app_at(place: str, folder: Path) -> App:
    """The app at a server's URL or in a folder."""
    data, store = (folder.parent / "data", place) if "://" in place else (Path(place).parent, "")
    return App(Service("svc", namespace="svc", migrations=folder), settings=Settings(data=data, store=store))


async def start(app: App) -> None:
    """Start and stop."""
    async with app.running(roles=()):
        async with app.store("svc").reading() as session:
            rows = await session.fetch("SELECT number FROM own_migration ORDER BY number", {})
            print([row["number"] for row in rows], flush=True)


if "DEPLOYED_FROM" in os.environ:  # for the command line, which imports an app by its module
    app = App(Service("svc", namespace="svc", migrations=os.environ["DEPLOYED_FROM"]))

if __name__ == "__main__":
    app = app_at(sys.argv[1], Path(sys.argv[2]))
    print("ready", flush=True)
    sys.stdin.readline()
    asyncio.run(start(app))
