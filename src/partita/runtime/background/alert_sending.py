"""The messages that one channel is owed, and the task that sends them beside the watch and the other channels."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence

from partita.alerts.alarms import Alarm, Told
from partita.alerts.channels import Channel
from partita.store.groups import Said
from partita.texts.foreign_text import logger, shown_error

log = logger(__name__)
OWED_MAX = 100
PAUSE_S_MAX = 300.0
"""A channel that delivers a message and then answers nonsense delivers it again at each try."""
WATCH, OWED = "watch", "owed"


class Telling:
    """One channel of one service. `kept` is called after each delivery, before the next message is sent."""

    def __init__(self, channel: Channel, service: str, every_s: float, kept: Callable[[], Awaitable[None]]) -> None:
        self.name = channel.name
        self.owed: list[Told] = []
        self._since_us = 0
        self._channel = channel
        self._service = service
        self._every_s = every_s
        self._kept = kept
        self._failures = 0
        self._said = ""
        self._due = float("-inf")
        self._task: asyncio.Task[None] | None = None

    def recall(self, said: Said | None) -> None:
        """Take over messages that an earlier process, or an earlier lease of this one, still owes to it."""
        if self._task is None:
            self.owed = _told(said.detail) if said is not None else []
            self._since_us = said.at_us if said is not None else 0

    def owe(self, told: Sequence[Told], now_us: int) -> None:
        """Add these to the owed messages; of too many the oldest are dropped."""
        if not self.owed:
            self._since_us = now_us
        self.owed = [*self.owed, *told][-OWED_MAX:]

    def said(self) -> Said:
        """The owed messages, in the form in which they are stored."""
        return Said(self._service, WATCH, OWED, self.name, json.dumps(self.owed), self._since_us)

    def begin(self, now: float, now_us: int) -> None:
        """Start sending, if a message is owed and none is being sent; a channel that failed gets a pause."""
        if self.owed and self._task is None and now >= self._due:
            self._task = asyncio.create_task(self._send(now, now_us), name=f"sending to {self.name}")

    async def end(self, patience_s: float) -> None:
        """Let it finish sending; messages that it cannot send in time stay owed."""
        task = self._task
        if task is not None:
            limit = asyncio.get_running_loop().call_later(patience_s, task.cancel)
            await asyncio.wait([task])
            limit.cancel()

    async def _send(self, now: float, now_us: int) -> None:
        try:
            while self.owed:
                some = _first_run(self.owed)
                await self._channel.send(some, now_us)
                told = set(some)
                self.owed = [each for each in self.owed if each not in told]
                await self._kept()
        except Exception as error:  # any error of a channel is its own: the watch and the others go on
            self._failed(error, now)
        else:
            if self._failures:
                log.info("alerts of %s are sent by %s again", self._service, self.name)
            self._failures, self._said = 0, ""
        finally:
            self._task = None

    def _failed(self, error: Exception, now: float) -> None:
        self._due = now + min(self._every_s * 2**self._failures, PAUSE_S_MAX)
        self._failures = min(self._failures + 1, 32)
        said = shown_error(error)
        if said != self._said:
            known = isinstance(error, OSError)
            log.error(
                "alerts of %s could not be sent by %s: %s", self._service, self.name, said, exc_info=not known and error
            )
        self._said = said


def _first_run(told: Sequence[Told]) -> list[Told]:
    """The first messages of one status: out of order, an alarm that came back would look as if it were over."""
    end = next((n for n, each in enumerate(told) if each.status != told[0].status), len(told))
    return list(told[:end])


def _told(detail: str) -> list[Told]:
    return [Told(status, Alarm(*alarm)) for status, alarm in json.loads(detail)]
