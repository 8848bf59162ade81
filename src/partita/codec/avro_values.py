"""Rules for a value beyond its type, so that it is decoded equal: a time has a zone and is within the years that every
reader knows, a float is a number.

A schema is compiled to one function that checks only the places of such values: most messages have one or none.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any, NamedTuple

Check = Callable[[Any], "Wrong | None"]

NOT_A_NUMBER = "is not a number: it equals nothing, not even itself"
NO_FLOAT = "is no float"
NO_ZONE = "is a time without a time zone: each machine would read another instant"
NO_YEAR = "is an instant before year 1 or after 9999, which no reader can take"
TOO_FINE = "is an instant in milliseconds, and has a part of one"
A_ZONE = "is a time of day with a time zone, which would be lost"
DEPTH_MAX = 100
"""The most levels of lists, dicts and records in a value. A decoder in C that goes deeper overflows its
stack and kills the process."""


class Wrong(NamedTuple):
    """The place of a wrong value, as `.field[3].at`, and the reason."""

    where: str
    why: str


def check_of(schema: Any) -> Check | None:
    """The check of plain values of a parsed schema; None where no value can be wrong."""
    return _Compiler().of(schema)


def is_too_deep(plain: Any) -> bool:
    """Whether a plain value is nested deeper than `DEPTH_MAX`."""
    level = [plain]
    for _ in range(DEPTH_MAX):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list | tuple)
        ]
        if not level:
            return False
    return True


class _Compiler:
    """Compiles one schema; `_named` are its named types, so that a recursive one is found when it is used."""

    def __init__(self) -> None:
        self._named: dict[str, Check | None] = {}
        self._open: set[str] = set()

    def of(self, schema: Any) -> Check | None:
        if isinstance(schema, list):
            return self._union(schema)
        if isinstance(schema, str):
            if schema in self._open:
                return lambda value: check(value) if (check := self._named[schema]) else None
            return self._named.get(schema, _float if schema == "double" else None)
        match schema["type"]:
            case "record":
                return self._record(schema)
            case "array":
                return _each(self.of(schema["items"]))
            case "map":
                return _each_value(self.of(schema["values"]))
        return _LOGICAL.get(schema.get("logicalType", ""))

    def _record(self, schema: Any) -> Check | None:
        name = schema["name"]
        self._named[name] = None
        self._open.add(name)
        found = [(f["name"], check) for f in schema["fields"] if (check := self.of(f["type"])) is not None]
        self._open.discard(name)

        def check_inside(value: Any) -> Wrong | None:
            for field, check in found:
                wrong = check(value[field]) if field in value else None
                if wrong is not None:
                    return Wrong(f".{field}{wrong.where}", wrong.why)
            return None

        self._named[name] = check_inside if found else None
        return self._named[name]

    def _union(self, branches: Any) -> Check | None:
        checks = {_python_type(branch): check for branch in branches if (check := self.of(branch)) is not None}

        def check_branch(value: Any) -> Wrong | None:
            check = checks.get(list if isinstance(value, tuple) else type(value))
            return None if check is None else check(value)

        return check_branch if checks else None


def _python_type(branch: Any) -> type:
    kind = branch if isinstance(branch, str) else branch["type"]
    if kind == "double":
        return float
    if kind == "array":
        return list
    if kind == "long" and not isinstance(branch, str):
        return dt.time if branch["logicalType"] == "time-micros" else dt.datetime
    return dict


def _float(value: Any) -> Wrong | None:
    if value.__class__ not in (float, int):
        return Wrong("", NO_FLOAT)
    return Wrong("", NOT_A_NUMBER) if value != value else None


def _time(value: Any) -> Wrong | None:
    if value.utcoffset() is None:
        return Wrong("", NO_ZONE)
    if not 1 < value.year < 9999:
        try:
            value.astimezone(dt.UTC)
        except OverflowError:
            return Wrong("", NO_YEAR)
    return None


def _time_to_the_millisecond(value: Any) -> Wrong | None:
    return Wrong("", TOO_FINE) if value.microsecond % 1_000 else _time(value)


def _time_of_day(value: Any) -> Wrong | None:
    return None if value.tzinfo is None else Wrong("", A_ZONE)


_LOGICAL: dict[str, Check] = {
    "timestamp-micros": _time,
    "timestamp-millis": _time_to_the_millisecond,
    "time-micros": _time_of_day,
}


def _each(check: Check | None) -> Check | None:
    if check is None:
        return None

    def check_inside(value: Any) -> Wrong | None:
        for number, item in enumerate(value):
            wrong = check(item)
            if wrong is not None:
                return Wrong(f"[{number}]{wrong.where}", wrong.why)
        return None

    return check_inside


def _each_value(check: Check | None) -> Check | None:
    if check is None:
        return None

    def check_inside(value: Any) -> Wrong | None:
        for key, item in value.items():
            wrong = check(item)
            if wrong is not None:
                return Wrong(f"[{key!r:.40}]{wrong.where}", wrong.why)
        return None

    return check_inside
