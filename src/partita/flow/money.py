"""Money in a message: the field that holds it, or the note of the message that says so."""

from __future__ import annotations

import typing
from typing import Any, get_args

import msgspec

from partita.catalog.contract import Contract
from partita.schemas.fields.annotation import bare
from partita.schemas.money import Money

UNITS = ("cents", "pence")
"""A field whose name ends in a minor unit of a currency holds money: `total_cents`."""


def money_in(contract: Contract) -> str:
    """The evidence that money moves with a message: its name where it has the note, or its first field that holds money, also
    within a record of a list. Empty where there is none."""
    if "money" in contract.notes.concerns:
        return contract.name
    return _in_fields(contract.hints, contract.name, {})


def _in_fields(hints: dict[str, Any], path: str, seen: dict[type[Any], None]) -> str:
    found = (
        f"{path}.{name}" if _is_unit(name) else _in_type(hint, f"{path}.{name}", seen) for name, hint in hints.items()
    )
    return next((each for each in found if each), "")


def _is_unit(name: str) -> bool:
    return name.rpartition("_")[2] in UNITS


def _in_type(annotation: Any, path: str, seen: dict[type[Any], None]) -> str:
    """The path of money in a type; a record that holds itself is looked at once."""
    plain = bare(annotation)
    if plain is Money:
        return path
    if isinstance(plain, type) and issubclass(plain, msgspec.Struct):
        if plain in seen:
            return ""
        seen[plain] = None
        return _in_fields(typing.get_type_hints(plain, include_extras=True), path, seen)
    return next((each for each in (_in_type(inner, path, seen) for inner in get_args(plain)) if each), "")
