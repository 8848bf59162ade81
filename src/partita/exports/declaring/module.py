"""The module in the making: the types that its messages need, and the names that are taken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from partita.exports.declaring.python_text import literal

# Names that the module imports, or that have a sense in it.
RESERVED = (
    "Alias Annotated App Command Event Key Literal Millis PII Rejection Service Since Subject app base64 bool bytes "
    "datetime dict decimal enum float frozenset int list msgspec str uuid NotImplementedError annotations"
).split()


class Unsayable(Exception):
    """A type that no field of a message may have. The field is left out, with the reason as a comment."""


Form = Literal["truth", "whole", "real", "text", "list", "object", "union"]
"""The form of a value in JSON."""
# The forms that a value may be of, by its type in Python; the first one that a union has is taken.
_FORMS: dict[type, tuple[Form, ...]] = {
    bool: ("truth",),
    int: ("whole", "real"),
    float: ("real",),
    str: ("text",),
    list: ("list",),
    dict: ("object",),
}


@dataclass(frozen=True, slots=True)
class PyType:
    """A type of a field: its annotation, the form of its values in JSON, the expression of a default, and the notes of the field.
    `made` = the default is made for each message."""

    text: str
    form: Form
    value: Callable[[Any], str]
    notes: tuple[str, ...] = ()
    made: bool = False

    @property
    def annotation(self) -> str:
        """The annotation with its notes, where the type is within another one."""
        return f"Annotated[{', '.join((self.text, *self.notes))}]" if self.notes else self.text


def list_of(inner: PyType, notes: tuple[str, ...] = (), *, as_set: bool = False) -> PyType:
    """A list, or a set, of values of a type."""

    def value(held: Any) -> str:
        items = f"[{', '.join(map(inner.value, held))}]"
        return f"frozenset({items})" if as_set else items

    text = f"{'frozenset' if as_set else 'list'}[{inner.annotation}]"
    return PyType(text, "list", value, notes, made=not as_set)


def dict_of(inner: PyType, notes: tuple[str, ...] = ()) -> PyType:
    """Values of a type, each under a text."""

    def value(held: Any) -> str:
        return "{" + ", ".join(f"{literal(str(key))}: {inner.value(each)}" for key, each in held.items()) + "}"

    return PyType(f"dict[str, {inner.annotation}]", "object", value, notes, made=True)


def one_of(kinds: Sequence[PyType], *, or_none: bool) -> PyType:
    """One of these types, or none.

    Raises:
        Unsayable: there is none of them.
    """
    if not kinds:
        raise Unsayable("it is always null")
    if len(kinds) == 1 and not or_none:
        return kinds[0]

    def value(held: Any) -> str:
        if held is None and or_none:
            return "None"
        if len(kinds) == 1:
            return kinds[0].value(held)
        fitting = [kind for form in _FORMS.get(type(held), ()) for kind in kinds if kind.form == form]
        if not fitting:
            raise Unsayable("its default is of none of its types")
        return fitting[0].value(held)

    names = [kind.annotation for kind in kinds]
    text = " | ".join([*names, *(["None"] if or_none else [])])
    return PyType(text, "union", value, made=any(kind.made for kind in kinds))


@dataclass(slots=True)
class Types:
    """The records and enums of one message: their declarations by their names, in the order of need. In a `scope` they
    are declared within a class of that name, since the module has another type of one of these names."""

    scope: str = ""
    held: dict[str, list[str]] = field(default_factory=dict)

    def named(self, name: str) -> str:
        """A type as annotations name it."""
        return f"{self.scope}.{name}" if self.scope else name

    def declare(self, name: str, lines: list[str]) -> None:
        """Add a type.

        Raises:
            Unsayable: the message has another type of that name.
        """
        if self.held.setdefault(name, lines) != lines:
            raise Unsayable(f"another type of the message is named {name}")


@dataclass(slots=True)
class Module:
    """`types` are the declarations of records and enums by their names, or of the classes that hold those of one message."""

    types: dict[str, list[str]] = field(default_factory=dict)
    taken: set[str] = field(default_factory=lambda: set(RESERVED))

    def claim(self, name: str) -> str:
        """Take a name."""
        self.taken.add(name)
        return name

    def takes(self, types: Types) -> bool:
        """Whether the types of a message fit into the module, under their own names."""
        return all(self.types.get(name) == lines or name not in self.taken for name, lines in types.held.items())

    def add(self, types: Types) -> None:
        """Add the types of a message."""
        if types.scope:
            within = [f"    {line}" if line else "" for lines in types.held.values() for line in ("", *lines)]
            self.types[types.scope] = [f"class {types.scope}:", '    """The types of one message."""', *within]
        else:
            self.types |= types.held
            self.taken |= types.held.keys()
