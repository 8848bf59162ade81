"""An example of a message: a value that its own class reads, derived from the fields, the same on each run.

A field that declares examples (`msgspec.Meta(examples=["EUR"])`) has the first of them;
any other field has a plain value of its type.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Iterator
from typing import Any, get_args

import msgspec

from partita.schemas.fields.annotation import notes_of
from partita.schemas.fields.reading import Entry, Reading, Record, read
from partita.schemas.fields.shape import Shape
from partita.schemas.fields.wire_type import Bounded, Bounds, Entries, Items, Nested, OneOf, Scalar, Symbols, WireType

_PLAIN: dict[Scalar, Any] = {
    Scalar.WHOLE: 1,
    Scalar.REAL: 1.5,
    Scalar.TRUTH: True,
    Scalar.BYTES: base64.b64encode(b"bytes").decode(),
    Scalar.INSTANT: "2026-01-31T12:30:00Z",
    Scalar.INSTANT_MILLIS: "2026-01-31T12:30:00Z",
    Scalar.DAY: "2026-01-31",
    Scalar.TIME: "12:30:00",
    Scalar.UUID: "7d0a4b52-9f3c-4f6e-8d11-2c5be1a90f3e",
    Scalar.DECIMAL: "12.50",
}
_WORD = re.compile(r"[A-Z]?[^A-Z_]+|[A-Z]+")
LENGTH_MAX = 1_000
"""A text that must be longer has no example."""


def example_of(shape: Shape) -> dict[str, Any] | None:
    """A value of the message in its form in JSON; None = a bound has to be met that no plain value meets, so that the owner has
    to declare an example.

    Raises:
        DeclarationError, NameError: the message has no schema.
    """
    reading = read(shape)
    value = _Maker(reading).record(reading.root)
    try:
        read_back = msgspec.json.decode(json.dumps(value), type=shape.struct, strict=True)
        written: dict[str, Any] = json.loads(msgspec.json.encode(read_back, order="deterministic"))
    except (msgspec.ValidationError, RecursionError, ValueError):
        return None
    return written


class _Maker:
    """Makes the value of one reading. `_within` are the records around the current one: a record within itself ends there."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._within: list[str] = []

    def record(self, record: Record) -> dict[str, Any]:
        self._within.append(record.name)
        found = {entry.name: value for entry in record.entries for value in self._field(entry)}
        self._within.pop()
        return found

    def _field(self, entry: Entry) -> Iterator[Any]:
        """The value of a field; none where its default ends a record within itself."""
        declared = declared_examples(entry.field.annotation)
        if declared:
            yield msgspec.to_builtins(declared[0])
        elif entry.field.required or not self._ends(entry.type):
            yield self._value(entry.type, entry.name)

    def _ends(self, kind: WireType) -> bool:
        """Whether a value of this type holds a record that is being made."""
        match kind:
            case Nested(name):
                return name in self._within
            case Items(of) | Entries(of) | Bounded(of):
                return self._ends(of)
            case OneOf(members):
                return any(map(self._ends, members))
        return False

    def _value(self, kind: WireType, name: str, bounds: Bounds | None = None) -> Any:
        match kind:
            case Bounded(of, inner):
                return self._value(of, name, inner)
            case Scalar.TEXT:
                return _text(name, bounds or Bounds())
            case Scalar.WHOLE:
                return bounds.values[0] if bounds and bounds.values else _number(1, bounds or Bounds())
            case Scalar.REAL:
                return _number(1.5, bounds or Bounds())
            case Scalar():
                return _PLAIN[kind]
            case Symbols(_, values):
                return values[0]
            case Items(of):
                few = 0 if self._ends(of) else max(1, min((bounds and bounds.min_length) or 1, LENGTH_MAX))
                return [self._value(of, _singular(name)) for _ in range(few)]
            case Entries(of):
                return {} if self._ends(of) else {_text("key", Bounds()): self._value(of, _singular(name))}
            case Nested(record):
                return self.record(self._reading.records[record])
            case OneOf(members, or_none):
                if or_none and self._ends(kind):
                    return None
                return self._value(members[0], name, bounds)


def declared_examples(annotation: Any) -> list[Any]:
    """The examples that the notes of a field give, those of the field itself before those of its new name."""
    for note in notes_of(annotation):
        if isinstance(note, msgspec.Meta) and note.examples:
            return list(note.examples)
    inner = getattr(annotation, "__supertype__", None) or (get_args(annotation)[:1] or (None,))[0]
    return declared_examples(inner) if notes_of(annotation) or hasattr(annotation, "__supertype__") else []


def words_of(name: str) -> list[str]:
    """The words of a name, in lower case: `customerId` and `customer_id` are customer and id."""
    return [word.lower() for word in _WORD.findall(name.strip("_"))]


def _singular(name: str) -> str:
    return name[:-1] if name.endswith("s") and len(name) > 2 else name


def _text(name: str, bounds: Bounds) -> str:
    """`customer-id-1` of customerId, within its bounds."""
    text = "-".join([*words_of(name), "1"])
    if bounds.min_length and bounds.min_length <= LENGTH_MAX:
        text = text.ljust(bounds.min_length, "1")
    return text if bounds.max_length is None else text[: bounds.max_length]


def _number(plain: float, bounds: Bounds) -> float:
    """The plain number where the bounds allow it, else the nearest that they do."""
    whole = isinstance(plain, int)
    least = max((each for each in (bounds.ge, bounds.gt) if each is not None), default=-math.inf)
    most = min((each for each in (bounds.le, bounds.lt) if each is not None), default=math.inf)
    step = bounds.multiple_of or (1 if whole else 0.0)
    found = plain
    if found < least or (bounds.gt is not None and found <= bounds.gt):
        found = least
    if found > most or (bounds.lt is not None and found >= bounds.lt):
        found = most
    if step:
        found = math.ceil(found / step) * step
    if bounds.gt is not None and found <= bounds.gt:
        found += step or min(1.0, (most - least) / 2)
    if bounds.lt is not None and found >= bounds.lt:
        found -= step or min(1.0, (most - least) / 2)
    return int(found) if whole else found
