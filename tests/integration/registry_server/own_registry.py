"""The embedded registry on a socket of this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from tests.unit.registry_server.registry_desk import field_rules
from tests.waiting import until

from partita.machine.system import this_machine
from partita.registry_server.api import Api
from partita.registry_server.connect import connect_storage


@asynccontextmanager
async def served(folder: Path, port: int = 0) -> AsyncIterator[str]:
    storage = connect_storage(folder, this_machine())
    await storage.open()
    server = uvicorn.Server(
        uvicorn.Config(Api(storage, field_rules), port=port, log_level="error", lifespan="off", http="h11")
    )
    task = asyncio.create_task(server.serve())
    try:
        await until(lambda: server.started)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        await storage.close()
