"""A registry on a file of its own, asked through its ASGI interface as a client asks it, and simple rules of evolution."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from partita.machine.system import this_machine
from partita.registry_server.api import Api
from partita.registry_server.connect import connect_storage
from partita.registry_server.languages import RulesOf
from partita.schemas.evolution.finding import Finding
from partita.schemas.evolution.rules import Rules

V1 = "application/vnd.schemaregistry.v1+json"


class FieldRules:
    """A field without a default has to be among the writer's fields: enough to see the registry ask, and in which order."""

    def compare(self, reader: str, writer: str) -> Sequence[Finding]:
        there = {field["name"] for field in fields_of(writer)}
        return [
            Finding("field-without-default", field["name"], "", field["name"], "Give the field a default.")
            for field in fields_of(reader)
            if "default" not in field and field["name"] not in there
        ]


def fields_of(text: str) -> list[dict[str, Any]]:
    schema = json.loads(text)
    return schema.get("fields", []) if isinstance(schema, dict) else []


def field_rules(language: str) -> Rules | None:
    return FieldRules() if language == "AVRO" else None


def record(*fields: str, name: str = "Order", **more: Any) -> str:
    """A record of texts; a name with `?` behind it has a default."""
    made = [
        {"name": field.rstrip("?"), "type": "string", **({"default": ""} if field.endswith("?") else {})}
        for field in fields
    ]
    return json.dumps({"type": "record", "name": name, "fields": made, **more})


class Desk:
    """A client, each of whose calls returns the status and the answer."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        content = body if isinstance(body, (bytes, str, type(None))) else json.dumps(body)
        given = {"accept": V1, "content-type": V1} | {name.replace("_", "-"): text for name, text in headers.items()}
        answer = await self.client.request(method, path, content=content, headers=given)
        return answer.status_code, answer.json()

    async def post(self, subject: str, schema: str, **more: Any) -> Any:
        """Register, and return the answer's body."""
        return (await self.ask("POST", f"/subjects/{subject}/versions", {"schema": schema, **more}))[1]

    async def code(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, int]:
        """The status and the error code of a refusal."""
        status, answer = await self.ask(method, path, body, **headers)
        assert isinstance(answer["message"], str) and answer["message"]
        return status, answer["error_code"]


@asynccontextmanager
async def registry_at(where: str | Path, rules_of: RulesOf = field_rules) -> AsyncIterator[Desk]:
    storage = connect_storage(where, this_machine())
    await storage.open()
    try:
        transport = httpx.ASGITransport(app=Api(storage, rules_of))
        async with httpx.AsyncClient(transport=transport, base_url="http://registry") as client:
            yield Desk(client)
    finally:
        await storage.close()
