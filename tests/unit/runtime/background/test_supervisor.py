"""The supervisor at its end: a worker gives back what it holds when its step has ended, and not before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from tests.virtual_time import virtually

from partita.clock import SystemClock
from partita.errors import StoreUnavailable
from partita.machine.virtual import LoopClock
from partita.runtime.background.supervisor import Supervisor


class Rollback:
    """A worker whose step never ends by itself; cancelled, it takes some turns of the loop to undo what it did."""

    name = "rollback"

    def __init__(self, undo: Callable[[], asyncio.Future[None]]) -> None:
        self.began = asyncio.Event()
        self.events: list[str] = []
        self._undo = undo

    async def step(self, now: float) -> float:
        """Work without end."""
        self.began.set()
        try:
            await asyncio.Event().wait()
        finally:
            await self._undo()
            self.events.append("step ended")
        return now

    async def stop(self) -> None:
        """Give everything back."""
        self.events.append("given back")


def some_turns() -> asyncio.Future[None]:
    async def turn(count: int) -> None:
        if count:
            await asyncio.ensure_future(turn(count - 1))

    return asyncio.ensure_future(turn(5))


async def test_a_step_that_is_cancelled_has_ended_before_its_worker_gives_back_what_it_holds() -> None:
    """Else its successor works on the same, or its store is closed while it rolls back."""
    supervisor, worker = Supervisor(SystemClock()), Rollback(some_turns)
    supervisor.add(worker)
    supervisor.start()
    await worker.began.wait()

    await supervisor.stop(grace_s=0.0)

    assert worker.events == ["step ended", "given back"]
    assert len(asyncio.all_tasks()) == 1, "none of its tasks is left behind"


async def test_a_step_that_does_not_end_holds_up_nobody_for_ever() -> None:
    """A process that gets a signal to stop must end, whatever a handler does with its cancellation."""
    never = asyncio.get_running_loop().create_future()
    supervisor, stubborn, other = Supervisor(SystemClock()), Rollback(lambda: never), Rollback(some_turns)
    supervisor.add(stubborn)
    supervisor.add(other)
    supervisor.start()
    await stubborn.began.wait()
    await other.began.wait()

    await supervisor.stop(grace_s=0.0, undo_s=0.05)

    assert stubborn.events == ["given back"]
    assert other.events == ["step ended", "given back"]
    never.set_result(None)
    await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()})  # type: ignore[operator]  # this one is current


async def test_a_step_that_ends_in_time_is_not_cancelled() -> None:
    """Work in hand is finished."""
    end = asyncio.Event()

    class Patient(Rollback):
        async def step(self, now: float) -> float:
            self.began.set()
            await end.wait()
            self.events.append("finished")
            return now

    supervisor, worker = Supervisor(SystemClock()), Patient(some_turns)
    supervisor.add(worker)
    supervisor.start()
    await worker.began.wait()
    stopping = asyncio.create_task(supervisor.stop(grace_s=10.0))
    end.set()
    await stopping
    assert worker.events == ["finished", "given back"]


@pytest.mark.parametrize("error", [OSError("disk I/O error"), asyncio.CancelledError(), StoreUnavailable("it is gone")])
async def test_a_worker_whose_end_fails_does_not_keep_what_the_others_hold(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    """The first error left all the others' partitions and leases as they were: other processes waited until they were stale."""

    class Failing(Rollback):
        async def stop(self) -> None:
            raise error

    supervisor, failing, other = Supervisor(SystemClock()), Failing(some_turns), Rollback(some_turns)
    supervisor.add(other)
    supervisor.add(failing)  # the last added stops first
    supervisor.start()
    await other.began.wait()

    await supervisor.stop(grace_s=0.0)

    assert other.events == ["step ended", "given back"]
    assert "rollback did not release its resources" in caplog.text


@virtually
async def test_a_worker_whose_end_does_not_end_does_not_keep_what_the_others_hold() -> None:
    """As above, and the process could not end either."""

    class Endless(Rollback):
        async def stop(self) -> None:
            await asyncio.Event().wait()

    supervisor, endless, other = Supervisor(LoopClock()), Endless(some_turns), Rollback(some_turns)
    supervisor.add(other)
    supervisor.add(endless)
    supervisor.start()
    await other.began.wait()

    await supervisor.stop(grace_s=0.0)

    assert other.events == ["step ended", "given back"]
