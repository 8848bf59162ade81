"""Filling a saga's commands: each field by name and type from the start event, the replies so far, the saga's facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NewType, get_args, get_origin

import msgspec

from partita.catalog.contract import Contract
from partita.catalog.rejection import from_struct
from partita.errors import DeclarationError
from partita.schemas.fields.field import fields_of

PLAIN = (str, int, bool, float, type(None))


@dataclass(frozen=True, slots=True)
class Source:
    """A source of values: a message that will have arrived by then, or an item of a list, under a name for its facts."""

    name: str
    title: str
    hints: Mapping[str, Any]
    certain: bool = True  # False: an own reply of an undone step may never arrive
    times: str = ""  # the list for each item of which it comes: which one of them a command means is unknown

    @classmethod
    def of(cls, name: str, contract: Contract, *, certain: bool = True, times: str = "") -> Source:
        """A message under a name."""
        return cls(name, contract.name, contract.hints, certain, times)


@dataclass(frozen=True, slots=True)
class Plan:
    """The way a message is filled: (field on the wire, fact) pairs; an absent fact leaves the default. `needed` are the facts of
    fields without a default."""

    contract: Contract
    fills: tuple[tuple[str, str], ...]
    needed: frozenset[str]

    def make(self, facts: Mapping[str, Any]) -> Any:
        """The message, filled.

        Raises:
            msgspec.ValidationError: a stored value no longer fits the field's type.
        """
        values = {wire: facts[fact] for wire, fact in self.fills if fact in facts}
        if self.contract.kind == "refusal":
            return from_struct(self.contract.cls, msgspec.convert(values, self.contract.shape.struct))
        return msgspec.convert(values, self.contract.cls)


def plan(contract: Contract, sources: Sequence[Source], facts: Mapping[str, Any], where: str, hook: str) -> Plan:
    """A plan to fill a message from these sources; the first that has a field of that name and type wins.

    Args:
        contract: of the message to fill.
        sources: in the order of preference.
        facts: the saga's own facts, name to type (`reason`).
        where: the user's place, for the error. hook: the line that would fill it by hand.

    Raises:
        DeclarationError: no source fills a field without default.
    """
    fills: list[tuple[str, str]] = []
    required = {field.wire_name for field in fields_of(contract.shape.struct) if field.required}
    for field in fields_of(contract.shape.struct):
        near: list[str] = []
        for source in sources:
            theirs = source.hints.get(field.name)
            if theirs is None:
                continue
            if not fits(field.annotation, theirs):
                near.append(f"{source.title}.{field.name} is {_show(theirs)}")
            elif source.times:
                raise DeclarationError(
                    f"{where}: {contract.name}.{field.name} could be of any of the replies {source.title}: one comes for each of "
                    f"{source.times}.",
                    hint=hook,
                )
            elif source.certain or not field.required:
                fills.append((field.wire_name, f"{source.name}.{field.name}"))
                break
            else:
                near.append(f"{source.title} may be missing when this is undone")
        else:
            if field.name in facts and fits(field.annotation, facts[field.name]):
                fills.append((field.wire_name, f"saga.{field.name}"))
            elif field.required:
                looked = ", ".join(s.title for s in sources)
                raise DeclarationError(
                    f"{where}: nothing fills {contract.name}.{field.name}: {_show(field.annotation)} "
                    f"(looked in {looked}{'; ' + '; '.join(near) if near else ''}).",
                    hint=hook,
                )
    return Plan(contract, tuple(fills), frozenset(fact for wire, fact in fills if wire in required))


def plain(value: Any) -> Any:
    """A value as a state keeps it."""
    return value if type(value) in PLAIN else msgspec.to_builtins(value, builtin_types=(bytes,))


def fits(wanted: Any, given: Any) -> bool:
    """Whether each value of one annotation fits the other: of the same type, also in a field that may be None."""
    others = [each for each in get_args(_bare(wanted)) if each is not type(None)]
    may_be_none = type(None) in get_args(_bare(wanted)) and len(others) == 1
    return same_type(wanted, given) or (may_be_none and same_type(others[0], given))


def same_type(one: Any, other: Any) -> bool:
    """Whether two annotations are equal, or one is a NewType of the other."""
    a, b = _bare(one), _bare(other)
    return bool(a == b or getattr(a, "__supertype__", a) == b or a == getattr(b, "__supertype__", b))


def _bare(annotation: Any) -> Any:
    return _bare(get_args(annotation)[0]) if get_origin(annotation) is Annotated else annotation


def _show(annotation: Any) -> str:
    bare = _bare(annotation)
    return bare.__name__ if isinstance(bare, (type, NewType)) and not get_args(bare) else str(bare)
