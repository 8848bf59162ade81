"""A system of processes that is killed: at random moments by a signal from here, at named ones by its own hand."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from tests.processes.world.mortal import BUG, MOMENT, ONE_IN
from tests.waiting import until_blocking

ROOT = Path(__file__).resolve().parents[3]
HUNT_S, AUDIT_S = 900.0, 300.0


@dataclass(slots=True)
class Hunt:
    """The processes of one system: `roles` run and `kills` of them die. Where none has died for `every_s` seconds, one is killed.

    Each role has its named moments: its process gets one of them with each start, and dies at it once in `one_in` times. `bug`
    is planted in all of them. `count` claims or rides begin within `spread_s` seconds.
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
    spread_s: float = 4.0
    died: dict[str, int] = field(default_factory=dict)
    crashed: list[str] = field(default_factory=list)
    _dice: random.Random = field(default_factory=random.Random)
    _children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _moment: dict[str, str] = field(default_factory=dict)
    _shot: set[int] = field(default_factory=set)
    _next_s: float = 0.0
    _began_s: float = 0.0

    def run(self) -> dict[str, Any]:
        """Kill until there were enough deaths, let all come to rest, and judge."""
        self.data.mkdir(parents=True, exist_ok=True)
        self._dice.seed(self.seed)
        self._began_s = time.monotonic()
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
        child = self._children["tables"] = self._popen("tables", "")
        assert child.wait(AUDIT_S) == 0, "no tables could be made"
        self._end("tables")

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

        until_blocking(is_done, HUNT_S)

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
            "WORLD_SPREAD_S": str(self.spread_s),
            "WORLD_BEGAN_S": str(self._began_s),
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
        return {**found, "died": self.died, "kills": sum(self.died.values())}
