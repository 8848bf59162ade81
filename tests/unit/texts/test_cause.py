"""The error of user code is put into words that any database stores, with the user's own line, whatever the error is."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from partita.errors import NotFound
from partita.machine.system import this_machine
from partita.runtime.path.users_code import Driven, ask, settled
from partita.texts import cause
from partita.texts.cause import cause_of, fingerprint, frame_of, kind_of, place_of, stack_of, text_of, told_of


class Hostile(Exception):
    """An object whose text is the given one, or that raises."""

    def __init__(self, says: Callable[[], Any]) -> None:
        self.says = says

    def __str__(self) -> str:
        return self.says()  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        raise KeyboardInterrupt


class Meta(type):
    """Its classes have no name."""

    @property
    def __name__(cls) -> str:  # type: ignore[override]
        raise RuntimeError


class Nameless(Exception, metaclass=Meta):
    """Of no name."""


class Text(str):
    """A text that does not let itself be read."""

    def __getitem__(self, _: Any) -> str:
        raise RuntimeError

    def encode(self, *_: Any) -> bytes:  # type: ignore[override]
        raise RuntimeError


def raises(error: BaseException) -> Any:
    """From inside a text."""
    raise error


def endless() -> str:
    return endless()


def nested() -> BaseException:
    """A group in a group, two thousand deep."""
    error: Exception = ValueError("inmost")
    for _ in range(2_000):
        error = ExceptionGroup("outer", [error])
    return error


def chained() -> BaseException:
    """Caused by itself."""
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    return first


def noted() -> BaseException:
    error = ValueError("noted")
    error.__notes__ = 7  # type: ignore[assignment]
    return error


ERRORS: dict[str, Callable[[], BaseException]] = {
    "raises": lambda: Hostile(lambda: raises(RuntimeError("no"))),
    "exits": lambda: Hostile(lambda: raises(SystemExit(1))),
    "interrupts": lambda: Hostile(lambda: raises(KeyboardInterrupt())),
    "cancels": lambda: Hostile(lambda: raises(asyncio.CancelledError())),
    "stops": lambda: Hostile(lambda: raises(StopIteration())),
    "endless": lambda: Hostile(endless),
    "no text": lambda: Hostile(lambda: None),
    "a text of its own": lambda: Hostile(lambda: Text("abc")),
    "surrogate": lambda: ValueError("\ud800"),
    "nul": lambda: ValueError("a\0b"),
    "long": lambda: ValueError("x" * 20_000_000),
    "many lines": lambda: ValueError("x\n" * 1_000_000),
    "nameless": Nameless,
    "nested": nested,
    "chained": chained,
    "noted": noted,
    "empty": lambda: ValueError(),
    "bytes": lambda: ValueError(b"\xff", object()),
}


@pytest.mark.parametrize("kind", list(ERRORS))
def test_any_exception_is_put_into_words(kind: str) -> None:
    """In the error path nothing may fail: the message would be lost."""

    def fails() -> None:
        raise ERRORS[kind]()

    try:
        ask(fails)
    except Exception as error:
        raised = error
    # Not in the handler above: a failure here would have it for its context, and pytest cannot print each of them.
    found = {f.__name__: f(raised) for f in (kind_of, text_of, cause_of, stack_of, place_of, told_of, fingerprint)}
    for name, text in found.items():
        assert type(text) is str and text.encode() is not None and "\0" not in text, name
        json.dumps(text).encode()
    assert len(found["text_of"]) <= cause.TEXT_CHARS_MAX + 3 and len(found["stack_of"]) <= cause.STACK_CHARS_MAX
    assert found["place_of"].endswith(" in fails") and __file__ in found["place_of"]


def test_a_long_text_does_not_push_the_frames_out() -> None:
    """The stack says where; the text is kept beside it."""
    try:
        ask(lambda: raises(ValueError("x" * 100_000)))
    except ValueError as error:
        assert "in raises" in stack_of(error) and stack_of(error).count("x" * 900) == 1


def test_the_place_is_the_innermost_line_of_the_users_own() -> None:
    """Neither one of ours, nor of Python's, nor of a library that it calls."""

    def reads() -> None:
        json.loads("{")

    try:
        ask(reads)
    except json.JSONDecodeError as error:
        frame = frame_of(error)
        assert frame is not None and (frame.file, frame.function) == (__file__, "reads")


async def test_of_a_group_it_is_the_line_of_its_first() -> None:
    """A task group is no cause."""

    async def child() -> None:
        raise KeyError("inner")

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(child())
    except BaseExceptionGroup as error:
        assert place_of(error).endswith("in child")


async def looks_for_the_first() -> None:
    next(iter(()))


async def looks_deeper() -> None:
    await looks_for_the_first()


async def asks_for_the_first() -> None:
    await anext(none_at_all())


async def none_at_all() -> AsyncIterator[None]:
    for each in ():
        yield each


@contextmanager
def gives_nothing() -> Iterator[None]:
    next(iter(()))
    yield


def enters() -> None:
    with gives_nothing():
        pass


def in_a_thread() -> None:
    next(iter(()))


async def runs(function: Callable[[], None]) -> None:
    """As the runtime runs a plain function: its exception is raised again in a coroutine of ours."""
    _, error = settled(function)
    assert error is not None
    raise error


@pytest.mark.parametrize(
    ("coroutine", "where"),
    [
        (looks_for_the_first, "looks_for_the_first"),
        (looks_deeper, "looks_for_the_first"),
        (asks_for_the_first, "asks_for_the_first"),
        (lambda: runs(enters), "gives_nothing"),
        (lambda: runs(in_a_thread), "in_a_thread"),
    ],
)
async def test_an_iteration_that_ends_in_a_handler_has_the_line_of_the_handler(
    coroutine: Callable[[], Coroutine[Any, Any, None]], where: str
) -> None:
    """`next(...)` of nothing raises StopIteration, of which Python makes another error outside of the handler: the line is in
    its cause."""
    turn = SimpleNamespace(running=False, ended=False, asking=0, service="own", owner="handler", holds=True)
    with pytest.raises((RuntimeError, StopAsyncIteration)) as raised:
        await Driven(coroutine(), turn, this_machine().clock)
    assert place_of(raised.value).endswith(f" in {where}")


def test_what_is_ours_has_no_place_of_the_users() -> None:
    """Errors in our own code are not called the user's."""
    from partita.message import envelope_from_bytes

    try:
        envelope_from_bytes(b"\xff")
    except Exception as error:
        trace = error.__traceback__
        assert trace is not None
        error.__traceback__ = trace.tb_next  # from our first frame on, as our own command line sees it
        assert place_of(error) == ""


def test_a_mistake_of_syntax_is_in_its_own_file() -> None:
    """No frame was run there."""
    try:
        compile("x = = 1\n", "/somewhere/shop.py", "exec")
    except SyntaxError as error:
        assert place_of(error).startswith("/somewhere/shop.py:1")


def test_an_error_of_ours_is_told_in_one_line_with_what_to_do() -> None:
    """Its hint is a second line for people; in a log and in a dead letter the line end was written out."""
    assert cause_of(NotFound("There is no x.", hint="Make one.")) == "NotFound: There is no x. Make one."
