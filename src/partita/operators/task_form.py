"""Forms of answers in a browser: which control a field has, and the value of its texts; each error at its field.

A browser sends texts alone. A field that is left empty is left out: it has its default, or the value of the command.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import msgspec
from msgspec import inspect

from partita.catalog.rejection import Rejection, from_struct
from partita.errors import Malformed
from partita.observability.tasks import Form, FormField
from partita.schemas import Money

Kind = Literal["text", "whole", "number", "truth", "date", "instant", "time", "choice", "list", "money", "json", "none"]
HINTS: Mapping[Kind, str] = {
    "whole": "a whole number",
    "number": "a number, such as 12.5",
    "date": "a date",
    "instant": "a date and time, UTC",
    "time": "a time",
    "list": "one value a line",
    "money": "an amount, such as 12.50, and the currency's three letters",
    "json": "JSON",
}
WORDS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Control:
    """The control of one field. `texts` are its present texts: those of the person, else the command's value. `kind` is none
    where a page cannot take the field."""

    name: str
    kind: Kind
    required: bool
    options: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    about: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Filled:
    """A form that was filled: the answer, or the errors by field."""

    answer: Any
    errors: Mapping[str, str]


def controls(
    form: Form, texts: Mapping[str, str] | None = None, errors: Mapping[str, str] | None = None
) -> list[Control]:
    """The controls of a form; with `texts` those that the person sent. The key of the command is no control."""
    found = []
    for each, field in zip(form.fields, msgspec.structs.fields(form.contract.shape.struct), strict=True):
        if is_fixed(form, each):
            continue
        kind, options = _kind(field.type)
        names = parts(each.name, kind)
        present = tuple(texts.get(name, "") for name in names) if texts is not None else _given(each, kind)
        about = _about(field.type)
        error = (errors or {}).get(each.name, "")
        found.append(Control(each.name, kind, each.required, options, present, about, error))
    return found


def parts(name: str, kind: Kind) -> tuple[str, ...]:
    """The names of a field's inputs."""
    return (f"{name}.amount", f"{name}.currency") if kind == "money" else (name,)


def is_fixed(form: Form, field: FormField) -> bool:
    """Whether the command decides a field of its answer: an answer of another key would go to another partition."""
    return field.name == form.contract.key_field and field.given is not None


def filled(form: Form, texts: Mapping[str, str]) -> Filled:
    """The answer of a form with these texts, or an error for each field that does not fit."""
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    known: set[str] = set()
    for each, field in zip(form.fields, msgspec.structs.fields(form.contract.shape.struct), strict=True):
        if is_fixed(form, each):
            values[each.name] = each.given
            continue
        kind, options = _kind(field.type)
        names = parts(each.name, kind)
        known.update(names)
        given = [texts.get(name, "") for name in names]
        if not any(given):
            if each.required:
                errors[each.name] = "This is needed."
            continue
        try:
            values[each.name] = _value(field.type, kind, options, given)
        except (ValueError, Malformed, RecursionError) as error:
            errors[each.name] = error.what if isinstance(error, Malformed) else _expected(kind, error)
    for name in texts:
        if name not in known:
            errors.setdefault("", f"There is no field {name:.80} here.")
    if errors:
        return Filled(None, errors)
    made = form.contract.shape.struct(**values)
    cls = form.contract.cls
    return Filled(from_struct(cls, made) if issubclass(cls, Rejection) else made, {})


def _expected(kind: Kind, error: Exception) -> str:
    """An error for people. msgspec's text has the reason where the kind is right, such as a number that is too small."""
    must = f"This must be {HINTS[kind]}" if kind in HINTS else "This does not fit"
    said = str(error)
    return (
        f"{must}: {said[:200]}."
        if isinstance(error, msgspec.ValidationError) and "got `str`" not in said
        else f"{must}."
    )


