"""What bounds the decoding of an Avro value: how few bytes an item may take, and whether records lie within themselves.

An array says how many items follow. Items that take no bytes (null, an empty record) let ten bytes stand for 2^60 of
them, which no decoder survives; a schema with such an array is refused before anything is read with it.
A record within itself lets a megabyte nest a million deep, on which a decoder written in C overflows its stack and kills
the process (seen with fastavro 1.13): such schemas are read in Python, whose recursion has a limit.
"""

from __future__ import annotations

from typing import Any

NOTHING = "null"


def endless_array(schema: Any) -> str | None:
    """The name of the first array whose items may take no bytes, or None."""
    return _Walk().array_in(schema, "the value")


def is_recursive(schema: Any, within: tuple[str, ...] = ()) -> bool:
    """Whether a record of this schema may lie within itself. `schema` is parsed: its names are full names."""
    if isinstance(schema, str):
        return schema in within
    if isinstance(schema, list):
        return any(is_recursive(branch, within) for branch in schema)
    if schema["type"] in ("record", "error"):
        inside = (*within, schema["name"])
        return any(is_recursive(f["type"], inside) for f in schema["fields"])
    inner = schema.get("items", schema.get("values", schema["type"]))
    return is_recursive(inner, within)


class _Walk:
    """One walk over a schema; `_named` are the named types met so far, as they are referred to by name later."""

    def __init__(self) -> None:
        self._named: dict[str, Any] = {}

    def array_in(self, schema: Any, where: str) -> str | None:
        if isinstance(schema, list):
            found = (self.array_in(branch, where) for branch in schema)
        elif not isinstance(schema, dict):
            return None
        elif schema.get("type") == "array":
            inner = self.array_in(schema["items"], where)  # first, so that types named in it are known
            return inner or (where if self.takes(schema["items"], ()) == 0 else None)
        elif schema.get("type") == "map":
            return self.array_in(schema["values"], where)
        elif schema.get("type") in ("record", "error"):
            self._remember(schema)
            found = (self.array_in(f["type"], f"{schema['name']}.{f['name']}") for f in schema["fields"])
        else:
            self._remember(schema)
            return self.array_in(schema["type"], where) if isinstance(schema.get("type"), dict | list) else None
        return next((name for name in found if name), None)

    def _remember(self, schema: dict[str, Any]) -> None:
        if "name" in schema:
            full = f"{schema['namespace']}.{schema['name']}" if schema.get("namespace") else schema["name"]
            self._named[full] = self._named[schema["name"]] = schema

    def takes(self, schema: Any, within: tuple[str, ...]) -> int:
        """The fewest bytes a value takes: 0 or 1 (or more). A record within itself takes what the rest of it takes."""
        if isinstance(schema, list):
            return 1  # the number of the branch
        if isinstance(schema, str):
            known = self._named.get(schema)
            if known is None:
                return 0 if schema == NOTHING else 1
            return 0 if schema in within else self.takes(known, (*within, schema))
        kind = schema["type"]
        if kind in ("record", "error"):
            return max((self.takes(f["type"], within) for f in schema["fields"]), default=0)
        if kind == "fixed":
            return min(int(schema["size"]), 1)
        return self.takes(kind, within) if kind in (NOTHING, *self._named) or not isinstance(kind, str) else 1
