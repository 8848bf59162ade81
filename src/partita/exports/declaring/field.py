"""A field of a record as a line of Python, and a record as a class."""

from __future__ import annotations

import decimal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from partita.exports.declaring.module import PyType, Unsayable
from partita.exports.declaring.python_text import camel, comment, docstring, literal, variable_name

ABSENT: Any = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldFacts:
    """A field as a document declares it. `default` is `ABSENT` if it is required."""

    name: str
    type: PyType | Unsayable
    default: Any = ABSENT
    doc: str = ""
    pii: bool = False
    subject: bool = False
    aliases: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Ours:
    """Facts about a message's fields that schemas do not have: its key, and the revisions in which fields arrived."""

    key: str = ""
    since: Mapping[str, int] | None = None


NONE_OF_OURS = Ours()
BUILT_IN = ("bool", "bytes", "dict", "float", "frozenset", "int", "list", "str")
KEYS = ("str", "int", "uuid.UUID")


def class_body(doc: str, fields: Sequence[FieldFacts], ours: Ours = NONE_OF_OURS) -> list[str]:
    """The lines of a class: its docstring and its fields, each under a name that Python and the wire agree on."""
    lines = [docstring(doc), ""] if doc else []
    names = names_of(fields)
    for each in fields:
        if isinstance(each.type, Unsayable):
            lines.append(comment(f"{each.name} is left out: {each.type}", "    "))
        else:
            lines.append(_line(names[each.name], each, each.type, ours))
    return [*lines, *([] if any(isinstance(f.type, PyType) for f in fields) else ["    pass"])]


def names_of(fields: Sequence[FieldFacts]) -> dict[str, str]:
    """The names of fields in Python, by those on the wire. The name of a built-in type would hide it from the annotations."""
    found: dict[str, str] = {}
    for each in fields:
        found[each.name] = variable_name(each.name, {*BUILT_IN, *found.values()})
    return found


def _line(name: str, each: FieldFacts, kind: PyType, ours: Ours) -> str:
    is_key = each.name == ours.key and kind.text in KEYS and each.default is ABSENT
    text = f"Key[{kind.text}]" if is_key else kind.text
    notes = list(kind.notes)
    notes += ["PII"] if each.pii else []
    notes += ["Subject"] if each.subject and kind.text.removesuffix(" | None") in KEYS else []
    notes += [f"Alias({literal(alias)})" for alias in each.aliases]
    if each.doc:
        notes.append(f"msgspec.Meta(description={literal(each.doc)})")
    since = (ours.since or {}).get(each.name, 1)
    if since > 1 and each.default is not ABSENT:
        notes.append(f"Since({since})")
    annotation = f"Annotated[{', '.join([text, *notes])}]" if notes else text
    words = [] if camel(name) == each.name else [f"name={literal(each.name)}"]
    if each.default is not ABSENT:
        value = kind.value(each.default)
        if kind.made and value not in ("[]", "{}", "None"):
            words.append(f"default_factory=lambda: {value}")
        elif not words:
            return f"    {name}: {annotation} = {value}"
        elif value in ("[]", "{}"):
            words.append(f"default_factory={'list' if value == '[]' else 'dict'}")
        else:
            words.append(f"default={value}")
    return f"    {name}: {annotation}" + (f" = msgspec.field({', '.join(words)})" if words else "")


def made(name: str, fields: Sequence[FieldFacts], value: Mapping[str, Any]) -> str:
    """The expression of a record with these values by the names on the wire."""
    names = names_of(fields)
    kinds = [(each.name, each.type) for each in fields if isinstance(each.type, PyType) and each.name in value]
    return f"{name}({', '.join(f'{names[wire]}={kind.value(value[wire])}' for wire, kind in kinds)})"


def check_default(kind: PyType, default: Any) -> None:
    """Refuse a default that is none of the field's type.

    Raises:
        Unsayable: with the reason.
    """
    if default is ABSENT:
        return
    try:
        kind.value(default)
    except (TypeError, ValueError, OverflowError, KeyError, AttributeError, decimal.DecimalException) as error:
        raise Unsayable(f"its default is none of its type ({type(error).__name__})") from None


def mappings(value: Any) -> list[dict[str, Any]]:
    """The mappings in a list that a document may have in this place, or something else."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def texts(value: Any) -> list[str]:
    """The texts in a list that a document may have in this place, or something else."""
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
