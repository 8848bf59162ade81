"""Whether a handler is one statement: read from its code at import, never found out by running it.

Such handlers of a batch run side by side, in a wave. A handler that turned out to be more after its start would have
to start again, and its calls outside would happen twice.
"""

from __future__ import annotations

import ast
import builtins
import dis
import inspect
import linecache
import textwrap
import types
from collections.abc import Callable, Iterator
from typing import Any

STATEMENTS = frozenset({"execute", "fetch_one", "fetch_all"})
NESTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
# In a loop it may be several statements; in a `try` its failure, which the wave would not survive, is expected; in a
# `with` the handlers of the wave would wait for each other's lock.
AROUND = (ast.For, ast.While, ast.With, ast.Try, ast.TryStar)
WAITING = (ast.AsyncFor, ast.AsyncWith, ast.Yield, ast.YieldFrom)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
Path = tuple[ast.AST, ...]


def is_one_statement(function: Callable[..., Any], tx: str | None, *, refuses: bool) -> bool:
    """Whether a coroutine function awaits nothing but at most one statement of its parameter `tx`.

    With `refuses`, for a handler that may refuse its command: it may do so only before the statement, or because the
    statement found nothing. Else its writes would have to be undone, and a wave has no savepoint for each handler.
    A function without available source counts as more than one statement.
    """
    code = _tree(function)
    if code is None:
        return False
    awaits: list[Path] = []
    named: list[Path] = []
    for path in _paths(code.body, ()):
        node = path[-1]
        if isinstance(node, WAITING) or (isinstance(node, ast.comprehension) and node.is_async):
            return False
        if isinstance(node, ast.Await):
            awaits.append(path)
        elif isinstance(node, ast.Name) and node.id == tx:
            named.append(path)
    if len(awaits) != _awaited(function) or len(awaits) > 1 or not all(map(_is_plain_use, named)):
        return False
    if not awaits:
        return not any(_method(path) in STATEMENTS for path in named)
    *around, awaited = awaits[0]
    assert isinstance(awaited, ast.Await)
    its = [path for path in named if _method(path) in STATEMENTS]
    apart = any(isinstance(node, (*AROUND, *NESTED, *COMPREHENSIONS)) for node in around)
    if apart or len(its) != 1 or its[0][-2] is not _function_of(awaited.value):
        return False
    return not (refuses and _may_refuse_after(function, code, awaited))


def _tree(function: Callable[..., Any]) -> ast.AsyncFunctionDef | None:
    """The source of the called function; None if something is wrapped around it."""
    inner = function.__func__ if isinstance(function, types.MethodType) else function
    if not isinstance(inner, types.FunctionType) or hasattr(inner, "__wrapped__"):
        return None
    code = inner.__code__
    linecache.checkcache(code.co_filename)  # in a reloaded module the lines are others now
    lines = linecache.getlines(code.co_filename, inner.__globals__)[code.co_firstlineno - 1 :]
    try:
        # Not `inspect.getsource`: it searches every loaded module, five milliseconds for each handler.
        found = ast.parse(textwrap.dedent("".join(inspect.getblock(lines)))).body[0]
    except (SyntaxError, ValueError, IndexError):
        return None
    return found if isinstance(found, ast.AsyncFunctionDef) and found.name == code.co_name else None


def _awaited(function: Callable[..., Any]) -> int:
    """The number of awaits in the compiled code: the source may have changed since."""
    inner = function.__func__ if isinstance(function, types.MethodType) else function
    return sum(each.opname == "GET_AWAITABLE" for each in dis.get_instructions(inner))


def _paths(nodes: list[Any], above: Path) -> Iterator[Path]:
    for node in nodes:
        path = (*above, node)
        yield path
        yield from _paths(list(ast.iter_child_nodes(node)), path)


def _method(path: Path) -> str:
    """The method called on the name at the end of a path; empty if the name is used in another way."""
    if len(path) < 3:
        return ""
    call, attribute, name = path[-3:]
    called = isinstance(call, ast.Call) and call.func is attribute
    return attribute.attr if called and isinstance(attribute, ast.Attribute) and attribute.value is name else ""


def _is_plain_use(path: Path) -> bool:
    """Whether `tx` stays inside the handler: once passed on, its use is unknown."""
    inside = not any(isinstance(node, NESTED) for node in path)
    return inside and _method(path) in (*STATEMENTS, "publish", "send")


def _function_of(node: ast.AST) -> ast.AST | None:
    return node.func if isinstance(node, ast.Call) else None


def _may_refuse_after(function: Callable[..., Any], code: ast.AsyncFunctionDef, awaited: ast.Await) -> bool:
    result = _result(code, awaited)
    for path in _paths(code.body, ()):
        node = path[-1]
        if not isinstance(node, ast.Raise) or (node.lineno, node.col_offset) < (awaited.lineno, awaited.col_offset):
            continue
        if not _is_failure(function, node.exc) and not _found_nothing(path, awaited, result):
            return True
    return False


def _result(code: ast.AsyncFunctionDef, awaited: ast.Await) -> str | None:
    """The name of the statement's result, if it is assigned once."""
    given = [node.id for node in ast.walk(code) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    for node in ast.walk(code):
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign) and node.value is awaited:
            targets = node.targets
        elif isinstance(node, (ast.NamedExpr, ast.AnnAssign)) and node.value is awaited:
            targets = [node.target]
        if len(targets) == 1 and isinstance(targets[0], ast.Name):
            return targets[0].id if given.count(targets[0].id) == 1 else None
    return None


def _is_failure(function: Callable[..., Any], raised: ast.expr | None) -> bool:
    """Whether it raises one of Python's own exceptions: those are failures, not refusals."""
    named = raised.func if isinstance(raised, ast.Call) else raised
    if not isinstance(named, ast.Name) or named.id in getattr(inspect.unwrap(function), "__globals__", {}):
        return False
    kind = getattr(builtins, named.id, None)
    return isinstance(kind, type) and issubclass(kind, BaseException)


def _found_nothing(path: Path, awaited: ast.Await, result: str | None) -> bool:
    """Whether it is reached only if the statement found, or changed, no row: then nothing must be undone."""
    for node, inner in zip(path, path[1:], strict=False):
        if isinstance(node, ast.If) and inner in node.body and _asks_for_nothing(node.test, awaited, result):
            return True
    return False


def _asks_for_nothing(test: ast.expr, awaited: ast.Await, result: str | None) -> bool:
    def is_result(node: ast.expr) -> bool:
        if isinstance(node, ast.NamedExpr):
            return node.value is awaited
        return node is awaited or (isinstance(node, ast.Name) and node.id == result)

    match test:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return is_result(operand)
        case ast.Compare(left=left, ops=[ast.Is()], comparators=[ast.Constant(value=None)]):
            return is_result(left)
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[ast.Constant(value=0)]):
            return is_result(left)
        case ast.BoolOp(op=ast.And(), values=values):
            return any(_asks_for_nothing(each, awaited, result) for each in values)
        case _:
            return False
