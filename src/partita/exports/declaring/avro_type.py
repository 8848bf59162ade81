"""An Avro schema as types of Python, so that the Avro schema of these types is the same one."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Callable, Mapping
from typing import Any

from partita.exports.declaring.enum_class import enum_type
from partita.exports.declaring.field import ABSENT, FieldFacts, check_default, class_body, made, mappings, texts
from partita.exports.declaring.module import PyType, Types, Unsayable, dict_of, list_of, one_of
from partita.exports.declaring.python_text import class_name, literal

SCALE_MAX = 100
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def _instant(unit: int) -> Callable[[Any], str]:
    return lambda value: (
        f"datetime.datetime.fromisoformat({literal((EPOCH + dt.timedelta(microseconds=int(value) * unit)).isoformat())})"
    )


def _time(unit: int) -> Callable[[Any], str]:
    return lambda value: f"datetime.time.fromisoformat({literal(_at(value, unit).time().isoformat())})"


def _at(value: Any, unit: int) -> dt.datetime:
    return EPOCH + dt.timedelta(microseconds=int(value) * unit)


def _day(value: Any) -> str:
    return f"datetime.date.fromisoformat({literal((EPOCH.date() + dt.timedelta(days=int(value))).isoformat())})"


def _text_of(name: str) -> Callable[[Any], str]:
    return lambda value: f"{name}({literal(str(value))})"


_WHOLE = PyType("int", "whole", lambda value: repr(int(value)))
_REAL = PyType("float", "real", lambda value: repr(float(value)))
_BYTES = PyType("bytes", "text", lambda value: repr(str(value).encode("latin-1")))
_PLAIN = {
    "string": PyType("str", "text", lambda value: literal(str(value))),
    "int": _WHOLE,
    "long": _WHOLE,
    "float": _REAL,
    "double": _REAL,
    "boolean": PyType("bool", "truth", lambda value: repr(bool(value))),
    "bytes": _BYTES,
    "fixed": _BYTES,
}
_LOGICAL = {
    "timestamp-micros": PyType("datetime.datetime", "whole", _instant(1)),
    "timestamp-millis": PyType("datetime.datetime", "whole", _instant(1_000), ("Millis",)),
    "time-micros": PyType("datetime.time", "whole", _time(1)),
    "time-millis": PyType("datetime.time", "whole", _time(1_000)),
    "date": PyType("datetime.date", "whole", _day),
    "uuid": PyType("uuid.UUID", "text", _text_of("uuid.UUID")),
}


class AvroTypes:
    """The types of one Avro schema. `named` are its named types so far."""

    def __init__(self, types: Types) -> None:
        self._types = types
        self._named: dict[str, PyType] = {}

    def root(self, schema: Mapping[str, Any], name: str) -> tuple[str, list[FieldFacts]]:
        """The docstring and the fields of a message's record, which has the name of the message's class."""
        called = str(schema.get("name", ""))
        self._named[called] = self._named[called.rpartition(".")[2]] = PyType(name, "object", _no_default)
        return str(schema.get("doc", "")), self._fields(schema)

    def _fields(self, schema: Mapping[str, Any]) -> list[FieldFacts]:
        found = []
        for each in mappings(schema.get("fields")):
            kind: PyType | Unsayable
            try:
                kind = self._type(each.get("type"))
                check_default(kind, each.get("default", ABSENT))
            except Unsayable as error:
                kind = error
            found.append(
                FieldFacts(
                    name=str(each.get("name", "")),
                    type=kind,
                    default=each.get("default", ABSENT),
                    doc=str(each.get("doc", "")),
                    pii=each.get("pii") is True,
                    subject=each.get("subject") is True,
                    aliases=texts(each.get("aliases")),
                )
            )
        return found

    def _type(self, schema: Any) -> PyType:
        if isinstance(schema, list):
            some = [self._type(branch) for branch in schema if branch != "null"]
            return one_of(some, or_none="null" in schema)
        if isinstance(schema, str):
            return self._by_name(schema)
        if not isinstance(schema, dict):
            raise Unsayable("its schema is no schema of Avro")
        logical, kind = schema.get("logicalType"), schema.get("type")
        if logical == "decimal":
            scale = schema.get("scale", 0)
            if type(scale) is not int or not 0 <= scale <= SCALE_MAX:
                raise Unsayable("its scale is none that is read")
            return PyType("decimal.Decimal", "text", lambda value: _decimal(value, scale))
        if isinstance(logical, str) and logical in _LOGICAL:
            return _LOGICAL[logical]
        match kind:
            case "record":
                return self._record(schema)
            case "enum":
                return self._enum(schema)
            case "array":
                return list_of(self._type(schema.get("items")))
            case "map":
                return dict_of(self._type(schema.get("values")))
        return self._type(kind)

    def _by_name(self, name: str) -> PyType:
        found = _PLAIN.get(name) or self._named.get(name) or self._named.get(name.rpartition(".")[2])
        if found is None:
            raise Unsayable("its type is declared nowhere")
        return found

    def _record(self, schema: Mapping[str, Any]) -> PyType:
        called = str(schema.get("name", ""))
        name = class_name(called.rpartition(".")[2])
        fields: list[FieldFacts] = []

        def value_of(value: Any) -> str:
            return made(self._types.named(name), fields, value)

        found = PyType(self._types.named(name), "object", value_of, made=True)
        self._named[called] = self._named[called.rpartition(".")[2]] = found
        fields += self._fields(schema)
        body = class_body(str(schema.get("doc", "")), fields)
        self._types.declare(name, [f'class {name}(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):', *body])
        return found

    def _enum(self, schema: Mapping[str, Any]) -> PyType:
        called = str(schema.get("name", ""))
        name = class_name(called.rpartition(".")[2])
        symbols = texts(schema.get("symbols"))
        if not symbols:
            raise Unsayable("it has no symbols")
        found = enum_type(self._types, name, symbols)
        self._named[called] = self._named[called.rpartition(".")[2]] = found
        return found


def _decimal(value: Any, scale: int) -> str:
    number = decimal.Decimal(int.from_bytes(str(value).encode("latin-1"), "big", signed=True)).scaleb(-scale)
    return f"decimal.Decimal({literal(f'{number.normalize():f}')})"


def _no_default(_: Any) -> str:
    raise Unsayable("its default holds its own message")
