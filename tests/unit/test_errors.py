"""A code that is printed names one error."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from partita import errors
from partita.errors import PartitaError

LINE_END = re.compile(r"(?<!\r)\n")
"""A line end that is no part of a protocol's."""
SOURCE = Path(errors.__file__).parent
OF_TEXTS = {"split", "rsplit", "partition", "rpartition", "join", "replace", "strip", "rstrip", "lstrip", "endswith"}
"""Methods that take a line end as what to look for: their argument is in no error."""


def test_no_two_errors_share_a_code() -> None:
    """Subclasses in other modules count as well; a class without a code of its own has its parent's."""
    own = [each for each in everything(PartitaError) if "code" in vars(each)]
    assert len(own) > 10
    shared = [code for code, count in Counter(vars(each)["code"] for each in own).items() if count > 1]
    assert not shared, [(each.__name__, each.code) for each in own if each.code in shared]
    assert set(own) >= {errors.StoreContended, errors.MigrationPending}


def everything(kind: type[PartitaError]) -> set[type[PartitaError]]:
    """An error and all that are kinds of it."""
    return {kind}.union(*(everything(each) for each in kind.__subclasses__()))


def test_no_error_has_a_line_end_of_its_own() -> None:
    """An error is printed in one line and its hint in another; a line end in a text from outside is written out, so that it
    forges no line, and one of ours was printed as a backslash and an n."""
    found = [
        f"{path.relative_to(SOURCE)}:{line}"
        for path in sorted(SOURCE.rglob("*.py"))
        if path.parts[len(SOURCE.parts)] not in ("examples", "testing")
        for line in line_ends_in_errors(ast.parse(path.read_text("utf-8")))
    ]
    assert not found, "put it into one line: " + ", ".join(found)


def test_a_line_end_in_an_error_is_found() -> None:
    """Written in the error itself, or in a text that the same function makes for it."""
    direct = 'def f():\n    raise NotFound("There is none.", hint="a\\nb")'
    before = 'def f(x):\n    text = f"a\\n{x}"\n    refuse(text)'
    other = 'def f(x):\n    if "\\n".join(x).split("\\n"):\n        raise NotFound("There is none.")'
    assert [list(line_ends_in_errors(ast.parse(each))) for each in (direct, before, other)] == [[2], [2], []]


def line_ends_in_errors(tree: ast.Module) -> Iterator[int]:
    """The lines of texts with a line end, in the functions that raise an error of ours or make the text of one."""
    names = {each.__name__ for each in everything(PartitaError)}
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
        calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
        called = {getattr(call.func, "id", getattr(call.func, "attr", "")) for call in calls}
        if not called & names and not any(name.strip("_") in ("refuse", "plan") for name in called):
            continue
        looked_for = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr in OF_TEXTS]
        harmless = {id(node) for call in looked_for for each in (call.func, *call.args) for node in ast.walk(each)}
        docstring = ast.get_docstring(function, clean=False)
        for node in ast.walk(function):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and LINE_END.search(node.value):
                if id(node) not in harmless and node.value != docstring:
                    yield node.lineno
