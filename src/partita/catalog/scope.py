"""The scope of a declaration: the local names among which a handler or a message is declared.

With `from __future__ import annotations` an annotation is a text. If a handler or a message is declared within a function, as
in a test, no module holds the names of that text: they are local to functions that are still running. They are read from
their frames at the declaration, and the annotation is resolved then, once.
"""

from __future__ import annotations

import inspect
import sys
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import CodeType, FrameType, MethodType
from typing import Any, get_args

import msgspec

from partita.catalog.place import declaring_frame

UNREADABLE = (NameError, AttributeError, TypeError, SyntaxError)


@dataclass(frozen=True, slots=True)
class Scope:
    """Local names with their values, and the functions (qualified names) that they are local to. At the top of a module both
    are empty."""

    names: Mapping[str, Any]
    functions: frozenset[str] = frozenset()


def scope_of_class(module: str) -> Scope:
    """The scope of the class statement of this module that is being executed."""
    frame = declaring_frame(2)
    names: dict[str, Any] = {}
    functions: list[str] = []
    # Other callers of a metaclass, such as `types.new_class`, have no local names of the user's.
    if _is_function(frame.f_code) and frame.f_globals.get("__name__") == module:
        names.update(frame.f_locals)
        functions.append(frame.f_code.co_qualname)
    for outer in _around(frame.f_code, frame.f_back):
        names = {**outer.f_locals, **names}
        functions.append(outer.f_code.co_qualname)
    return Scope(names, frozenset(functions))


def hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    """The annotations of a handler, resolved with the names that it sees at its declaration.

    Raises:
        NameError, AttributeError, TypeError, SyntaxError: an annotation has no meaning there.
    """
    inner: Any = inspect.unwrap(function)
    inner = inner.__func__ if isinstance(inner, MethodType) else inner
    code = getattr(inner, "__code__", None)
    names: dict[str, Any] = {}
    if isinstance(code, CodeType):
        for outer in _around(code, declaring_frame(2)):
            names = {**outer.f_locals, **names}
        names.update(_captured(inner, code))
    return typing.get_type_hints(function, localns=names or None, include_extras=True)


def resolve(annotations: dict[str, Any], own: Mapping[str, Any], module: str, scope: Scope) -> None:
    """Replace, in place, the texts among the annotations of a class by what they mean in its scope; `own` are the names of the
    class itself. A text stays where it names something that is declared further down; a module may have the name later.

    Local structs within the class are resolved with it, since Partita sees no declaration of their own.
    """
    if not scope.names:
        return
    # In the order of Python, except the names of the class: a field `date: date` means the type.
    around = {**getattr(sys.modules.get(module), "__dict__", {}), **scope.names}
    waiting, seen = [(annotations, own)], set[type]()
    while waiting:
        texts, names = waiting.pop()
        for name, annotation in texts.items():
            texts[name] = _resolved(annotation, dict(names), around)
            new = [each for each in _structs_in(texts[name]) if each not in seen and _is_local(each, module, scope)]
            waiting += [(vars(each).get("__annotations__", {}), vars(each)) for each in new]
            seen.update(new)


def _around(code: CodeType, frame: FrameType | None) -> Iterator[FrameType]:
    """The frames of the running functions around this code, the inner ones first; before them the body of the
    class that the code is a method of."""
    body = code.co_qualname.rpartition(".")[0]
    while frame is not None:
        outer = frame.f_code
        if outer.co_filename == code.co_filename and code.co_qualname.startswith(f"{outer.co_qualname}."):
            if _is_function(outer) or outer.co_qualname == body:
                yield frame
            code = outer
        frame = frame.f_back


def _is_function(code: CodeType) -> bool:
    """Whether it is neither a module nor a class body; names of a class are not visible in declarations within it."""
    return bool(code.co_flags & inspect.CO_OPTIMIZED)


def _captured(function: Any, code: CodeType) -> dict[str, Any]:
    """The names of outer functions that a function's own code uses: it keeps them, also after those have ended."""
    found: dict[str, Any] = {}
    for name, cell in zip(code.co_freevars, getattr(function, "__closure__", None) or (), strict=False):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # its value is assigned further down
            continue
    return found


def _resolved(annotation: Any, own: dict[str, Any], around: dict[str, Any]) -> Any:
    holder = type("holder", (), {"__annotations__": {"it": annotation}})
    try:
        return typing.get_type_hints(holder, own, around, include_extras=True)["it"]
    except UNREADABLE:
        return annotation


def _structs_in(annotation: Any) -> Iterator[type[msgspec.Struct]]:
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        yield from (each for each in annotation.__mro__ if issubclass(each, msgspec.Struct))
    for inner in get_args(annotation):
        yield from _structs_in(inner)


def _is_local(struct: type[msgspec.Struct], module: str, scope: Scope) -> bool:
    function, local, _ = struct.__qualname__.rpartition(".<locals>.")
    return bool(local) and struct.__module__ == module and function in scope.functions
