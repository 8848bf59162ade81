"""Several worker processes of one `partita run`: started, started again when they die, stopped together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from partita.cli.output import talk
from partita.cli.readiness import READY, STOPPING, ReadinessEar, announce
from partita.clock import Clock

PAUSES_S = (0.1, 1.0, 5.0)
CALM_S = 30.0
LOOK_S = 0.2
READY_WITHIN_S = 60.0
SAME_AGAIN = (2, 5)
"""Exit codes that no restart repairs: a wrong setting or declaration; a database of another app, or one that
waits for its migration."""


@dataclass(slots=True)
class Workers:
    """`count` processes of the same command. With a `name` each has one that it keeps over restarts
    (`PARTITA_INSTANCE`). No name is invented: two runs with one name would fence each other's members."""

    command: Sequence[str]
    count: int
    clock: Clock
    name: str = ""
    grace_s: float = 10.0
    killed_after_s: float = 15.0
    _children: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)
    _started: dict[int, float] = field(default_factory=dict)
    _deaths: dict[int, int] = field(default_factory=dict)
    _asked: set[int] = field(default_factory=set)
    _cannot: int = 0
    _stopping: bool = False
    _anew: bool = False
    _ready: int = 0
    _ear: ReadinessEar = field(default_factory=ReadinessEar)

    async def run(self) -> int:
        """Run until SIGTERM or SIGINT; returns 0, or 1 when a worker did not end in order. One that ends before all were
        ready, with a code it would end with again, ends all with that code. SIGHUP restarts the workers, one after the
        other: the next one is stopped when the one before it works again."""
        for which in (signal.SIGTERM, signal.SIGINT):
            signal.signal(which, lambda *_: self._stop())
        signal.signal(signal.SIGHUP, lambda *_: self._start_anew())
        try:
            return await self._run()
        finally:
            self._ear.close()

    async def _run(self) -> int:
        for number in range(1, self.count + 1):
            if not self._stopping:
                self._start(number)
        while not self._stopping:
            self._listen()
            for number in range(1, self.count + 1):
                await self._restart_ended(number)
            if self._anew:
                self._anew = False
                await self._roll()
            await self.clock.sleep(LOOK_S)
        ended = await self._end()
        return self._cannot or ended

    async def _end(self) -> int:
        """Ask all to end. A child that was being started when the signal arrived has not been asked yet."""
        for number in self._children:
            self._ask(number)
        until = self._killed_at()
        while any(child.poll() is None for child in self._children.values()):
            if self.clock.monotonic() > until:
                self._kill()
            await self.clock.sleep(LOOK_S)
        # A process that was just started may be asked to stop before it listens.
        ended = [child.returncode in (0, -signal.SIGTERM) for child in self._children.values()]
        return int(not all(ended))

    def _ask(self, number: int) -> None:
        """Ask a worker to end, once: a second signal would end it at once."""
        if number not in self._asked and self._children[number].poll() is None:
            self._asked.add(number)
            self._children[number].send_signal(signal.SIGTERM)

    def _killed_at(self) -> float:
        return self.clock.monotonic() + self.grace_s + self.killed_after_s

    def _kill(self) -> None:
        for number, child in self._children.items():
            if number in self._asked and child.poll() is None:
                talk(f"worker {number} does not end, and is killed")
                child.kill()

    def _listen(self) -> None:
        waited = self._ready < self.count
        self._ready += self._ear.heard()
        if waited and self._ready >= self.count:
            announce(READY)

    async def _roll(self) -> None:
        for number in range(1, self.count + 1):
            self._ask(number)
            until = self._killed_at()
            while self._children[number].poll() is None and not self._stopping:
                if self.clock.monotonic() > until:
                    self._kill()
                await self.clock.sleep(LOOK_S)
            self._ear.heard()
            if self._stopping:
                return
            self._start(number)
            until = self.clock.monotonic() + READY_WITHIN_S
            while not self._ear.heard():
                late = self.clock.monotonic() > until or self._children[number].poll() is not None
                if late or self._stopping:
                    talk(f"worker {number} did not get ready: the workers after it are not restarted")
                    return
                await self.clock.sleep(LOOK_S)
            talk(f"worker {number} was restarted")

    def _start_anew(self) -> None:
        self._anew = True

    async def _restart_ended(self, number: int) -> None:
        code = self._children[number].poll()
        if code is None or self._stopping:
            return
        if code in SAME_AGAIN and self._ready < self.count:
            talk(f"worker {number} ended with {code}, and would again: all are stopped")
            self._cannot, self._stopping = code, True
            return
        calm = self.clock.monotonic() - self._started[number] > CALM_S
        deaths = self._deaths[number] = 1 if calm else self._deaths.get(number, 0) + 1
        pause = PAUSES_S[min(deaths, len(PAUSES_S)) - 1]
        talk(f"worker {number} ended with {code}; it is started again in {pause:g} s")
        await self.clock.sleep(pause)
        if not self._stopping:
            self._start(number)

    def _start(self, number: int) -> None:
        instance = f"{self.name}-{number}" if self.name else ""
        self._asked.discard(number)
        # In a group of its own, so that Ctrl-C reaches it once, from here.
        self._children[number] = subprocess.Popen(
            [sys.executable, "-c", "from partita.cli.main import main; main()", *self.command],
            env={**os.environ, "PARTITA_INSTANCE": instance, "NOTIFY_SOCKET": self._ear.path},
            start_new_session=True,
        )
        self._started[number] = self.clock.monotonic()

    def _stop(self) -> None:
        if self._stopping:
            self._asked.clear()  # ask again: at once
        self._stopping = True
        announce(STOPPING)
        for number in list(self._children):
            self._ask(number)
