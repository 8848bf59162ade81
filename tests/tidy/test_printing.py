"""The command line prints: no command opens a session, so no answer is computed where a page could not have it too."""

from __future__ import annotations

import ast
from pathlib import Path

COMMANDS = Path(__file__).resolve().parents[2] / "src/partita/cli"
SESSIONS = ("reading", "transaction")


def sessions(source: str) -> list[int]:
    """The lines on which a source opens a session of a store."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in SESSIONS
    ]


def test_no_command_opens_a_session() -> None:
    """Questions are asked in observability, verbs act in operators."""
    found = {path.name: sessions(path.read_text(encoding="utf-8")) for path in COMMANDS.glob("*.py")}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_a_session_is_seen() -> None:
    source = (
        "async def read():\n    async with store.reading() as session:\n        await store.transaction().begin()\n"
    )
    assert sessions(source) == [2, 3]
