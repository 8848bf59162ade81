"""Lines of Python: imports, calls and durations, broken where they are too long."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence

WIDTH = 120
_TEXT = re.compile(r"""f?(\"\"\".*?\"\"\"|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*\")""", re.DOTALL)
_CLOSING = (")", "]", "}")


def imported(module: str, names: Iterable[str]) -> str:
    """An import of names, in their order of case and alphabet as isort writes them; empty where there are none."""
    wanted = sorted(dict.fromkeys(names), key=lambda name: (not name.isupper(), not name[0].isupper(), name.lower()))
    if not wanted:
        return ""
    line = f"from {module} import {', '.join(wanted)}"
    return line if len(line) <= WIDTH else "\n".join([f"from {module} import (", *(f"    {n}," for n in wanted), ")"])


def words_of(code: str) -> Iterator[str]:
    """The words of code; those in comments and in texts are no code, those in the braces of an f-string are."""
    for line in _TEXT.sub(lambda found: "" if found[0][0] in "'\"" else f" {found[0]} ", code).split("\n"):
        yield from re.findall(r"\w+", line.partition("#")[0])


def call(before: str, arguments: Sequence[str], indent: str = "", after: str = "") -> str:
    """A call on one line, or with a line for each argument. An argument with a comment has a line of its own."""
    if any("  # " in each for each in arguments):
        rows = [f"{indent}    {_with_comma(each)}" for each in arguments]
        return "\n".join([f"{indent}{before}(", *rows, f"{indent}){after}"])
    return fitted(f"{before}({', '.join(arguments)})", indent, after)


def fitted(code: str, indent: str = "", after: str = "") -> str:
    """Code on one line, or with a line for each part in its last brackets, and so on within them."""
    line = f"{indent}{code}{after}"
    if len(line) <= WIDTH or code[-1:] not in _CLOSING:
        return line
    opening, parts = _parts(code)
    rows = [fitted(part, f"{indent}    ", ",") for part in parts]
    return "\n".join([f"{indent}{code[: opening + 1]}", *rows, f"{indent}{code[-1]}{after}"])


def tuple_of(items: Sequence[str]) -> str:
    """A tuple of expressions."""
    return f"({', '.join(items)}{',' * (len(items) == 1)})"


def _parts(code: str) -> tuple[int, list[str]]:
    """The place of the bracket that the last one closes, and the parts between them."""
    openings: list[int] = []
    commas: dict[int, list[int]] = {}
    last = 0
    for place, sign in _signs(code):
        if sign in _CLOSING:
            last = openings.pop()
        elif sign == ",":
            commas[openings[-1]].append(place)
        else:
            openings.append(place)
            commas[place] = []
    cuts = [last, *commas[last], len(code) - 1]
    parts = (code[start + 1 : end].strip() for start, end in itertools.pairwise(cuts))
    return last, [part for part in parts if part]


def _signs(code: str) -> Iterator[tuple[int, str]]:
    """The brackets and commas of code, without those in its texts."""
    quote, place = "", 0
    while place < len(code):
        sign = code[place]
        if quote:
            place += sign == "\\"
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        elif sign in "([{)]}" or (sign == "," and code[:place]):
            yield place, sign
        place += 1


def duration(seconds: float) -> str:
    """A duration in the largest unit that divides it."""
    for unit, each in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= (2 * each if unit == "days" else each) and seconds % each == 0:
            return f"{unit}({seconds / each:.0f})"
    return f"seconds({seconds:_.0f})" if seconds == round(seconds) else f"seconds({seconds!r})"


def number(value: float) -> str:
    """A number as code: `86_400.0`."""
    return f"{value:_.1f}" if value == round(value, 1) else repr(value)


def seconds_of(waits: Sequence[float]) -> str:
    """Waits as a tuple: `(60.0, 300.0)`."""
    return tuple_of([number(each) for each in waits])


def _with_comma(argument: str) -> str:
    code, mark, comment = argument.partition("  # ")
    return f"{code},{mark}{comment}"
