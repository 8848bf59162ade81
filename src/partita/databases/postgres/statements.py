"""A script for PostgreSQL split into statements, whatever quotes, comments and function bodies it holds."""

from __future__ import annotations

import re
from collections.abc import Iterator

PIECE = re.compile(
    r"""
      (?P<blank> --[^\n]* | \s+ )
    | (?P<comment> /\* )
    | \b[eE]'(?:[^'\\]|\\.|'')*'
    | '(?:[^']|'')*'
    | "(?:[^"]|"")*"
    | (?P<tag> \$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$ )
    | (?P<word> [A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]* )
    | (?P<end> ; )
    | [0-9]+ | .
    """,
    re.X | re.S,
)
COMMENT_EDGE = re.compile(r"/\*|\*/")
ROUTINE = re.compile(r"CREATE\s+(?:OR\s+REPLACE\s+)?(?:FUNCTION|PROCEDURE)\b", re.I)


def statements_of(script: str) -> list[str]:
    """The statements of a script without their semicolons; comments alone are none."""
    found: list[str] = []
    begun, start, depth = False, 0, 0
    for kind, text, at in _pieces(script):
        if kind == "end" and depth <= 0:
            if begun:
                found.append(script[start:at].strip())
            begun, start, depth = False, at + 1, 0
        elif kind not in ("blank", "comment"):
            if not begun:
                begun, start = True, at
            # A body BEGIN ATOMIC ... END has semicolons of its own.
            if kind == "word" and text.upper() in ("BEGIN", "CASE", "END") and ROUTINE.match(script, start):
                depth += -1 if text.upper() == "END" else 1
    return [*found, script[start:].strip()] if begun else found


def _pieces(script: str) -> Iterator[tuple[str, str, int]]:
    """The kind, the text and the place of each piece. An unclosed quote or comment goes to the end: the server reports it."""
    at = 0
    while at < len(script):
        match = PIECE.match(script, at)
        kind = (match.lastgroup or "") if match else ""
        end = match.end() if match else len(script)
        if kind == "comment":
            end = _after_comment(script, at)
        elif kind == "tag":
            closing = script.find(script[at:end], end)
            end = len(script) if closing < 0 else closing + end - at
        elif end == at + 1 and script[at] in "'\"":
            end = len(script)
        yield kind, script[at:end], at
        at = end


def _after_comment(script: str, at: int) -> int:
    """The end of a comment; comments may be nested."""
    depth = 0
    for edge in COMMENT_EDGE.finditer(script, at):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(script)
