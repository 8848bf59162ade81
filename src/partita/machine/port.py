"""The ports to the machine. A process gets all of them in one `Machine`; no other code in Partita asks the system."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from partita.clock import Clock, Ids

T = TypeVar("T")


class Wake(Protocol):
    """Wake-ups between the workers of one folder, in one process or several. A wake-up only saves waiting: each listener
    also looks by itself within a bounded time."""

    def listen(self, channels: Iterable[str], callback: Callable[[], None]) -> Callable[[], None]:
        """Call back whenever one of the channels is signalled; returns a function that ends it."""
        ...

    def signal(self, channels: Iterable[str]) -> None:
        """Wake the listeners of these channels; never blocks and never fails."""
        ...

    def close(self) -> None:
        """Stop listening."""
        ...


class Turn(Protocol):
    """The turn to write a file: one process has it at a time, and it ends with that process."""

    def take_now(self) -> bool:
        """Take the turn if it is free.

        Raises:
            OSError: the lock itself failed.
        """
        ...

    async def take(self) -> None:
        """Wait for the turn. A caller that is cancelled holds nothing.

        Raises:
            OSError: the lock itself failed.
        """
        ...

    def give(self) -> None:
        """Give the turn back."""
        ...

    def holder(self) -> str:
        """The process that has it now, for people; empty = unknown here."""
        ...

    @property
    def is_gone(self) -> bool:
        """Whether the lock file was removed: two processes could then hold the turn at once."""
        ...

    def close(self) -> None:
        """Give up the right to take turns."""
        ...


class Alive(Protocol):
    """This process's sign of life in a folder, and its knowledge of the signs of others."""

    token: str

    def is_dead(self, token: str) -> bool:
        """Whether the process with that token is gone for certain."""
        ...

    def is_living(self, token: str) -> bool:
        """Whether the process with that token certainly works; if unknown, its heartbeat decides."""
        ...

    def announce(self, text: str) -> None:
        """Publish this text with the sign of life, until the next text or the end of the process."""
        ...

    def announced(self) -> Sequence[str]:
        """The texts of the folder's living processes. A process that is just writing one may be left out."""
        ...

    def close(self) -> None:
        """Withdraw the sign of life."""
        ...


class Thread(Protocol):
    """One thread: it runs submitted work in order."""

    def submit(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Run work that would block the event loop."""
        ...

    def close(self) -> None:
        """Wait until the work ends, then end the thread."""
        ...


class Threads(Protocol):
    """Threads for work that would block the event loop."""

    async def run(self, function: Callable[..., T], *args: Any) -> T:  # Any: the function's own parameters
        """Call a function in some thread, with the context variables of the caller."""
        ...

    def one(self, name: str) -> Thread:
        """A new thread of its own."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The machine that an app gets.

    `process` names this process among those of its host; `wake`, `turn` and `alive` take the folder or file that the
    processes share.
    """

    clock: Clock
    ids: Ids
    threads: Threads
    process: str
    wake: Callable[[Path], Wake]
    turn: Callable[[Path], Turn]
    alive: Callable[[Path, str], Alive]

    def new_name(self) -> str:
        """A name that no other part of any process has."""
        return f"{self.process}-{self.ids.new()[-12:]}"
