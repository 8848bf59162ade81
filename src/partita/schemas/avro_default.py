"""The default of a field as JSON in an Avro schema."""

from __future__ import annotations

import datetime as dt
import decimal
import math
from collections.abc import Callable
from typing import Any

from partita.errors import DeclarationError

_NUMBERS = ("boolean", "long", "double")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_Named = Callable[[str], dict[str, Any] | None]


def json_default(schema: Any, plain: Any, named: _Named, where: str) -> Any:
    """A plain default as the JSON of an Avro schema: bytes as a text of their code points, a time as its number.

    Raises:
        DeclarationError: JSON has no form for it.
    """
    if isinstance(schema, list):
        branch = next((s for s in schema if _fits(s, plain, named)), None)
        if branch is None:
            raise _unsayable(plain, where)
        return json_default(branch, plain, named, where)
    if isinstance(schema, str):
        known = named(schema)
        return _of_primitive(schema, plain, where) if known is None else json_default(known, plain, named, where)
    match schema["type"]:
        case "array":
            return [json_default(schema["items"], item, named, where) for item in plain]
        case "map":
            return {key: json_default(schema["values"], item, named, where) for key, item in plain.items()}
        case "record":
            given = {f["name"]: f["default"] for f in schema["fields"] if "default" in f}
            for f in schema["fields"]:
                if f["name"] in plain:
                    given[f["name"]] = json_default(f["type"], plain[f["name"]], named, where)
            return given
        case "enum":
            return plain
    return _of_logical(schema, plain, where)


def with_first(branches: list[Any], plain: Any, named: _Named) -> list[Any]:
    """The branches of a union, that of its default first: before Avro 1.12 a default is of the first branch, and readers of that
    age take it for one.

    Numbers stay behind those that they would be taken for: a writer takes the first branch that holds a value, and `double`
    holds whole numbers too.
    """
    chosen = next((branch for branch in branches if _fits(branch, plain, named)), None)
    if chosen in _NUMBERS and any(branch in _NUMBERS for branch in branches if branch != chosen):
        return branches
    others = [branch for branch in branches if branch is not chosen]
    # A type is written out in its first place, and named in those behind it.
    if chosen is None or any(map(_writes_out, others)):
        return branches
    return [chosen, *others]


def _writes_out(schema: Any) -> bool:
    if not isinstance(schema, dict):
        return isinstance(schema, list) and any(map(_writes_out, schema))
    return "name" in schema or _writes_out(schema.get("items")) or _writes_out(schema.get("values"))


def _of_primitive(kind: str, plain: Any, where: str) -> Any:
    if kind == "bytes":
        return plain.decode("latin-1")
    if kind == "double":
        if not math.isfinite(plain):
            raise _unsayable(plain, where)
        return float(plain)
    if kind == "string" and not plain.isascii():
        try:
            plain.encode()
        except UnicodeEncodeError as error:
            raise _unsayable(plain, where) from error
    if kind == "long" and not -(2**63) <= plain < 2**63:
        raise _unsayable(plain, where)
    return plain


def _of_logical(schema: dict[str, Any], plain: Any, where: str) -> Any:
    match schema["logicalType"]:
        case "timestamp-micros" | "timestamp-millis" as unit:
            step = dt.timedelta(microseconds=1_000 if unit == "timestamp-millis" else 1)
            if plain.utcoffset() is None or (plain - _EPOCH) % step:
                raise _unsayable(plain, where)
            return (plain - _EPOCH) // step
        case "time-micros":
            if plain.tzinfo is not None:
                raise _unsayable(plain, where)
            return (plain.hour * 3600 + plain.minute * 60 + plain.second) * 1_000_000 + plain.microsecond
        case "date":
            return plain.toordinal() - _EPOCH.toordinal()
        case "uuid":
            return str(plain)
    try:
        return decimal_bytes(plain, schema["scale"]).decode("latin-1")
    except ValueError as error:
        raise _unsayable(plain, where) from error


_EXACT = decimal.Context(prec=38, traps=[decimal.Inexact, decimal.InvalidOperation, decimal.Overflow])


def decimal_bytes(value: decimal.Decimal, scale: int) -> bytes:
    """A decimal of at most 38 digits in Avro's form: the whole number of its smallest units, big-endian.

    Raises:
        ValueError: it has more digits than fit before or after the point, or is no number.
    """
    try:
        # Digits are counted before any computation: 1E+999999999 is one digit.
        exact = _EXACT.quantize(value, decimal.Decimal((0, (1,), -scale)))
    except decimal.DecimalException:
        exact = decimal.Decimal("NaN")
    if not exact.is_finite():
        limits = f"{_EXACT.prec - scale} digits before the point and {scale} after it"
        raise ValueError(f"{value!s:.60} is no decimal of at most {limits}")
    units = int(exact.scaleb(scale, _EXACT))
    return units.to_bytes((units.bit_length() + 8) // 8, "big", signed=True)


def _fits(schema: Any, plain: Any, named: _Named) -> bool:
    """Whether a plain value is of this branch of a union."""
    if schema == "null" or plain is None:
        return schema == "null" and plain is None
    if isinstance(schema, str):
        known = named(schema)
        kind = schema if known is None else known["type"]
    else:
        kind = schema["type"]
    expected: tuple[type, ...]
    if isinstance(schema, dict) and "logicalType" in schema:
        return True  # it is alone beside null
    match kind:
        case "boolean":
            return isinstance(plain, bool)
        case "long":
            return isinstance(plain, int) and not isinstance(plain, bool)
        case "double":
            return isinstance(plain, (int, float)) and not isinstance(plain, bool)
        case "string" | "enum":
            expected = (str,)
        case "bytes":
            expected = (bytes,)
        case "array":
            expected = (list, tuple)
        case _:
            expected = (dict,)
    return isinstance(plain, expected)


def _unsayable(plain: Any, where: str) -> DeclarationError:
    return DeclarationError(
        f"{where}: the default {plain!r:.80} has no form in a schema.", hint="Make the field `T | None = None`."
    )
