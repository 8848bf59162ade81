"""The import lines of an imported module, by the names that its text has."""

from __future__ import annotations

import re

MODULES = ("base64", "datetime", "decimal", "enum", "uuid")
FROM = {
    "typing": ("Annotated", "Literal"),
    "partita": ("App", "Command", "Event", "Key", "Rejection", "Service", "Since"),
    "partita.schemas": ("PII", "Alias", "Millis", "Subject"),
}


def import_lines(text: str) -> list[str]:
    """The lines that a text needs: the standard library, then msgspec, then Partita."""
    code = re.sub(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|#.*""", '""', text)

    def has(name: str) -> bool:
        return re.search(rf"\b{name}\b", code) is not None

    def names_of(module: str) -> str:
        return ", ".join(name for name in FROM[module] if has(name))

    lines = [f"import {module}" for module in MODULES if has(module)]
    lines += [f"from typing import {names_of('typing')}"] if names_of("typing") else []
    lines += ["", "import msgspec"] if has("msgspec") else []
    lines += ["", f"from partita import {names_of('partita')}"]
    return [
        *lines,
        *([f"from partita.schemas import {names_of('partita.schemas')}"] if names_of("partita.schemas") else []),
    ]
