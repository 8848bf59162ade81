"""The default of a field as the plain value that a codec writes, and that a reader fills in."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from typing import Any

import msgspec

from partita.errors import DeclarationError
from partita.schemas.fields.field import Field

NATIVE = (dt.datetime, dt.date, dt.time, decimal.Decimal, uuid.UUID, bytes)
"""Types that go to the codec as they are."""


def plain_default(struct: type[msgspec.Struct], field: Field, where: str) -> Any:
    """The default of a field as its codec sees it.

    Raises:
        DeclarationError: it is no value of the field's type, or another one each time.
    """
    try:
        plain = msgspec.to_builtins(field.default, builtin_types=NATIVE, order="deterministic")
        read = msgspec.to_builtins(
            msgspec.convert(plain, type=field.annotation), builtin_types=NATIVE, order="deterministic"
        )
        if not _has_its_decimals(plain, read):
            raise TypeError("a Decimal is written as Decimal(...)")
    except (TypeError, ValueError, RecursionError) as error:
        raise DeclarationError(
            f"{where}: its default {field.default!r:.80} is no value of its type: {error}.",
            hint="Give it a default of its type, or make the field `T | None = None`.",
        ) from error
    if read != plain or not _is_steady(struct, field):
        raise DeclarationError(
            f"{where}: its default differs each time, or is not read back equal.",
            hint="A default is part of the schema, and fills the field when older bytes are read: give such a value "
            "where the message is made.",
        )
    return plain


def _has_its_decimals(plain: Any, read: Any) -> bool:
    """Whether each Decimal is given as one. 0 equals Decimal(0) and is taken for one, but no codec writes it as one: each
    message with the default would be refused when it is sent."""
    if isinstance(read, dict):
        return all(_has_its_decimals(plain[key], within) for key, within in read.items() if key in plain)
    if isinstance(read, (list, tuple)):
        return all(map(_has_its_decimals, plain, read))
    return isinstance(plain, decimal.Decimal) or not isinstance(read, decimal.Decimal)


def _is_steady(struct: type[msgspec.Struct], field: Field) -> bool:
    item = next(f for f in msgspec.structs.fields(struct) if f.name == field.name)
    if item.default_factory is msgspec.NODEFAULT:
        return True
    made = [msgspec.to_builtins(item.default_factory(), builtin_types=NATIVE, order="deterministic") for _ in range(2)]
    return bool(made[0] == made[1])
