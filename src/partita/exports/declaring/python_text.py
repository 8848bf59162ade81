"""Names and literals of Python for words that came from elsewhere: no word becomes anything else than a name or a text."""

from __future__ import annotations

import keyword
import re
from collections.abc import Container

_WORD = re.compile(r"[^A-Za-z0-9]+")
_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_HALF = re.compile(r"[\ud800-\udfff]")
NAME_MAX = 80


def literal(text: str) -> str:
    """A text as a literal in ASCII; half a surrogate pair, which no message can hold, is replaced."""
    text = _HALF.sub("\ufffd", text)
    return ascii(text) if '"' in text or "\\" in text or not text.isprintable() or not text.isascii() else f'"{text}"'


def docstring(text: str, indent: str = "    ") -> str:
    """A text as the docstring of a class."""
    text = _HALF.sub("\ufffd", text)
    plain = text.isascii() and text.isprintable() and not set(text) & set('"\\')
    return f'{indent}"""{text}"""' if plain else f"{indent}{ascii(text)}"


def comment(text: str, indent: str = "") -> str:
    """A text as one line of a comment."""
    return f"{indent}# {ascii(text)[1:-1]}"


def class_name(word: str, taken: Container[str] = ()) -> str:
    """A name of a class for a word: `order-placed` is OrderPlaced. A name that is taken gets a number."""
    if word.isascii() and word.isidentifier() and not word.startswith("_") and len(word) <= NAME_MAX:
        return _free(word, taken)
    parts = [part[:1].upper() + part[1:] for part in _WORD.split(word)]
    return _free(_begun("".join(parts)[:NAME_MAX] or "Nameless"), taken)


def variable_name(word: str, taken: Container[str] = ()) -> str:
    """A name of a variable, a field or a function: `orderId` is order_id."""
    parts = [part.lower() for part in _WORD.split(_CAPITAL.sub("_", word)) if part]
    return _free(_begun("_".join(parts)[:NAME_MAX] or "nameless"), taken)


def camel(name: str) -> str:
    """The name on the wire of a field, as messages are renamed: order_id is orderId."""
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


def _begun(name: str) -> str:
    return f"x{name}" if name[0].isdigit() else name


def _free(name: str, taken: Container[str]) -> str:
    """The name, or the next one that is free. A word of Python ends in `_`."""
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        name = f"{name}_"
    found, number = name, 2
    while found in taken:
        found, number = f"{name}{'' if name.endswith('_') else '_'}{number}", number + 1
    return found
