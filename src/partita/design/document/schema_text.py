"""Schemas as text for people: a field a line, so that a page holds a message."""

from __future__ import annotations

import json
from typing import Any


def avro_text(record: dict[str, Any]) -> str:
    """An Avro record, a field a line."""
    head = json.dumps({key: held for key, held in record.items() if key != "fields"}, ensure_ascii=False)[:-1]
    fields = ",\n".join(f"  {json.dumps(field, ensure_ascii=False)}" for field in record["fields"])
    return f'{head}, "fields": [\n{fields}\n]}}' if fields else f'{head}, "fields": []}}'


def json_text(schema: dict[str, Any]) -> str:
    """A JSON Schema, a property a line."""
    return "{\n" + ",\n".join(_member(key, held) for key, held in schema.items()) + "\n}"


def _member(key: str, held: Any) -> str:
    if key in ("properties", "$defs") and held:
        inner = ",\n".join(
            f"    {json.dumps(name, ensure_ascii=False)}: {json.dumps(one, ensure_ascii=False)}"
            for name, one in held.items()
        )
        return f"  {json.dumps(key)}: {{\n{inner}\n  }}"
    return f"  {json.dumps(key)}: {json.dumps(held, ensure_ascii=False)}"
