"""An enum of texts as a class of Python."""

from __future__ import annotations

from collections.abc import Iterable

from partita.exports.declaring.module import PyType, Types
from partita.exports.declaring.python_text import literal, variable_name


def enum_type(types: Types, name: str, texts: Iterable[str]) -> PyType:
    """Declare an enum with these texts; a default is one of them.

    Raises:
        Unsayable: the message has another type of that name.
    """
    members: dict[str, str] = {}
    for text in texts:
        members[variable_name(text, {"name", "value", "mro", *(m.lower() for m in members)}).upper()] = text
    lines = [f"class {name}(enum.Enum):", *(f"    {member} = {literal(text)}" for member, text in members.items())]
    types.declare(name, lines)
    called = types.named(name)
    return PyType(called, "text", lambda value: f"{called}({literal(str(value))})", made=bool(types.scope))
