"""The registry checks by the rules of evolution of this build."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from tests.unit.registry_server.registry_desk import Desk, record

from partita.machine.system import this_machine
from partita.registry_server.api import Api
from partita.registry_server.connect import connect_storage
from partita.registry_server.languages import known_rules


@asynccontextmanager
async def a_desk(folder: Path) -> AsyncIterator[Desk]:
    storage = connect_storage(folder, this_machine())
    await storage.open()
    transport = httpx.ASGITransport(app=Api(storage, known_rules))
    async with httpx.AsyncClient(transport=transport, base_url="http://registry") as client:
        yield Desk(client)
    await storage.close()


async def test_avro_is_checked_by_avros_rules(tmp_path: Path) -> None:
    """A mandatory field within a nullable record, which other registries let through, is found through the reference too."""
    async with a_desk(tmp_path) as desk:

        def order(*fields: str) -> str:
            inner = json.loads(record(*fields, name="Note"))
            return json.dumps(
                {
                    "type": "record",
                    "name": "Order",
                    "fields": [{"name": "note", "type": ["null", inner], "default": None}],
                }
            )

        assert (await desk.post("s", order("text")))["id"] == 1
        status, answer = await desk.ask("POST", "/subjects/s/versions", {"schema": order("text", "author")})
        assert (status, answer["error_code"]) == (409, 40901)
        assert "author" in answer["message"] and "version 1" in answer["message"]
        assert (await desk.post("s", order("text", "author?")))["version"] == 2

        # The same change hidden behind a reference.
        await desk.ask("PUT", "/config/note", {"compatibility": "NONE"})
        for fields in (("text",), ("text", "author")):
            await desk.post("note", record(*fields, name="Note"))
        outer = '{"type":"record","name":"Order","fields":[{"name":"note","type":["null","Note"]}]}'
        reference = {"name": "Note", "subject": "note", "version": 1}
        assert (await desk.post("t", outer, references=[reference]))["version"] == 1
        status, answer = await desk.ask(
            "POST", "/subjects/t/versions", {"schema": outer, "references": [{**reference, "version": 2}]}
        )
        assert (status, answer["error_code"]) == (409, 40901)
        assert "author" in answer["message"]


async def test_json_schemas_are_checked_by_their_content_models(tmp_path: Path) -> None:
    """The most frequent wish: an optional property. The refusal explains open and closed models, and what passes does."""

    def schema(*names: str, closed: bool, **more: Any) -> str:
        properties = {name: {"type": "string"} for name in names} | more
        model = {"additionalProperties": False} if closed else {}
        return json.dumps({"type": "object", "properties": properties, **model})

    async with a_desk(tmp_path) as desk:
        await desk.post("open", schema("a", closed=False), schemaType="JSON")
        body = {"schema": schema("a", "b", closed=False), "schemaType": "JSON"}
        status, answer = await desk.ask("POST", "/subjects/open/versions", body)
        assert (status, answer["error_code"]) == (409, 40901)
        for part in ("$.b", "additionalProperties", "open"):
            assert part in answer["message"]
        assert (await desk.post("open", schema("a", closed=False, b={}), schemaType="JSON"))["version"] == 2
        await desk.post("closed", schema("a", closed=True), schemaType="JSON")
        assert (await desk.post("closed", schema("a", "b", closed=True), schemaType="JSON"))["version"] == 2

        # The same through a reference.
        for names in (("zip",), ("zip", "city")):
            assert (await desk.post("address", schema(*names, closed=True), schemaType="JSON"))["version"] == len(names)
        outer = schema(closed=True, to={"$ref": "address.json"})
        reference = {"name": "address.json", "subject": "address", "version": 2}
        assert (await desk.post("order", outer, schemaType="JSON", references=[reference]))["version"] == 1
        body = {"schema": outer, "schemaType": "JSON", "references": [{**reference, "version": 1}]}
        status, answer = await desk.ask("POST", "/subjects/order/versions", body)
        assert (status, answer["error_code"]) == (409, 40901)
        assert "city" in answer["message"]
