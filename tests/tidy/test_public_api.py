"""The front door: what `partita` exports is small, sorted, documented, and costs no driver to import."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import partita

NAMES_MAX = 30
DRIVERS = ("asyncpg", "click", "fastapi", "fastavro", "httpx", "pydantic", "sqlalchemy", "starlette", "uvicorn")


def test_the_front_door_is_small_and_sorted() -> None:
    """Thirty names fit in a head; a thirty-first has to replace one."""
    assert len(partita.__all__) <= NAMES_MAX
    assert list(partita.__all__) == sorted(set(partita.__all__))


@pytest.mark.parametrize("name", partita.__all__)
def test_a_public_name_is_documented_and_is_what_the_type_checker_sees(name: str) -> None:
    """A name without a sentence has to be guessed; one that differs at run time misleads every editor."""
    home, sentence = _definition("partita", name)
    assert getattr(partita, name) is getattr(importlib.import_module(home), name)
    assert sentence, f"{name} has no docstring in {home}: say in one sentence what it is."


def test_the_front_door_loads_no_driver() -> None:
    """Who uses one adapter must not pay for the others, nor have them installed."""
    program = f"import sys; from partita import *; print(*[name for name in {DRIVERS!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_a_name_without_a_docstring_is_noticed() -> None:
    """The reader of docstrings below must be able to say no."""
    assert _definition(__name__, "NAMES_MAX") == (__name__, "")
    assert _definition(__name__, "no_such_name") == (__name__, "")


def _definition(module: str, name: str, hops: int = 5) -> tuple[str, str]:
    """The module that defines a name and the docstring there, through at most `hops` imports.

    Read from the source, since the string below an assignment (`Key = ...`) is nowhere else.
    """
    source = Path(str(importlib.import_module(module).__file__)).read_text(encoding="utf-8")
    body = _statements(ast.parse(source).body)
    for node, below in zip(body, [*body[1:], ast.Pass()], strict=True):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
            return module, ast.get_docstring(node) or ""
        if isinstance(node, ast.Assign | ast.AnnAssign) and name in _targets(node):
            is_text = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
            return module, str(below.value.value) if is_text else ""
        if isinstance(node, ast.ImportFrom) and node.module and hops:
            for alias in node.names:
                if name == (alias.asname or alias.name):
                    return _definition(node.module, alias.name, hops - 1)
    return module, ""


def _statements(body: list[ast.stmt]) -> list[ast.stmt]:
    """The statements of a module, those below `if TYPE_CHECKING:` among them."""
    return [one for node in body for one in (node.body if isinstance(node, ast.If) else [node])]


def _targets(node: ast.Assign | ast.AnnAssign) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]
