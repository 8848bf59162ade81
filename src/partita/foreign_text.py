"""Foreign text on its way to people: keys, ids, types, headers and causes come from outside, and may hold anything.

Log lines and the command line show it by `shown`, so that no message can forge a line, move the cursor, turn the direction
of writing or hide a letter. Values of rows, which database drivers add to their errors, are left out.
"""

from __future__ import annotations

import logging
import re
import traceback

from partita.errors import PartitaError

# What takes no room on a screen although Python calls it printable: fillers, joiners and variation selectors.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}

# PostgreSQL tells the row itself in lines with a label in capitals, whatever its language; SQLAlchemy the statement and its
# parameters. A hint holds no values.
_ROWS = re.compile(
    r"\n(?!HINT:)(?:[A-ZÀ-ÖØ-ÞΑ-ΩА-Я]{4,14}(?: \d+)?[ \xa0]?:[ \xa0]|\[SQL: |\[parameters: ).*", re.DOTALL
)
_VALUE_AT_THE_END = re.compile(
    r"(invalid input (?:syntax|value) for [^:\"]{1,200}|(?:date/time|interval) field value out of range"
    r"|malformed [a-z ]{1,40} literal|invalid byte sequence for encoding \"\w+\"): .*",
    re.DOTALL,
)
_VALUE_OF_AN_ARGUMENT = re.compile(r"(invalid input for query argument \$\d+[^:]{0,40}): .*?( \([^()]*\))?$", re.DOTALL)
_VALUE_WITHIN = re.compile(r"\b(value|time zone) \".*\" (is out of range|not recognized)", re.DOTALL)


def shown(text: str) -> str:
    """A text as one line that a terminal, a log or a mail may show: what is not seen as itself is written out.

    That is control characters, line ends, escape sequences, marks of direction and zero width, and lone surrogates.
    A text that is shown already stays as it is.
    """
    if text.isprintable() and (text.isascii() or not _UNSEEN.search(text)):
        return text
    return "".join(c if c.isprintable() and not _UNSEEN.match(c) else _written_out(c) for c in text)


def shown_lines(text: str) -> list[str]:
    """A text of several lines, such as a stack: each is shown, and set in, so that none passes for a line of ours."""
    return [f"  {shown(line)}".rstrip() for line in text.rstrip("\n").split("\n")]


def without_rows(text: str) -> str:
    """The text of a database's error without the values of rows and parameters that the driver put into it."""
    text = _ROWS.sub("", text)
    text = _VALUE_AT_THE_END.sub(r"\1: ...", text)
    text = _VALUE_OF_AN_ARGUMENT.sub(r"\1: ...\2", text)
    return _VALUE_WITHIN.sub(r'\1 "..." \2', text)


def shown_error(error: BaseException) -> str:
    """An exception in one line; one of ours with what to do."""
    if isinstance(error, PartitaError):
        return shown(without_rows(error.what) + (f" ({error.hint})" if error.hint else ""))
    # Not str(error): the exception is a user's, and its own method may raise.
    kind, _, said = "".join(traceback.format_exception_only(error)).rstrip("\n").partition(": ")
    return shown(without_rows(said) or kind)


def shown_stack(error: BaseException) -> str:
    """The stack of an exception, with those that caused it, as it may be shown."""
    return "\n".join(shown_lines(stack_of(error)))


def stack_of(error: BaseException) -> str:
    """The stack of an exception as it is kept: without the values of rows, and not written out yet."""
    return "".join(map(_entry, traceback.format_exception(error)))


def logger(name: str) -> logging.Logger:
    """The log of a module: what is put into its lines is shown, whatever handlers the user has."""
    log = logging.getLogger(name)
    log.addFilter(_SHOW)
    return log


class _Shown(logging.Filter):
    """Runs before any handler does. Numbers stay numbers, for `%d` and for handlers that keep the arguments."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = shown(str(record.msg))
        if isinstance(record.args, tuple):
            record.args = tuple(map(_argument, record.args))
        if record.exc_info and record.exc_info[1] is not None and not record.exc_text:
            record.exc_text = shown_stack(record.exc_info[1])
        return True


_SHOW = _Shown()


def _argument(value: object) -> object:
    if value is None or isinstance(value, int | float):
        return value
    return shown_error(value) if isinstance(value, BaseException) else shown(without_rows(str(value)))


def _entry(text: str) -> str:
    """An entry of a stack: one frame, or a whole message with its line ends."""
    end = "\n" if text.endswith("\n") else ""
    return without_rows(text.removesuffix("\n")) + end


def _written_out(c: str) -> str:
    number = ord(c)
    if number < 0x100:
        return _SHORT.get(c) or f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
