"""Waves: the handlers of a round run side by side, and their statements go to the database together.

Handlers of a batch share one transaction, so nothing isolates two that read and then write: an update would be
lost unseen. So only a handler whose database work is one atomic statement takes part, known before it is called
(`catalog/one_statement.py`): if it were begun here and again alone, it would call outside twice. If a helper that it
calls refuses after it changed rows, the batch is rolled back and runs again without it in the wave.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextvars import Context, copy_context
from typing import Any

import msgspec

from partita.catalog.binding import Binding
from partita.catalog.rejection import Rejection
from partita.errors import PartitaError
from partita.runtime.path.calling import arguments, take_refusal, take_result
from partita.runtime.path.delivery import Handling
from partita.runtime.path.handler_tx import Request, WaveTx
from partita.runtime.path.running_handler import RUNNING_HANDLER
from partita.runtime.path.users_code import let_go
from partita.store.port import Session
from partita.texts.cause import text_of


class NotForWaves(Exception):
    """The wave cannot go on; the batch must be rolled back and run again one handler after the other.

    `binding` is the handler that turned out to be no single statement; None = only this batch is concerned.
    """

    def __init__(self, binding: Binding | None, *, cancelled: bool = False) -> None:
        super().__init__(binding.name if binding else "a statement failed")
        self.binding = binding
        self.cancelled = cancelled  # it cancelled the task that runs the wave


class HandlerFailed(Exception):
    """A handler raised; `handling` is its delivery's."""

    def __init__(self, handling: Handling, error: BaseException) -> None:
        super().__init__(text_of(error))
        self.handling = handling
        self.error = error


class CommitRefused(HandlerFailed):
    """The database refused the commit, as a constraint does that is checked there. In a batch it is not known which message
    is at fault: `handling` is the first, and each must run alone."""


class Run(msgspec.Struct, eq=False):
    """One handler on its way through a wave."""

    binding: Binding
    handling: Handling
    tx: WaveTx
    coroutine: Coroutine[Any, Any, Any]
    context: Context
    request: Request | None = None
    changed: bool = False


async def run_wave(session: Session, work: Sequence[tuple[Binding, Handling]]) -> None:
    """Run these handlers, at most one statement each, equal statements together in one call.

    Raises:
        NotForWaves: a handler does not fit. HandlerFailed: a handler raised.
    """
    runs: list[Run] = []
    task = asyncio.current_task()
    before = 0 if task is None else task.cancelling()
    try:
        for binding, handling in work:
            tx = WaveTx(handling, binding)
            token = RUNNING_HANDLER.set(tx)
            context = copy_context()
            RUNNING_HANDLER.reset(token)
            run = Run(binding, handling, tx, binding.function(*arguments(binding, handling, tx)), context)
            runs.append(run)
            _advance(run, None, task, before)
        await _statements(session, [run for run in runs if run.request is not None], task, before)
    except NotForWaves as found:
        if found.cancelled and task is not None:
            await let_go(task, before)
        raise
    finally:
        for run in runs:
            run.tx.ended = True
            if getattr(run.coroutine, "cr_frame", run) is not None:  # it has not ended
                run.context.run(run.coroutine.close)


async def _statements(session: Session, waiting: Sequence[Run], task: asyncio.Task[Any] | None, cancelled: int) -> None:
    """One call per distinct statement; its argument rows in batch order, each atomic."""
    groups: dict[tuple[str, bool], list[Run]] = {}
    for run in waiting:
        assert run.request is not None
        groups.setdefault((run.request.sql, run.request.fetch), []).append(run)
    for (sql, fetch), runs in groups.items():
        rows = [run.request.params for run in runs if run.request is not None]
        try:
            results: Sequence[Any] = await (session.fetch_many(sql, rows) if fetch else session.execute_many(sql, rows))
        except Exception as error:
            if isinstance(error, PartitaError) and error.retryable:
                raise
            # It is not known which of the rows failed: run them one after the other.
            raise NotForWaves(None) from error
        for run, result in zip(runs, results, strict=True):
            run.changed = bool(run.request and run.request.writes and result)
            _advance(run, result, task, cancelled)


def _advance(run: Run, result: Any, task: asyncio.Task[Any] | None, cancelled: int) -> None:
    """Run a handler to its statement, or from its result to the end. `cancelled` is the task's count of cancellations before
    the wave: one from outside comes at an await of ours, so one that is seen here is the handler's own."""
    first = run.request is None
    run.tx.running = True
    try:
        request = run.context.run(run.coroutine.send, None if first else result)
    except StopIteration as end:
        try:
            take_result(run.binding, run.handling, end.value)
        except Exception as error:
            raise HandlerFailed(run.handling, error) from error
    except Rejection as refusal:
        if run.changed:
            # Its writes must be undone, and a wave has no savepoint per handler.
            raise NotForWaves(run.binding) from refusal
        try:
            take_refusal(run.binding, run.handling, refusal)
        except Exception as error:
            raise HandlerFailed(run.handling, error) from error
    except BaseException as error:  # any error here comes from the handler
        raise HandlerFailed(run.handling, error) from error
    else:
        if not first or not isinstance(request, Request):
            raise NotForWaves(run.binding)
        run.request = request
    finally:
        run.tx.running, run.tx.ended = False, not first or run.request is None
        if task is not None and task.cancelling() > cancelled:
            raise NotForWaves(run.binding, cancelled=True)
