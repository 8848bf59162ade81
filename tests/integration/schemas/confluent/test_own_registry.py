"""The client against the embedded registry, over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvicorn
from tests.unit.registry_server.registry_desk import field_rules, record
from tests.waiting import until

from partita.clock import SystemClock
from partita.errors import RegistryRefused
from partita.machine.system import this_machine
from partita.registry_server.api import Api
from partita.registry_server.connect import connect_storage
from partita.schemas.confluent.client import Reference, RegisteredSchema, RegistryClient


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[str]:
    storage = connect_storage(folder, this_machine())
    await storage.open()
    server = uvicorn.Server(
        uvicorn.Config(Api(storage, field_rules), port=0, log_level="error", lifespan="off", http="h11")
    )
    task = asyncio.create_task(server.serve())
    try:
        await until(lambda: server.started)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        await storage.close()


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[RegistryClient]:
    async with served(tmp_path) as url:
        yield RegistryClient(url, SystemClock())


async def test_the_client_and_the_server_agree(client: RegistryClient) -> None:
    first = RegisteredSchema(record("sku"))
    assert await client.latest("s") is None
    assert await client.versions("s") == []
    assert await client.look_up("s", first) is None
    assert await client.compatibility("s", first) == []
    assert await client.register("s", first) == 1
    found = await client.latest("s")
    assert found is not None and (found.version, found.id) == (1, 1)
    assert await client.look_up("s", first) == found
    assert await client.version("s", 1) == found
    assert await client.version("s", 2) is None
    assert await client.by_id(1) == found.schema
    assert await client.by_id(2) is None
    assert await client.by_guid("none") is None
    (reason,) = await client.compatibility("s", RegisteredSchema(record("sku", "total")))
    assert "total" in reason and "version 1" in reason
    with pytest.raises(RegistryRefused) as caught:
        await client.register("s", RegisteredSchema(record("sku", "total")))
    assert caught.value.error_code == 40901


async def test_references_travel_both_ways(client: RegistryClient) -> None:
    await client.register("sku", RegisteredSchema(record("code", name="Sku")))
    text = '{"type":"record","name":"Order","fields":[{"name":"sku","type":"Sku"}]}'
    order = RegisteredSchema(text, references=(Reference("Sku", "sku", 1),))
    assert await client.by_id(await client.register("order", order)) == order
