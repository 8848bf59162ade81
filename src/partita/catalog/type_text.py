"""The text of a field's type, as the declaration of the message has it."""

from __future__ import annotations

import json
import types
from typing import Annotated, Any, Literal, NewType, Union, get_args, get_origin

from partita.catalog.contract import KEY_MARK
from partita.schemas.fields.marks import PII, Alias, Mark, Millis, Precision, Subject
from partita.schemas.fields.shape import Since

MARKS = {PII: "PII", Subject: "Subject", Millis: "Millis"}


def type_text(hint: Any) -> str:
    """`Key[OrderId]`, `list[Line] | None`: names without their modules, and no form that only `typing` prints."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _annotated(arguments[0], arguments[1:])
    if origin in (Union, types.UnionType):
        return " | ".join(type_text(each) for each in arguments)
    if origin is Literal:
        return f"Literal[{', '.join(_literal(each) for each in arguments)}]"
    if origin is not None:
        return f"{_name(origin)}[{', '.join(type_text(each) for each in arguments)}]"
    return _name(hint)


def _annotated(inner: Any, marks: tuple[Any, ...]) -> str:
    rest = [mark for mark in marks if mark != KEY_MARK]
    text = type_text(inner) if len(rest) == len(marks) else f"Key[{type_text(inner)}]"
    return f"Annotated[{', '.join([text, *map(_mark_text, rest)])}]" if rest else text


def _mark_text(mark: object) -> str:
    if isinstance(mark, Mark | Precision):
        return MARKS[mark]
    if isinstance(mark, Alias):
        return f"Alias({_literal(mark.name)})"
    return f"Since({mark.revision})" if isinstance(mark, Since) else repr(mark)


def _literal(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _name(hint: Any) -> str:
    if hint is None or hint is type(None):
        return "None"
    if hint is Ellipsis:
        return "..."
    if isinstance(hint, type):
        return hint.__qualname__.rpartition("<locals>.")[2]
    if isinstance(hint, NewType):
        return hint.__name__
    return str(hint).removeprefix("typing.")