def _value(annotation: Any, kind: Kind, options: tuple[str, ...], given: list[str]) -> Any:
    """The value of a field's texts.

    Raises:
        ValueError: they do not fit (msgspec's errors are such). Malformed: they are no amount of money.
    """
    text = given[0]
    if kind == "money":
        money = Money.of(text.strip(), given[1].strip().upper())
        return msgspec.convert(msgspec.to_builtins(money), annotation)
    if kind == "choice":
        return msgspec.convert(_options(annotation)[options.index(text)] if text in options else text, annotation)
    if kind == "truth":
        return msgspec.convert(WORDS.get(text, text), annotation)
    if kind == "list":
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return msgspec.convert(lines, annotation, strict=False)
    if kind == "json":
        return msgspec.convert(msgspec.json.decode(text), annotation)
    if kind == "instant" and dt.datetime.fromisoformat(text.strip()).tzinfo is None:
        text = f"{text.strip()}Z" if text.count(":") > 1 else f"{text.strip()}:00Z"
    if kind == "text":
        text = text.replace("\r\n", "\n")  # a browser sends each line end so
        return msgspec.convert(text, annotation)
    return msgspec.convert(text.strip(), annotation, strict=False)


def _given(field: FormField, kind: Kind) -> tuple[str, ...]:
    """The command's value of a field, as texts of its inputs."""
    value = field.given
    if value is None:
        return ("",) * len(parts("", kind))
    if kind == "money" and isinstance(value, Money):
        return str(value.amount), value.currency
    plain = msgspec.to_builtins(value)
    if kind == "truth":
        return ("true" if plain else "false",)
    if kind == "list" and isinstance(plain, list):
        return ("\n".join(map(str, plain)),)
    return (plain if isinstance(plain, str) else msgspec.json.encode(plain).decode(),)


@lru_cache(maxsize=1_024)
def _kind(annotation: Any) -> tuple[Kind, tuple[str, ...]]:
    """The control of a type, and its options."""
    options = _options(annotation)
    if options:
        return "choice", tuple(map(str, options))
    return _kind_of(_inner(annotation)), ()


def _kind_of(inner: inspect.Type) -> Kind:
    simple: dict[type[inspect.Type], Kind] = {
        inspect.StrType: "text",
        inspect.UUIDType: "text",
        inspect.IntType: "whole",
        inspect.FloatType: "number",
        inspect.DecimalType: "number",
        inspect.BoolType: "truth",
        inspect.DateType: "date",
        inspect.DateTimeType: "instant",
        inspect.TimeType: "time",
    }
    if isinstance(inner, inspect.StructType) and inner.cls is Money:
        return "money"
    if isinstance(inner, inspect.ListType | inspect.VarTupleType | inspect.SetType | inspect.FrozenSetType):
        of_lines = type(inner.item_type) in simple and not isinstance(inner.item_type, inspect.BoolType)
        return "list" if of_lines else "json"
    if isinstance(inner, inspect.BytesType | inspect.ByteArrayType | inspect.MemoryViewType | inspect.CustomType):
        return "none"
    return simple.get(type(inner), "json")


def _options(annotation: Any) -> tuple[Any, ...]:
    """The values of an enum or a literal."""
    inner = _inner(annotation)
    if isinstance(inner, inspect.EnumType):
        return tuple(each.value for each in inner.cls)
    return tuple(inner.values) if isinstance(inner, inspect.LiteralType) else ()


def _inner(annotation: Any) -> inspect.Type:
    """The type behind its marks, and without None."""
    found: inspect.Type = inspect.type_info(annotation)
    while isinstance(found, inspect.Metadata):
        found = found.type
    if isinstance(found, inspect.UnionType):
        rest = [each for each in found.types if not isinstance(each, inspect.NoneType)]
        found = rest[0] if len(rest) == 1 else found
    while isinstance(found, inspect.Metadata):
        found = found.type
    return found


def _about(annotation: Any) -> str:
    """The description in a field's marks."""
    found: inspect.Type = inspect.type_info(annotation)
    extra = found.extra_json_schema if isinstance(found, inspect.Metadata) else None
    return str((extra or {}).get("description", ""))
