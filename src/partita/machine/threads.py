"""Threads of the system."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


class SystemThreads:
    """See `partita.machine.port.Threads`."""

    async def run(self, function: Callable[..., T], *args: Any) -> T:  # Any: the function's own parameters
        """Call a function in a thread of the loop's pool."""
        return await asyncio.to_thread(function, *args)

    def one(self, name: str) -> SystemThread:
        """A new thread of its own."""
        return SystemThread(name)


class SystemThread:
    """See `partita.machine.port.Thread`."""

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)

    def submit(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Run work in the thread."""
        return asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        """Wait until the work ends, then end the thread."""
        self._pool.shutdown(wait=True)
