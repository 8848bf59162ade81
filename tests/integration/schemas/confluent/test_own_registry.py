"""The client against the embedded registry, over a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.integration.registry_server.own_registry import served
from tests.unit.registry_server.registry_desk import record

from partita.clock import SystemClock
from partita.errors import RegistryRefused
from partita.schemas.confluent.client import Reference, RegisteredSchema, RegistryClient


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
