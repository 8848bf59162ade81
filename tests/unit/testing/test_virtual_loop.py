"""An event loop whose time jumps: waiting takes no time, and an end of all things to do is an error."""

from __future__ import annotations

import asyncio

import pytest

from partita.testing.virtual_loop import NothingLeft, run_virtually


def test_it_says_when_nothing_can_happen_any_more() -> None:
    """A test that hangs for ever does not say why."""
    with pytest.raises(NothingLeft):
        run_virtually(asyncio.Event().wait())


def test_waiting_takes_the_loops_time_and_no_other() -> None:
    async def wait() -> float:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 86_400)
        return asyncio.get_running_loop().time()

    assert run_virtually(wait()) == pytest.approx(86_400)


def test_timers_fire_in_the_order_of_their_times() -> None:
    """Each at its own time, whatever the order in which they were set."""

    async def wait() -> list[tuple[str, float]]:
        loop, fired, over = asyncio.get_running_loop(), [], asyncio.Event()
        loop.call_later(30, lambda: (fired.append(("second", loop.time())), over.set()))
        loop.call_later(10, lambda: fired.append(("first", loop.time())))
        await over.wait()
        return fired

    assert run_virtually(wait()) == [("first", pytest.approx(10)), ("second", pytest.approx(30))]
