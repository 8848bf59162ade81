"""Tests in virtual time: the runtime as it is, on an event loop whose time jumps to the next timer, so that waits take none.

A test that has to see that nothing happens for a while, or that goes through retries and timeouts, is marked `virtually`.
The app of its `bank` is given a machine of that time; an app that it makes itself takes `machine_here()`. On a server a test
runs in real time.
"""

from __future__ import annotations

import asyncio
import functools
import weakref
from collections.abc import Callable, Coroutine
from typing import Any

from partita import App
from partita.machine.port import Machine
from partita.machine.virtual import LoopClock, World
from partita.testing.virtual_loop import VirtualLoop, run_virtually

_worlds: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, World] = weakref.WeakKeyDictionary()


def virtually(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test in virtual time, or in real time where its fixture `store` or `settings` names a server."""

    @functools.wraps(test)
    def run(*args: Any, **fixtures: Any) -> None:
        async def work() -> None:
            if isinstance(app := getattr(fixtures.get("bank"), "app", None), App):
                app.machine = machine_here()
            await test(*args, **fixtures)

        server = fixtures.get("store") or getattr(fixtures.get("settings"), "store", "")
        (asyncio.run if server else run_virtually)(work())

    return run


def machine_here() -> Machine | None:
    """A machine of the running loop's world, for `App(machine=...)`; None in real time, where the app makes its own."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return None  # a fixture makes it: `virtually` gives it one later
    if not isinstance(loop, VirtualLoop):
        return None
    if loop not in _worlds:
        _worlds[loop] = World(clock=LoopClock())
    return _worlds[loop].machine()
