"""A system of processes that is killed: at random moments by a signal from here, at named ones by its own hand."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from tests.processes.world.deeds import DEATHS
from tests.processes.world.mortal import BUG, MOMENT, ONE_IN
from tests.waiting import until_blocking

ROOT = Path(__file__).resolve().parents[3]
BEGIN_S, DEATH_S, AUDIT_S = 300.0, 30.0, 900.0
START_S, SLOWER_MAX = 2.0, 4.0
"""A process of a quiet machine starts within that time; where it takes longer, so do the times of the sagas, up to a limit."""


@dataclass(slots=True)
class Hunt:
    """The processes of one system: `roles` run and `kills` of them die. Where none has died for `every_s` seconds, one is killed.

    Each role has its named moments: its process gets one of them with each start, and dies at it once in `one_in` times. `bug`
    is planted in all of them. `count` claims or rides begin: at once, or, `paced`, in step with the deaths. `scale` is that of the
    times of their sagas; 0 = the system's own.
    """

    name: str
    data: Path
    roles: Mapping[str, Sequence[str]]
    kills: int
    every_s: float = 2.0
    seed: int = 7
    one_in: int = 2
    bug: str = ""
    count: int = 16
    scale: float = 0.0
    paced: bool = False
    died: dict[str, int] = field(default_factory=dict)
    crashed: list[str] = field(default_factory=list)
    _dice: random.Random = field(default_factory=random.Random)
    _children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _moment: dict[str, str] = field(default_factory=dict)
    _shot: set[int] = field(default_factory=set)
    _deaths_us: list[int] = field(default_factory=list)
    _next_s: float = 0.0
    _slower: float = 1.0

    def run(self) -> dict[str, Any]:
        """Kill until there were enough deaths, let all come to rest, and judge. `met` in the result counts the sagas during whose
        lives a process died, by saga and end."""
        self.data.mkdir(parents=True, exist_ok=True)
        self._dice.seed(self.seed)
        try:
            self._begin()
            for role in self.roles:
                self._start(role, mortal=True)
            self._hunt()
            for role in self.roles:  # those that still have a moment end, and come back without one
                if self._moment[role]:
                    self._end(role)
                    self._start(role, mortal=False)
            return self._judge()
        finally:
            for role in list(self._children):
                self._end(role)

    def _begin(self) -> None:
        """Let one process make the tables, or ten would wait for each other."""
        began_s = time.monotonic()
        child = self._children["tables"] = self._popen("tables", "")
        assert child.wait(AUDIT_S) == 0, "no tables could be made"
        self._end("tables")
        self._slower = min(max((time.monotonic() - began_s) / START_S, 1.0), SLOWER_MAX)

    def _hunt(self) -> None:
        order: list[str] = []
        self._next_s = time.monotonic() + self.every_s

        def is_done() -> bool:
            self._tend(mortal=True)
            if time.monotonic() >= self._next_s:
                self._next_s = time.monotonic() + self.every_s
                if not order:
                    order.extend(self.roles)
                    self._dice.shuffle(order)
                self._shoot(order.pop(), order)
            return sum(self.died.values()) >= self.kills

        until_blocking(is_done, BEGIN_S + DEATH_S * self.kills)

    def _shoot(self, role: str, order: list[str]) -> None:
        child = self._children[role]
        if not (self.data / f"ready-{child.pid}").exists():
            order.insert(0, role)  # its death would interrupt nothing
        elif child.poll() is None:
            self._shot.add(child.pid)
            child.kill()

    def _tend(self, *, mortal: bool) -> None:
        for role in self.roles:
            child = self._children[role]
            code = child.poll()
            if code is None:
                continue
            if code == -signal.SIGKILL:
                moment = "at random" if child.pid in self._shot else self._moment[role]
                self.died[moment] = self.died.get(moment, 0) + 1
                self._deaths_us.append(time.time_ns() // 1_000)
                (self.data / DEATHS).write_text(str(len(self._deaths_us)))
                self._next_s = time.monotonic() + self.every_s
            else:
                self.crashed.append(f"{role} ended with {code}")
            self._end(role)
            self._start(role, mortal=mortal)

    def _start(self, role: str, *, mortal: bool) -> None:
        moment = self._dice.choice(self.roles[role]) if mortal and self.roles[role] else ""
        self._moment[role] = moment
        self._children[role] = self._popen(role, moment)

    def _popen(self, role: str, moment: str) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            MOMENT: moment,
            ONE_IN: str(self.one_in),
            BUG: self.bug,
            "WORLD_COUNT": str(self.count),
            "WORLD_SCALE": str(self.scale * self._slower or ""),
            "WORLD_KILLS": str(self.kills if self.paced else 0),
        }
        return subprocess.Popen(
            [sys.executable, "-m", "tests.processes.world.member", self.name, role, str(self.data)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )

    def _end(self, role: str) -> None:
        child = self._children.pop(role)
        child.kill()
        child.wait()
        assert child.stdin is not None and child.stdout is not None
        child.stdin.close()
        child.stdout.close()

    def _judge(self) -> dict[str, Any]:
        self._children["audit"] = child = self._popen("audit", "")
        assert child.stdout is not None

        def is_over() -> bool:
            self._tend(mortal=False)
            return child.poll() is not None

        until_blocking(is_over, AUDIT_S)
        said = child.stdout.read() if child.poll() == 0 else b""
        assert said, f"the audit gave no result (exit {child.poll()})"
        found: dict[str, Any] = msgspec.json.decode(said)
        found["wrong"] += [f"crashed: {each}" for each in self.crashed]
        lives: list[tuple[str, int, int]] = found.pop("lives")
        met = Counter(name for name, *life in lives if any(life[0] <= at_us <= life[1] for at_us in self._deaths_us))
        return {
            **found,
            "met": dict(met),
            "slower": round(self._slower, 1),
            "died": self.died,
            "kills": sum(self.died.values()),
        }
