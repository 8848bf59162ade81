"""Times without a time zone: Avro keeps an instant, and fastavro would take such a time for the machine's own zone."""

from __future__ import annotations

import datetime as dt
from typing import Any


def naive_time(value: Any, where: str = "") -> str | None:
    """Where the first time without a zone is, as `.field[3].at`; None = there is none."""
    if isinstance(value, dt.datetime):
        return where if value.tzinfo is None else None
    if isinstance(value, dict):
        return next((found for k, v in value.items() if (found := naive_time(v, f"{where}.{k}")) is not None), None)
    if isinstance(value, list):
        return next((found for n, v in enumerate(value) if (found := naive_time(v, f"{where}[{n}]")) is not None), None)
    return None
