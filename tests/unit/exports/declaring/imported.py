"""An imported document as the module that it becomes, in a project of its own; and whether that module is harmless."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from partita import App
from partita.exports.asyncapi.document import asyncapi_document
from partita.exports.declaring.asyncapi import Imported
from partita.schemas.revisions import write

MODULE = "imported_declarations"


def exported(app: App) -> dict[str, Any]:
    """The AsyncAPI document of an app."""
    found: dict[str, Any] = json.loads(json.dumps(asyncapi_document(app, title="them", version="1.0.0")))
    return found


def run(found: Imported, folder: Path) -> Any:
    """The module of an imported document, as an import makes it: in a project, with the files of its messages in Protobuf."""
    folder.mkdir(exist_ok=True)
    write(folder / "schemas", found.revisions)
    file = folder / "declarations.py"
    file.write_text(found.text, encoding="utf-8")
    module = ModuleType(MODULE)
    sys.modules[MODULE] = module  # types are looked up in it later
    exec(compile(found.text, file, "exec"), vars(module))
    return module


ALLOWED_CALLS = {"App", "Service", "NotImplementedError", "Since", "Alias", "float"}


def check_harmless(text: str) -> None:
    """Check that a module has imports, declarations and stubs alone, and calls nothing else than types."""
    assert text.isascii()
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.ImportFrom | ast.Import):
            names = {statement.module} if isinstance(statement, ast.ImportFrom) else {a.name for a in statement.names}
            assert names <= {
                "__future__",
                "typing",
                "partita",
                "partita.schemas",
                "msgspec",
                "base64",
                "datetime",
                "decimal",
                "enum",
                "uuid",
            }
        else:
            assert isinstance(
                statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | ast.Assign | ast.Expr
            ), ast.dump(statement)
    own = {node.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef)}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            known = (
                called in ALLOWED_CALLS | own
                or called.partition(".")[0] in {"msgspec", "datetime", "decimal", "uuid", "base64"} | own
            )
            assert known or called == "frozenset" or called.endswith((".handles", ".upcast")), called
