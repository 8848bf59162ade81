"""The supervisor: the only endless loop.

Walk 11: every worker is `step(now) -> due`, and its bell wakes it before that time; nothing else in Partita loops for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from partita.bell import Bell
from partita.clock import Clock, all_done
from partita.errors import PartitaError, StoreContended, StoreReplaced
from partita.runtime.failing.worker_condition import Condition
from partita.texts.cause import fingerprint, text_of, told_of
from partita.texts.foreign_text import logger
from partita.texts.log_ration import Ration

log = logger(__name__)
BACKOFF_S = (0.05, 0.2, 1.0, 2.0)
CONTENDED_S = 0.02
UNDO_S = 5.0
RELEASE_S = 15.0


class Worker(Protocol):
    """Works in steps: `step` does the due work and returns when it wants to be called again."""

    @property
    def name(self) -> str:
        """For people."""
        ...

    async def step(self, now: float) -> float:
        """Work; returns the monotonic time of the next step."""
        ...

    async def stop(self) -> None:
        """Finish the work in progress and release held resources."""
        ...


class Wakeable:
    """A worker with its bell."""

    def __init__(self, worker: Worker, service: str, bell: Bell) -> None:
        self.worker = worker
        self.service = service
        self.bell = bell
        self.condition = Condition()
        self.began: float | None = None  # the start of the running step


class Supervisor:
    """Runs workers until it is stopped, each in a task of its own; a failing step is tried again after a pause, and a worker
    whose task ended is reported and started again."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ration = Ration(clock)
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.workers: list[Wakeable] = []
        self.lost: StoreReplaced | None = None
        self.on_lost: Callable[[], None] = lambda: None
        """Called once when this process must end: its database no longer exists."""

    def add(self, worker: Worker, service: str = "", bell: Bell | None = None) -> None:
        """Add a worker, of a service or of the process, with the bell that its sources of work ring."""
        self.workers.append(Wakeable(worker, service, bell or Bell()))

    def start(self) -> None:
        """Start every worker."""
        self._tasks = [asyncio.create_task(self._keep(w), name=w.worker.name) for w in self.workers]

    async def stop(self, grace_s: float = 10.0, *, undo_s: float = UNDO_S) -> None:
        """Let each worker finish its step and release its resources, the first added last. A step that is not finished in
        time is cancelled, and has `undo_s` to roll back: else its worker would release a partition on which the step still
        works, and its store would be closed in the middle of the rollback."""
        self._stopping.set()
        for wakeable in self.workers:
            wakeable.bell.ring("stop")
        if self._tasks:
            await all_done(self._clock, self._tasks, grace_s)
            for task in [task for task in self._tasks if not task.done()]:
                log.warning("%s did not finish within %.0f s and is cancelled", task.get_name(), grace_s)
                task.cancel()
            await all_done(self._clock, self._tasks, undo_s)
            for task in [task for task in self._tasks if not task.done()]:
                log.error("%s does not end although it was cancelled; nobody waits for it any more", task.get_name())
        for wakeable in reversed(self.workers):
            await self._release(wakeable.worker)

    async def _release(self, worker: Worker) -> None:
        """Have a worker release its resources. Whatever its own end raises, or if it does not end, the others release theirs."""
        stopping = asyncio.create_task(worker.stop(), name=f"stop of {worker.name}")
        try:
            in_time = await all_done(self._clock, [stopping], RELEASE_S)
        finally:
            stopping.cancel()
        if not in_time:
            log.error("%s does not release its resources; nobody waits for it any more", worker.name)
            return
        error = asyncio.CancelledError() if stopping.cancelled() else stopping.exception()
        if error is not None:
            stack = None if isinstance(error, PartitaError) else error
            log.warning("%s did not release its resources: %s", worker.name, told_of(error), exc_info=stack)

    @property
    def is_stopping(self) -> bool:
        """Whether it was asked to stop."""
        return self._stopping.is_set()

    def failures(self) -> Sequence[tuple[str, int, str]]:
        """(worker, failures in a row, last error) of the workers that fail now."""
        return [(w.worker.name, w.condition.failures, w.condition.cause) for w in self.workers if w.condition.failures]

    async def _keep(self, wakeable: Wakeable) -> None:
        """Keep a worker running until all stop. Its task may end before, for example by a cancellation: without a new one
        its service would do nothing, and look healthy."""
        while not self._stopping.is_set():
            running = asyncio.create_task(self._run(wakeable), name=wakeable.worker.name)
            try:
                await asyncio.wait([running])
            except asyncio.CancelledError:
                running.cancel()
                await asyncio.wait([running])
                raise
            ended = asyncio.CancelledError() if running.cancelled() else running.exception()
            if ended is not None and not self._stopping.is_set():
                log.error("%s ended and is started again: %s", wakeable.worker.name, told_of(ended), exc_info=ended)
                await self._wait(wakeable, self._failed(wakeable, ended))

    async def _run(self, wakeable: Wakeable) -> None:
        worker = wakeable.worker
        while not self._stopping.is_set():
            now = self._clock.monotonic()
            wakeable.bell.begin()
            try:
                wakeable.began = now
                due = await worker.step(now)
                if wakeable.condition.failures:
                    log.info("%s works again, after %d failures", worker.name, wakeable.condition.failures)
                    wakeable.condition.well()
            except StoreContended as error:
                # Rolled back because another transaction was in the way: no server is down, so no long pause is needed.
                due = now + CONTENDED_S
                log.debug("%s runs again: %s", worker.name, error)
            except StoreReplaced as error:
                due = now + BACKOFF_S[-1]
                self._lose(error)
            except Exception as error:
                again = self._ration.take(f"{worker.name} {fingerprint(error)}")
                if again is not None:
                    stack = None if isinstance(error, PartitaError) else error
                    log.error("%s failed, tries again: %s%s", worker.name, error, again, exc_info=stack)
                due = self._failed(wakeable, error)
            finally:
                wakeable.began = None
            await self._wait(wakeable, due)

    def _failed(self, wakeable: Wakeable, error: BaseException) -> float:
        """Count a failure; returns when to try again."""
        now = self._clock.monotonic()
        pause_s = BACKOFF_S[min(wakeable.condition.failures, len(BACKOFF_S) - 1)]
        wakeable.condition.failed(now, text_of(error))
        return now + pause_s

    def _lose(self, error: StoreReplaced) -> None:
        if self.lost is None:
            log.error("%s", error)
            self.lost = error
            self.on_lost()

    async def _wait(self, wakeable: Wakeable, due: float) -> None:
        pause = due - self._clock.monotonic()
        if pause <= 0:
            # Let the other workers of this process run.
            await asyncio.sleep(0)  # noqa: TID251  # no time passes
            return
        await self._clock.rest(wakeable.bell, pause)
