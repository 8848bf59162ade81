"""The places where a test lets real time pass or replaces a part of the code, as functions from a tree to its lines."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

WAITING = "tests/waiting.py"
"""It lets time pass for all tests."""
Function = ast.FunctionDef | ast.AsyncFunctionDef


def sleeps(root: Path) -> list[str]:
    """Calls of a sleep in real time. `sleep(0)` is a turn of the event loop, and within `@virtually` time is the test's."""
    return [line for where, tree in _trees(root) if where != WAITING for line in _sleeps(where, tree)]


def patches(root: Path) -> list[str]:
    """Replaced attributes of modules, classes and objects: by `monkeypatch`, by `mock`, or assigned to an imported name."""
    return [line for where, tree in _trees(root) for line in _patches(where, tree)]


def _trees(root: Path) -> Iterator[tuple[str, ast.Module]]:
    for path in sorted((root / "tests").rglob("*.py")):
        yield path.relative_to(root).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def _sleeps(where: str, node: ast.AST) -> Iterator[str]:
    if isinstance(node, Function) and any(ast.unparse(each) == "virtually" for each in node.decorator_list):
        return
    if isinstance(node, ast.Call) and _name(node.func) == "sleep":
        given = ast.unparse(node.args[0]) if node.args else ""
        if given not in ("0", ""):
            yield f"{where}:{node.lineno}: sleep({given})"
    for child in ast.iter_child_nodes(node):
        yield from _sleeps(where, child)


def _patches(where: str, tree: ast.Module) -> Iterator[str]:
    imported = {
        (alias.asname or alias.name).partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in ("setattr", "delattr") or _root(node.func) == "mock":
                yield f"{where}:{node.lineno}: {ast.unparse(node)[:80]}"
        elif isinstance(node, ast.Call) and _name(node.func) == "setattr" and _root(node.args[0]) in imported:
            yield f"{where}:{node.lineno}: {ast.unparse(node)[:80]}"
        elif isinstance(node, ast.Assign | ast.AugAssign):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Attribute) and _root(target) in imported:
                    yield f"{where}:{node.lineno}: {ast.unparse(node)[:80]}"


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return getattr(node, "id", "")
