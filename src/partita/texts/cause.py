"""The cause of a failure in words: the text of an exception, and the line of the user's code that raised it.

An exception is an object of the user's. Its `__str__` may raise, and its text may contain characters that no database
stores. Both would stop the code that keeps the message. Only this module turns an exception into text; it cannot fail.
"""

from __future__ import annotations

import hashlib
import re
import sysconfig
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, TypeVar

from partita.errors import PartitaError

T = TypeVar("T")

TEXT_CHARS_MAX = 1_000
STACK_CHARS_MAX = 8_192
KIND_CHARS_MAX = 100
LOOKED_AT_CHARS_MAX = 10_000
GROUP_DEPTH_MAX = 100
ITERATION_ENDED = tuple(
    (f"{kind} raised {name}",)
    for kind in ("coroutine", "generator", "async generator")
    for name in ("StopIteration", "StopAsyncIteration")
)
"""The errors into which Python turns a StopIteration that leaves a coroutine; their cause has the line that raised it."""
US = str(Path(__file__).parents[1])
EXAMPLES = str(Path(__file__).parents[1] / "examples")  # as a user's code may do
STDLIB, INSTALLED = sysconfig.get_path("stdlib"), (sysconfig.get_path("purelib"), sysconfig.get_path("platlib"))
OUR_DRIVERS = ("asyncpg", "click", "confluent_kafka", "fastavro", "msgspec")

# PostgreSQL puts the row itself in lines with a label in capitals, in every language; SQLAlchemy the statement and its
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
# Differs between failures of one cause.
NOISE = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}|0x[0-9a-fA-F]+|\d+(?:\.\d+)?|'[^']*'|\"[^\"]*\"")


class Frame(NamedTuple):
    """A line of the user's code, and its function."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} in {self.function}"


def cause_of(error: BaseException) -> str:
    """`ValueError: no such tariff`."""
    text = text_of(error)
    return f"{kind_of(error)}: {text}" if text else kind_of(error)


def kind_of(error: BaseException) -> str:
    """The name of the exception's class."""
    return clean(type.__dict__["__name__"].__get__(type(error)), KIND_CHARS_MAX)


def text_of(error: BaseException) -> str:
    """The exception's text in a form that any database stores: no lone surrogate, no NUL, at most 1,000 characters, no values
    of rows."""
    return _surely(
        lambda: clean(without_rows(_bounded(_said(error))), TEXT_CHARS_MAX),
        lambda: f"(the text of {kind_of(error)} cannot be read)",
    )


def _said(error: BaseException) -> str:
    """The exception's text; for a PartitaError the event and the hint, in one line."""
    return f"{error.what} {error.hint}".rstrip() if isinstance(error, PartitaError) else str(error)


def stack_of(error: BaseException) -> str:
    """The stack; only the last part of a long one. A text that is too long is cut, or it would push out the frames."""
    return _surely(
        lambda: "".join(_cut(traceback.format_exception(error)))[-STACK_CHARS_MAX:],
        lambda: "".join(_cut([*traceback.format_tb(error.__traceback__), cause_of(error)]))[-STACK_CHARS_MAX:],
        lambda: cause_of(error),
    )


def place_of(error: BaseException) -> str:
    """The innermost line of the user's own code, as `file:line in function`; empty if there is none."""
    frame = frame_of(error)
    return "" if frame is None else clean(str(frame), TEXT_CHARS_MAX)


def told_of(error: BaseException) -> str:
    """The exception's cause and place in one line."""
    place = place_of(error)
    return f"{cause_of(error)} ({place})" if place else cause_of(error)


def frame_of(error: BaseException) -> Frame | None:
    """The innermost frame of the user's own code; of a group, that of its first exception."""
    return _surely(lambda: _frame_of(error), lambda: None)


def fingerprint(error: BaseException) -> str:
    """Equal for failures with one cause: 12 hex digits of the exception's type, the innermost frame of the user's own code,
    and the message without its numbers, ids and quoted words."""
    frame = frame_of(error)
    own = f"{Path(frame.file).name}:{frame.function}" if frame is not None else ""
    text = f"{kind_of(error)}|{own}|{NOISE.sub('#', text_of(error))[:200]}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def without_rows(text: str) -> str:
    """The text of a database's error without the values of rows and parameters that the driver put into it."""
    text = _ROWS.sub("", text)
    text = _VALUE_AT_THE_END.sub(r"\1: ...", text)
    text = _VALUE_OF_AN_ARGUMENT.sub(r"\1: ...\2", text)
    return _VALUE_WITHIN.sub(r'\1 "..." \2', text)


def clean(text: str, chars_max: int) -> str:
    """A user's text in a form that any database stores and any terminal encodes."""
    cut = str.__getitem__(text, slice(chars_max))
    cut = cut.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")
    return cut if len(text) <= chars_max else f"{cut}..."


def _cut(lines: list[str]) -> Iterator[str]:
    for line in lines:  # each part is one frame, or a whole message with its line ends
        end = "\n" if line.endswith("\n") else ""
        yield clean(without_rows(_bounded(line).removesuffix("\n")), TEXT_CHARS_MAX) + end


def _bounded(text: str) -> str:
    """As much of a text as the search for values of rows needs."""
    return str.__getitem__(text, slice(LOOKED_AT_CHARS_MAX))


def _frame_of(error: BaseException) -> Frame | None:
    cause = error.__cause__
    if cause is not None and type(error) is RuntimeError and error.args in ITERATION_ENDED:
        return _frame_in(cause) or _frame_in(error)
    return _frame_in(error)


def _frame_in(error: BaseException) -> Frame | None:
    if isinstance(error, SyntaxError) and error.filename:
        return Frame(error.filename, error.lineno or 0, error.text.strip() if error.text else "")
    found = _own(list(_frames(error.__traceback__)))
    inner = error
    for _ in range(GROUP_DEPTH_MAX):
        if not isinstance(inner, BaseExceptionGroup):
            break
        inner = inner.exceptions[0]
        found = _own(list(_frames(inner.__traceback__))) or found
    return found


def _frames(trace: TracebackType | None) -> Iterator[Frame]:
    while trace is not None:
        code = trace.tb_frame.f_code
        yield Frame(code.co_filename, trace.tb_lineno, code.co_name)
        trace = trace.tb_next


def _own(frames: list[Frame]) -> Frame | None:
    """The innermost of the user's frames that Partita called. Frames before the first of Partita's belong to its callers. In
    an app that is installed like a library all frames look like a library's; then it is the first one."""
    first = next((n for n, frame in enumerate(frames) if _is_ours(frame.file)), 0)
    theirs = [frame for frame in frames[first:] if not _is_ours(frame.file) and not _is_pythons(frame.file)]
    own = [frame for frame in theirs if not frame.file.startswith(INSTALLED)]
    installed = [frame for frame in theirs if not _is_a_drivers(frame.file)]
    return own[-1] if own else installed[0] if installed else None


def _is_ours(file: str) -> bool:
    return file.startswith(US) and not file.startswith(EXAMPLES)


def _is_pythons(file: str) -> bool:
    return file.startswith("<frozen ") or (file.startswith(STDLIB) and not file.startswith(INSTALLED))


def _is_a_drivers(file: str) -> bool:
    return any(file.startswith(str(Path(where) / name)) for where in INSTALLED for name in OUR_DRIVERS)


def _surely(*ways: Callable[[], T]) -> T:
    """The result of the first function that does not raise; the last one cannot raise."""
    *risky, sure = ways
    for way in risky:
        try:
            return way()
        except BaseException:  # the user's `__str__` may raise anything
            continue
    return sure()
