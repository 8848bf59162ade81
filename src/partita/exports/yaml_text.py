"""Values as YAML: each text in double quotes and in ASCII, so that no text of a user is read as anything else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

Value = str | int | bool | Sequence["Value"] | Mapping[str, "Value"]
# Readers of YAML 1.1 take some words for truth values.
_PLAIN_KEY = re.compile(r"(?!(?i:y|n|yes|no|on|off|true|false|null)$)[A-Za-z][A-Za-z0-9_-]*")


def yaml_text(value: Mapping[str, Value]) -> str:
    """A mapping as the lines of a YAML document."""
    return "".join(f"{line}\n" for line in _mapping(value, ""))


def _mapping(value: Mapping[str, Value], indent: str) -> Iterator[str]:
    for key, held in value.items():
        name = key if _PLAIN_KEY.fullmatch(key) else _quoted(key)
        yield from _entry(f"{indent}{name}:", held, indent + "  ")


def _entry(head: str, value: Value, indent: str) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        yield head
        yield from _mapping(value, indent)
    elif isinstance(value, Sequence) and not isinstance(value, str) and value:
        yield head
        for item in value:
            yield from _item(item, indent)
    else:
        yield f"{head} {_scalar(value)}"


def _item(value: Value, indent: str) -> Iterator[str]:
    """An item of a list; the first entry of a mapping is on the line of the dash."""
    if isinstance(value, Mapping) and value:
        first, *rest = _mapping(value, f"{indent}  ")
        yield f"{indent}- {first.lstrip(' ')}"
        yield from rest
    else:
        yield f"{indent}- {_scalar(value)}"


def _scalar(value: Value) -> str:
    """A text, a number, a truth value, or an empty list or mapping."""
    return _quoted(value) if isinstance(value, str) else json.dumps(value)


def _quoted(text: str) -> str:
    """A text in the double quotes of YAML 1.2. Unlike JSON's, its escapes are code points; half a surrogate pair is no text."""
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(character: str) -> str:
    number = ord(character)
    if character in '"\\':
        return f"\\{character}"
    if 0x20 <= number < 0x7F:
        return character
    if 0xD800 <= number < 0xE000:
        return "\\ufffd"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
