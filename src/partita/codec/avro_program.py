"""`Program`: the compiled functions that write and read one of our own classes; most messages take this way.

It is as strict as the general way: it handles values of exactly the declared types alone, and leaves all others to that way,
which handles them, or refuses them with the reason. The tests compare the two on random classes, values and bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import msgspec

from partita.codec.avro_source import NotWritable, Source
from partita.codec.read_back import MISFITS

_UNFIT = (AttributeError, RecursionError, struct.error, *MISFITS)
"""The errors of a compiled function for a value, or bytes, that it does not handle."""


class Program:
    """Encodes and decodes values of a class. It is compiled with the first value: a process meets few of an app's messages."""

    def __init__(self, cls: type[msgspec.Struct], source: Source) -> None:
        self._cls, self._source = cls, source
        self._write: Callable[[bytearray, Any], None] = self._write_first
        self._read: Callable[[bytes, int], tuple[Any, int]] = self._read_first

    def encode(self, value: msgspec.Struct) -> bytes | None:
        """The bytes of a value; None where the general way decides."""
        out = bytearray()
        try:
            self._write(out, value)
        except _UNFIT:
            return None
        return bytes(out)

    def decode(self, data: bytes) -> msgspec.Struct | None:
        """The value of these bytes, all of them; None where the general way decides."""
        try:
            value, end = self._read(data, 0)
        except _UNFIT:
            return None
        found: msgspec.Struct | None = value if end == len(data) else None
        return found

    def _compile(self) -> None:
        names, main = self._source.names, self._source.main
        exec(compile(self._source.text, f"<Avro of {self._cls.__name__}>", "exec"), names)
        self._write, self._read = names[f"write_{main}"], names[f"read_{main}"]

    def _write_first(self, out: bytearray, value: Any) -> None:
        self._compile()
        self._write(out, value)

    def _read_first(self, data: bytes, at: int) -> tuple[Any, int]:
        self._compile()
        return self._read(data, at)


def program_of(cls: type[msgspec.Struct], schema: dict[str, Any]) -> Program | None:
    """The program of a class whose Avro schema was derived from it; None where it holds a type that takes the general way."""
    try:
        return Program(cls, Source(cls, schema))
    except NotWritable:
        return None
