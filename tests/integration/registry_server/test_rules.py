"""The registry checks by the rules of evolution of this build."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
from tests.unit.registry_server.registry_desk import Desk, record

from partita.machine.system import this_machine
from partita.registry_server.api import Api
from partita.registry_server.connect import connect_storage
from partita.registry_server.languages import known_rules


async def test_avro_is_checked_by_avros_rules(tmp_path: Path) -> None:
    """A mandatory field within a nullable record, which other registries let through, is found through the reference too."""
    storage = connect_storage(tmp_path, this_machine())
    await storage.open()
    transport = httpx.ASGITransport(app=Api(storage, known_rules))
    async with httpx.AsyncClient(transport=transport, base_url="http://registry") as client:
        desk = Desk(client)

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
    await storage.close()
