"""Driving the user's code: each handler and each hook runs in its own context, and no exception of it ends its caller.

The worker that calls a handler runs for ever. A `CancelledError` or a `SystemExit` that a handler raises is a failed try of
its message; raised further, it would end the worker, and with it the service.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from contextlib import suppress
from contextvars import copy_context
from typing import Any, ParamSpec, TypeVar

from partita.clock import Clock
from partita.runtime.path.running_handler import RUNNING_HANDLER, RunningHandler
from partita.texts.cause import cause_of
from partita.texts.foreign_text import logger

P = ParamSpec("P")
T = TypeVar("T")
log = logger(__name__)
HELD_S = 1.0
"""A third of the silence after which other members take a member's partitions."""
HELD = (
    "%s of %s held the event loop up for %.1f s: no other work of this process ran, nor its heartbeats, and others may "
    "have begun its message again. (A plain def runs in a thread: so does await asyncio.to_thread(...).)"
)
OWN_TASK = "the handler cancelled the task that it runs in"


class Escaped(Exception):
    """The user's code raised a BaseException that is no `Exception`."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(cause_of(error))
        self.error = error


class Driven:
    """Awaits a handler step by step, in a context of its own: its context variables are not visible outside.

    Raises:
        Escaped: it raised a BaseException that is no `Exception`. CancelledError: its task is cancelled from outside.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, T], turn: RunningHandler, clock: Clock) -> None:
        self._coroutine = coroutine
        self._turn = turn
        self._now = clock.monotonic
        self._run = copy_context().run
        self._run(RUNNING_HANDLER.set, turn)
        self._task = asyncio.current_task()

    def __await__(self) -> Generator[Any, Any, Any]:  # Any: what futures and handlers pass through
        cancelled = self._cancelled()
        step: Callable[[Any], Any] = self._coroutine.send
        given = found = None
        ended = False
        try:
            while not ended:
                before = self._cancelled()
                ended, found = self._step(step, given)
                if self._cancelled() > before:
                    yield from self._let_go(before)
                    ended, found = True, asyncio.CancelledError(OWN_TASK)
                if ended:
                    break
                try:
                    given, step = (yield found), self._coroutine.send
                except GeneratorExit:
                    raise
                except (
                    BaseException
                ) as error:  # the awaited work failed, or this task is cancelled: pass it to the handler
                    given, step = error, self._coroutine.throw
            return self._outcome(found, stopped=self._cancelled() > cancelled)
        finally:
            self._turn.ended = True
            self._run(self._coroutine.close)

    def _step(self, step: Callable[[Any], Any], given: Any) -> tuple[bool, Any]:
        """(whether it ended, the awaited object or the result)."""
        self._turn.running = True
        began = self._now()
        try:
            return False, self._run(step, given)
        except StopIteration as end:
            return True, _Returned(end.value)
        except BaseException as error:  # any error here comes from the handler
            return True, error
        finally:
            self._turn.running = False
            held_s = self._now() - began
            if held_s >= HELD_S:
                log.warning(HELD, self._turn.owner, self._turn.service, held_s)

    def _outcome(self, found: Any, *, stopped: bool) -> Any:
        if isinstance(found, _Returned):
            return found.value
        if isinstance(found, asyncio.CancelledError) and stopped:
            raise found
        if stopped:  # the handler answered its cancellation with another error
            raise asyncio.CancelledError from found
        if isinstance(found, Exception):
            raise found
        raise Escaped(found) from found

    def _cancelled(self) -> int:
        return 0 if self._task is None else self._task.cancelling()

    def _let_go(self, before: int) -> Generator[None, None, None]:
        assert self._task is not None
        yield from let_go(self._task, before).__await__()


async def let_go(task: asyncio.Task[Any], before: int) -> None:
    """Take back a cancellation that a handler requested itself: the task that runs it is not its own."""
    while task.cancelling() > before:
        task.uncancel()
    with suppress(asyncio.CancelledError):
        await asyncio.sleep(0)  # noqa: TID251  # no time passes: here it arrives


class _Returned:
    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def ask(hook: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a hook of the user's, a plain function, in a context of its own.

    Raises:
        Escaped: it raised a BaseException that is no `Exception`, or a StopIteration. Any other Exception passes.
    """
    try:
        return copy_context().run(hook, *args, **kwargs)
    except StopIteration as error:
        raise Escaped(error) from error  # a coroutine would turn it into another error
    except Exception:
        raise
    except BaseException as error:
        raise Escaped(error) from error


def settled(function: Callable[..., T], *values: Any) -> tuple[T | None, BaseException | None]:
    """The result or the error of a plain function: a `StopIteration` would never come out of its thread."""
    try:
        return function(*values), None
    except BaseException as error:
        return None, error
