"""Planting a bug: one function or SQL text of Partita, found by its name, is replaced where a process imports it.

A plant outlives moves of code: its target is a qualified name, looked for in the whole package. A target that is gone, that
is there twice, or whose text has changed is an error, never a plant that does nothing.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
import os
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "partita"
NAME, DONE = "PLANTED_BUG", "PLANTED_BUG_DONE"
"""The environment: which plant, and a file that is written when its module was imported with it."""

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.Assign | ast.AnnAssign
Edit = Callable[[str], str]


class Unplantable(Exception):
    """The target of a plant is not there as it is described."""


@dataclass(frozen=True, slots=True)
class Plant:
    """One bug: the guarantee it breaks, what it means, the qualified name of what it replaces, how, and the test that
    finds it. `under` is a part of the path, where a name is there once for each adapter."""

    guarantee: str
    meaning: str
    target: str
    edit: Edit
    found_by: str
    under: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """The place of a plant's target: its file, and its text in it."""

    path: Path
    source: str
    start: int
    end: int

    @property
    def module(self) -> str:
        """The name by which its file is imported."""
        parts = self.path.relative_to(PACKAGE.parent).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    def edited(self, edit: Edit) -> str:
        """The file's source with the plant in it."""
        return self.source[: self.start] + edit(self.source[self.start : self.end]) + self.source[self.end :]


def swap(old: str, new: str, *more: str) -> Edit:
    """Replace `old`, which occurs there exactly once, by `new`; `more` are further pairs."""
    pairs = list(zip((old, *more[::2]), (new, *more[1::2]), strict=True))

    def edit(text: str) -> str:
        for before, after in pairs:
            if text.count(before) != 1:
                raise Unplantable(f"{before!r} stands there {text.count(before)} times")
            text = text.replace(before, after)
        return text

    return edit


def instead(body: str) -> Edit:
    """Replace the body of a function; its name, its parameters and its decorators stay."""

    def edit(text: str) -> str:
        (function,) = ast.parse(textwrap.dedent(text)).body
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            raise Unplantable("it is no function")
        lines = text.splitlines(keepends=True)
        head = lines[: function.body[0].lineno - 1]
        indent = " " * (len(lines[0]) - len(lines[0].lstrip()) + 4)
        return "".join(head) + textwrap.indent(body, indent)

    return edit


def locate(plant: Plant) -> Target:
    """Find what a plant replaces.

    Raises:
        Unplantable: it is nowhere, or in several places.
    """
    found: list[Target] = []
    last = re.escape(plant.target.rpartition(".")[2])
    defines = re.compile(rf"^[ ]*(?:(?:async )?def {last}\b|{last} *[:=])", re.M)
    for path in sorted(PACKAGE.rglob("*.py")):
        if plant.under not in path.relative_to(PACKAGE).as_posix():
            continue
        source = _text(path)
        if defines.search(source):  # to parse all of the package takes seconds, in each process of each plant
            found += [_target(path, source, node) for name, node in _definitions(path) if name == plant.target]
    if len(found) != 1:
        places = ", ".join(str(each.path.relative_to(ROOT)) for each in found) or "nowhere"
        raise Unplantable(f"{plant.target} stands {places}; a plant needs one place")
    return found[0]


@functools.cache
def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@functools.cache
def _definitions(path: Path) -> list[tuple[str, Definition]]:
    return list(_named(ast.parse(_text(path))))


def _named(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, Definition]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            yield from _named(node, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{prefix}{node.name}", node
        elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            yield f"{prefix}{node.targets[0].id}", node
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield f"{prefix}{node.target.id}", node


def _target(path: Path, source: str, node: Definition) -> Target:
    lines = source.splitlines(keepends=True)
    assert node.end_lineno is not None
    return Target(path, source, len("".join(lines[: node.lineno - 1])), len("".join(lines[: node.end_lineno])))


def planted(plant: Plant) -> tuple[str, str]:
    """The module that a plant changes, and its source with the plant in it.

    Raises:
        Unplantable: it cannot be planted, or what it makes is no Python.
    """
    target = locate(plant)
    source = target.edited(plant.edit)
    if source == target.source:
        raise Unplantable(f"{plant.target} stays what it is")
    try:
        ast.parse(source)
    except SyntaxError as error:
        raise Unplantable(f"what it makes of {plant.target} is no Python: {error}") from error
    return target.module, source


class _Loader(SourceFileLoader):
    """Loads one module from a source that is given; nothing of it is kept as compiled."""

    def __init__(self, fullname: str, path: str, source: str) -> None:
        super().__init__(fullname, path)
        self._source = source

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._source, self.path, "exec", dont_inherit=True)

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        if os.environ.get(DONE):
            Path(os.environ[DONE]).touch()


class _Finder:
    """Finds the one module that is planted."""

    def __init__(self, module: str, source: str) -> None:
        self._module = module
        self._source = source

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:
        """The module's spec with a loader of ours, or nothing."""
        if name != self._module:
            return None
        spec = PathFinder.find_spec(name, path)
        assert spec is not None and spec.origin is not None
        return importlib.util.spec_from_file_location(
            name,
            spec.origin,
            loader=_Loader(name, spec.origin, self._source),
            submodule_search_locations=spec.submodule_search_locations,
        )


def install(plant: Plant) -> None:
    """From now on this process imports the planted module."""
    module, source = planted(plant)
    if module in sys.modules:
        raise Unplantable(f"{module} is imported already")
    sys.meta_path.insert(0, _Finder(module, source))
