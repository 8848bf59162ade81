"""The processes of the tests that kill sub-sagas: purchases and their deliveries, each service where a test wants it."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from pathlib import Path

from tests.integration.sagas.parcels import app
from tests.processes.counting import end_with_parent

from partita import Settings


async def main(data: Path, services: list[str], roles: tuple[str, ...]) -> None:
    mine = app.configured(Settings.from_environment(data=data))
    async with mine.running(services=services, roles=roles):
        os.write(1, b"ready\n")
        await asyncio.Event().wait()


if __name__ == "__main__":
    threading.Thread(target=end_with_parent, daemon=True).start()
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2].split(","), tuple(sys.argv[3].split(","))))
