"""An app that dies by SIGKILL at named moments of its transactions, or that has a planted bug which only such a death reveals."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal

from partita import App, Service
from partita.bus.port import Bus, Outgoing
from partita.examples.proof.bugs import Around
from partita.machine.port import Machine, Wake
from partita.store.outbox import OutboxRow
from partita.store.port import Session

MOMENT, ONE_IN, BUG = "MORTAL_MOMENT", "MORTAL_ONE_IN", "MORTAL_BUG"
SENT = "before the mark of a sent message"
SENT_MORE_OFTEN = 10
"""A relay comes to its moment so much more often than the others to theirs."""
What = Literal["a pending command", "an answer", "an undo", "a reminder", "a move of a saga"]
Bug = Literal[
    "",
    "the pending command after the commit",
    "the answer after the commit",
    "the count of reminders after the commit",
    "messages before the commit",
]


class Watched(Around):
    """A ledger whose calls are noted under the name that this moment has."""

    def __init__(self, inner: Any, seen: set[str], names: dict[str, str]) -> None:
        super().__init__(inner)
        self._seen, self._names = seen, names

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.inner, name)
        if name not in self._names:
            return method

        async def noted(*given: Any, **named: Any) -> Any:
            found = await method(*given, **named)
            if name != "undo" or found:
                self._seen.add(self._names[name])
            return found

        return noted


class WatchedSagas(Around):
    """The ledger of sagas: a move that sends a reminder has a name of its own."""

    def __init__(self, inner: Any, seen: set[str]) -> None:
        super().__init__(inner)
        self._seen = seen

    async def save(self, rows: Sequence[Any], history: Sequence[Any]) -> None:
        """Save, and note the kind of the move."""
        await self.inner.save(rows, history)
        self._seen.add("a reminder" if _reminds(history) else "a move of a saga")


class Postponed(Around):
    """The bug: a call is made in a transaction of its own, after the commit."""

    def __init__(self, inner: Any, ledger: str, method: str, later: list[tuple[str, str, tuple[Any, ...]]]) -> None:
        super().__init__(inner)
        self._ledger, self._method, self._later = ledger, method, later

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.inner, name)
        if name != self._method:
            return method

        async def postponed(*given: Any) -> Any:
            if name == "save" and not _reminds(given[1]):
                return await method(*given)
            self._later.append((self._ledger, name, given))
            return None

        return postponed


class TooEarly(Around):
    """The bug: messages are on the bus before their transaction commits."""

    def __init__(self, inner: Any, bus: Bus) -> None:
        super().__init__(inner)
        self._bus = bus

    async def add(self, rows: Sequence[OutboxRow], *, queued: bool = True) -> None:
        """Keep them, and send them at once."""
        await self.inner.add(rows, queued=False)
        await self._bus.append([Outgoing(r.aggregatetype, r.aggregateid, r.headers, r.payload, r.id) for r in rows])

    async def leave(self, rows: Sequence[OutboxRow]) -> None:
        """The same, also where the log is in the store's database."""
        await self.add(rows)


POSTPONED: dict[str, tuple[str, str]] = {
    "the pending command after the commit": ("pending", "add"),
    "the answer after the commit": ("pending", "answer"),
    "the count of reminders after the commit": ("sagas", "save"),
}


class MortalStore(Around):
    """A store whose process may die before and after a commit."""

    def __init__(self, inner: Any, bus: Bus) -> None:
        super().__init__(inner)
        self._bus, self._bug = bus, os.environ.get(BUG, "")

    @asynccontextmanager
    async def transaction(self, *, durable: bool = True) -> AsyncIterator[Session]:
        """A transaction that is watched, with the bug."""
        seen: set[str] = set()
        later: list[tuple[str, str, tuple[Any, ...]]] = []
        async with self.inner.transaction(durable=durable) as opened:
            session: Any = Around(opened)
            self._spoil(session, later)
            names = {"add": "a pending command", "answer": "an answer", "undo": "an undo"}
            session.pending = Watched(session.pending, seen, names)
            session.sagas = WatchedSagas(session.sagas, seen)
            yield session
            _may_die("before", seen)
        _may_die("after", seen)
        if later:
            async with self.inner.transaction() as session:
                for ledger, method, given in later:
                    await getattr(getattr(session, ledger), method)(*given)

    async def sent(self, rows: Sequence[tuple[int, int]]) -> None:
        """The bus has these messages."""
        if os.environ.get(MOMENT) == SENT:
            _throw_dice(SENT_MORE_OFTEN)
        await self.inner.sent(rows)

    def _spoil(self, session: Any, later: list[tuple[str, str, tuple[Any, ...]]]) -> None:
        if self._bug == "messages before the commit":
            session.outbox = TooEarly(session.outbox, self._bus)
        elif self._bug:
            ledger, method = POSTPONED[self._bug]
            setattr(session, ledger, Postponed(getattr(session, ledger), ledger, method, later))


def around(*whats: What) -> tuple[str, ...]:
    """The moments before and after the commits of these."""
    return tuple(f"{when} the commit of {what}" for what in whats for when in ("before", "after"))


class MortalApp(App):
    """An app whose stores are mortal."""

    def connect_store(self, service: Service, bus: Bus, machine: Machine, wake: Wake) -> Any:
        """The store, which may kill its process."""
        return MortalStore(super().connect_store(service, bus, machine, wake), bus)


def _reminds(history: Sequence[Any]) -> bool:
    return any(entry.kind == "reminded" for entry in history)


def _may_die(when: str, seen: set[str]) -> None:
    moment = os.environ.get(MOMENT, "")
    if any(moment == f"{when} the commit of {what}" for what in seen):
        _throw_dice()


def _throw_dice(rarer: int = 1) -> None:
    if random.random() * float(os.environ.get(ONE_IN, "1")) * rarer < 1:
        os.kill(os.getpid(), signal.SIGKILL)
