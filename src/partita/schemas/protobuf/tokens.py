"""The tokens of a .proto text, each with its place and the comment that belongs to it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

from partita.errors import UnknownSchema

CHARS_MAX = 1_000_000
TOKENS_MAX = 200_000

# Each alternative begins with another character or ends at once, so no text is read twice.
_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\f\v]+)|(?P<line>\n)|(?P<note>//[^\n]*)|(?P<block>/\*.*?\*/)
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<float>(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+)
    |(?P<int>0[xX][0-9a-fA-F]+|[0-9]+)
    |(?P<text>"[^"\\\n]*(?:\\.[^"\\\n]*)*"|'[^'\\\n]*(?:\\.[^'\\\n]*)*')
    |(?P<sign>/(?!\*)|[{}\[\]()<>;:,=.\-+])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:[xX]([0-9a-fA-F]{1,2})|([0-7]{1,3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)
_PLAIN = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


@dataclass(frozen=True, slots=True)
class Place:
    """A line and a column, both from 1 on."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}"


@dataclass(slots=True)
class Token:
    """`kind` is name, int, float, text, sign or end. `before` is the comment directly above, `beside` that on the same line."""

    kind: str
    text: str
    place: Place
    before: str = ""
    beside: str = ""


@dataclass(slots=True)
class _Comment:
    first: int
    last: int
    text: str


def refused(why: str, place: Place | None = None) -> UnknownSchema:
    """The error of a text that is no .proto file, or of one that is refused."""
    where = f" at {place}" if place is not None else ""
    return UnknownSchema(f"The .proto text is refused{where}: {why}.", schema="", hint="protoc says more about it.")


def tokens_of(text: str) -> list[Token]:
    """All tokens; the last one is the end.

    Raises:
        UnknownSchema: a character begins no token, or the text exceeds a limit.
    """
    if len(text) > CHARS_MAX:
        raise refused(f"it has {len(text):,} characters, and the limit is {CHARS_MAX:,}")
    _check_characters(text)
    found: list[Token] = []
    comments: list[_Comment] = []
    line, begin, at = 1, 0, 1 if text.startswith("\ufeff") else 0
    while at < len(text):
        place = Place(line, at - begin + 1)
        match = _TOKEN.match(text, at)
        if match is None:
            _refuse_character(text, at, place)
        kind, held = match.lastgroup or "", match[0]
        at = match.end()
        if kind in ("note", "block"):
            comments.append(_Comment(line, line + held.count("\n"), _cleaned(held)))
        elif kind not in ("space", "line"):
            if kind in ("int", "float") and re.match(r"[A-Za-z0-9_.]", text[at : at + 1]):
                raise refused(f"{text[match.start() : at + 1]!r} is no number", place)
            _attach(found, comments, line)
            found.append(Token(kind, held, place, _above(comments, line)))
            comments = []
            if len(found) > TOKENS_MAX:
                raise refused(f"it has more than {TOKENS_MAX:,} words and signs", place)
        if "\n" in held:
            line += held.count("\n")
            begin = match.start() + held.rindex("\n") + 1
    _attach(found, comments, 0)
    found.append(Token("end", "", Place(line, at - begin + 1)))
    return found


def string_of(text: str) -> bytes:
    """The bytes of a token of the kind text.

    Raises:
        ValueError: an escape names no character.
    """
    return b"".join(
        _unescaped(match) if isinstance(match, re.Match) else match.encode(errors="strict")
        for match in _pieces(text[1:-1])
    )


def _pieces(text: str) -> list[str | re.Match[str]]:
    found: list[str | re.Match[str]] = []
    at = 0
    for match in _ESCAPE.finditer(text):
        found += [text[at : match.start()], match]
        at = match.end()
    return [*found, text[at:]]


def _unescaped(match: re.Match[str]) -> bytes:
    hexadecimal, octal, short, long, plain = match.groups()
    if hexadecimal or octal:
        number = int(hexadecimal, 16) if hexadecimal else int(octal, 8)
        return bytes([number & 0xFF])
    if short or long:
        number = int(short or long, 16)
        if number > 0x10FFFF:
            raise ValueError(f"{match[0]} is no character")
        return chr(number).encode()
    return _PLAIN.get(plain, plain).encode()


def _check_characters(text: str) -> None:
    """Refuse characters, also in comments, that no database or no other process could write."""
    if "\0" in text:
        raise refused("it has the character U+0000")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise refused("it has half of a surrogate pair, which is no character") from error


def _refuse_character(text: str, at: int, place: Place) -> NoReturn:
    if text.startswith("/*", at):
        raise refused("a comment /* does not end", place)
    if text[at] in "\"'":
        raise refused("a text in quotes does not end on its line", place)
    raise refused(f"the character {text[at]!r} begins nothing", place)


def _attach(found: list[Token], comments: list[_Comment], line: int) -> None:
    """Give the comment behind the last token, on its line, to that token; a token that follows on the same line has none."""
    if found and comments and comments[0].first == found[-1].place.line and comments[0].last != line:
        found[-1].beside = comments.pop(0).text.strip()


def _above(comments: list[_Comment], line: int) -> str:
    """The comments that end directly above a line, without an empty line between them."""
    lines: list[str] = []
    for comment in reversed(comments):
        if comment.last < line - 1:
            break
        lines.append(comment.text)
        line = comment.first
    return "\n".join(reversed(lines)).strip()


def _cleaned(held: str) -> str:
    """The words of a comment. Its lines end with a line feed alone: other ends of lines are spaces in it."""
    if held.startswith("//"):
        return _line(held[2:].removeprefix(" "))
    lines = held[2:-2].split("\n")
    return "\n".join([_line(lines[0].strip()), *(_line(re.sub(r"^\s*\* ?", "", each)) for each in lines[1:])]).strip()


def _line(text: str) -> str:
    return " ".join(text.splitlines()).rstrip()
