"""Foreign text shown to people: keys, ids, types, headers and causes come from outside, and may contain anything.

Log lines and the command line pass it through `shown`, so that no message can forge a line, move the cursor, turn the
direction of writing or hide a letter.
"""

from __future__ import annotations

import logging
import re

from partita.errors import PartitaError
from partita.texts.cause import kind_of, stack_of, text_of, without_rows

# Characters without width on a screen although Python calls them printable: fillers, joiners and variation selectors.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def shown(text: str) -> str:
    """A text as one line for a terminal, a log or a mail: invisible characters are written out.

    These are control characters, line ends, escape sequences, marks of direction and zero width, and lone surrogates.
    A text that was already shown stays the same.
    """
    if text.isprintable() and (text.isascii() or not _UNSEEN.search(text)):
        return text
    return "".join(c if c.isprintable() and not _UNSEEN.match(c) else _written_out(c) for c in text)


def shown_lines(text: str) -> list[str]:
    """A text of several lines, such as a stack: each is shown and indented, so that none looks like a line of Partita's."""
    return [f"  {shown(line)}".rstrip() for line in text.rstrip("\n").split("\n")]


def shown_error(error: BaseException) -> str:
    """An exception in one line; for a PartitaError with its hint."""
    if isinstance(error, PartitaError):
        return shown(without_rows(error.what) + (f" ({error.hint})" if error.hint else ""))
    return shown(text_of(error) or kind_of(error))


def shown_stack(error: BaseException) -> str:
    """The stack of an exception, with the exceptions that caused it, made safe to show."""
    return "\n".join(shown_lines(stack_of(error)))


def logger(name: str) -> logging.Logger:
    """The log of a module: the values in its lines are made safe to show, whatever handlers the user has."""
    log = logging.getLogger(name)
    log.addFilter(_SHOW)
    return log


class _Shown(logging.Filter):
    """A filter that runs before any handler. Numbers stay numbers, for `%d` and for handlers that keep the arguments."""

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


def _written_out(c: str) -> str:
    number = ord(c)
    if number < 0x100:
        return _SHORT.get(c) or f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
