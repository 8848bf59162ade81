"""The house rules of STYLE.md that a machine can see, as one function from a tree to its complaints."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 70
PARAMETERS_MAX = 9
OPTIONS_MAX = 12
"""Of a constructor whose parameters go by keyword, as a user writes `Service("orders", ...)`: a dataclass of options beside it
would be one more thing to import."""
DRAWERS = {"util", "utils", "helper", "helpers", "common", "base", "core", "manager", "managers", "types", "misc"}
ADJECTIVES = re.compile(r"^(new|old|fast|simple|better|my)_|(^|_)v\d+$")
FOLDERS = ("src", "tests", "bench")
# Only a sum, a set or a sorted list is made of it: the order does not matter.
UNORDERED_ANYWAY = {"any", "all", "sum", "len", "min", "max", "sorted", "set", "frozenset"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def complaints(root: Path) -> list[str]:
    """What breaks a house rule in the tree: each with its file, its line and what to do."""
    found: list[str] = []
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            source = path.read_text(encoding="utf-8")
            where = path.relative_to(root).as_posix()
            found += [f"{where}:{line}: {what}" for line, what in _of_file(where, source)]
    return found


def _of_file(where: str, source: str) -> Iterator[tuple[int, str]]:
    tree = ast.parse(source)
    yield from _name(where)
    lines = source.count("\n") + 1
    if lines > FILE_LINES_MAX:
        yield FILE_LINES_MAX + 1, f"{lines} lines, at most {FILE_LINES_MAX}: give its second noun a file of its own."
    yield from _opening(tree, source)
    for node in ast.walk(tree):
        if isinstance(node, Function):
            yield from _size(node)
    if where.startswith("src/"):
        yield from _catch_alls(tree, where)
        yield from _endless_loops(tree, where)
        yield from sorted(set(_loops_over_sets(tree)))


def _name(where: str) -> Iterator[tuple[int, str]]:
    path = Path(where)
    for part in (*path.parts[:-1], path.stem):
        if part in DRAWERS:
            yield 1, f"'{part}' is a drawer, not a noun: name what is in it."
        elif ADJECTIVES.search(part):
            yield 1, f"'{part}' names a version or an adjective: name the thing, and replace the old one."


def _opening(tree: ast.Module, source: str) -> Iterator[tuple[int, str]]:
    if not source.strip():
        return
    opening = (ast.get_docstring(tree) or "").split("\n\n")[0].rstrip()
    if not opening:
        yield 1, "no docstring: open with one sentence that says what the file holds."
    elif opening[-1] not in ".:":
        yield 1, "the docstring's first paragraph is no sentence: end it with a full stop."


def _size(function: Function) -> Iterator[tuple[int, str]]:
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    if lines > FUNCTION_LINES_MAX:
        what = f"{function.name} has {lines} lines, at most {FUNCTION_LINES_MAX}"
        yield function.lineno, f"{what}: let one function decide and its helpers compute."
    arguments = function.args
    names = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    count = len(names) - (names[:1] in (["self"], ["cls"], ["mcls"]))
    makes = function.name in ("__init__", "__new__")  # of a metaclass: the options of a user's class
    most = OPTIONS_MAX if makes and len(arguments.args) <= 2 else PARAMETERS_MAX
    if count > most:
        what = f"{function.name} takes {count} parameters, at most {most}"
        yield function.lineno, f"{what}: make a frozen, keyword-only options dataclass of them."


def _catch_alls(tree: ast.Module, where: str) -> Iterator[tuple[int, str]]:
    if where.startswith("src/partita/runtime/") or where == "src/partita/texts/cause.py":
        return
    for node in ast.walk(tree):
        if not isinstance(node, ast.ExceptHandler):
            continue
        caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        for one in caught:
            name = "" if one is None else ast.unparse(one)
            if name.removeprefix("builtins.") in ("", "Exception", "BaseException"):
                what = f"'{f'except {name}'.rstrip()}' outside runtime/"
                yield node.lineno, f"{what}: name what can happen; to undo something use finally or a context manager."


def _endless_loops(tree: ast.Module, where: str) -> Iterator[tuple[int, str]]:
    if where == "src/partita/runtime/background/supervisor.py":
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.While) and isinstance(node.test, ast.Constant) and node.test.value:
            yield node.lineno, "endless loop: give it a bound, or make it a step() that the supervisor calls."
        if isinstance(node, ast.For | ast.AsyncFor) and re.match(r"(itertools\.)?count\(", ast.unparse(node.iter)):
            yield node.lineno, "endless loop over count(): give it a bound, or make it a step()."


def _loops_over_sets(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The order of a set of texts differs from run to run: what is done in it cannot be done again the same way."""
    nodes = list(ast.walk(tree))
    calls = [call for call in nodes if isinstance(call, ast.Call) and ast.unparse(call.func) in UNORDERED_ANYWAY]
    harmless = {id(argument) for call in calls for argument in call.args}
    for scope in (node for node in nodes if isinstance(node, Function | ast.ClassDef)):
        inside = list(ast.walk(scope))
        if not any(isinstance(node, ast.For) or hasattr(node, "generators") for node in inside):
            continue
        sets = {name for node in inside for name in _sets_named(node)}
        if isinstance(scope, ast.ClassDef):
            sets = {name for name in sets if name.startswith("self.")}
        for node in inside:
            if isinstance(node, ast.SetComp) or id(node) in harmless:
                continue
            for loop in [node] if isinstance(node, ast.For) else getattr(node, "generators", []):
                if _is_set(loop.iter) or ast.unparse(loop.iter) in sets:
                    yield loop.iter.lineno, "a loop over a set: sort it, or keep the names in a dict."


def _sets_named(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.AnnAssign) and re.match(r"(frozen)?set\b", ast.unparse(node.annotation)):
        yield ast.unparse(node.target)
    elif isinstance(node, ast.Assign) and _is_set(node.value):
        yield from (ast.unparse(target) for target in node.targets)
    elif isinstance(node, ast.arg) and node.annotation and re.match(r"(frozen)?set\b", ast.unparse(node.annotation)):
        yield node.arg


def _is_set(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return ast.unparse(node.func) in ("set", "frozenset")
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub | ast.BitAnd | ast.BitOr | ast.BitXor):
        sides = [ast.unparse(side) for side in (node.left, node.right)]
        return (
            _is_set(node.left) or _is_set(node.right) or any(side.endswith((".keys()", ".items()")) for side in sides)
        )
    return isinstance(node, ast.Set | ast.SetComp)
