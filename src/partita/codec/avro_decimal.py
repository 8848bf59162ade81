"""Decimals within Avro, bounded: fastavro would build a number of any length, which can take minutes.

Parsed schemas name our logical type instead of Avro's `decimal`, so that other code's use of fastavro does not change.
Published schemas keep Avro's name.
"""

from __future__ import annotations

import decimal
from typing import Any

from fastavro.read import LOGICAL_READERS
from fastavro.write import LOGICAL_WRITERS

from partita.schemas.avro_default import decimal_bytes

DIGITS_MAX = 38
BYTES_MAX = 16
"""The bytes of 38 digits."""

_OURS = "partita-decimal"
_EXACT = decimal.Context(prec=DIGITS_MAX)


def bound_decimals(schema: Any) -> None:
    """Read and write each decimal of a parsed schema here.

    Raises:
        ValueError: it declares more than 38 digits.
    """
    if isinstance(schema, list):
        for branch in schema:
            bound_decimals(branch)
    elif isinstance(schema, dict):
        if schema.get("logicalType") == "decimal" and schema["type"] in ("bytes", "fixed"):
            precision, scale = schema.get("precision", 0), schema.get("scale", 0)
            if not (
                type(precision) is int
                and type(scale) is int
                and 0 <= scale <= precision
                and 0 < precision <= DIGITS_MAX
            ):
                raise ValueError(f"a decimal of {precision} digits, {scale} after the point; {DIGITS_MAX} is the limit")
            schema["logicalType"] = _OURS
        for inner in (schema.get("type"), schema.get("items"), schema.get("values")):
            bound_decimals(inner)
        for item in schema.get("fields", ()):
            bound_decimals(item["type"])


def decimal_of(data: bytes, scale: int) -> decimal.Decimal:
    """The decimal of these bytes.

    Raises:
        ValueError: it has more digits than are allowed.
    """
    if len(data) > BYTES_MAX:
        raise ValueError(f"a decimal of {len(data):,} bytes; the limit is {DIGITS_MAX} digits")
    return decimal.Decimal(int.from_bytes(data, "big", signed=True)).scaleb(-scale, _EXACT)


def _read(data: bytes, writer_schema: Any = None, reader_schema: Any = None) -> decimal.Decimal:
    return decimal_of(data, writer_schema.get("scale", 0))


def _write(value: Any, schema: Any) -> Any:
    return decimal_bytes(value, schema.get("scale", 0)) if isinstance(value, decimal.Decimal) else value


LOGICAL_READERS[f"bytes-{_OURS}"] = _read
LOGICAL_READERS[f"fixed-{_OURS}"] = _read
LOGICAL_WRITERS[f"bytes-{_OURS}"] = _write
