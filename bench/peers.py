"""The peers, each in processes of its own, at its best of several concurrencies."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from place import HERE, Stage


@dataclass(slots=True)
class Peer:
    """A peer's program; `at` are the concurrencies it is tried at, `best` the one it was best at in its first run.

    All are tried once; the runs that are compared are at the best.
    """

    name: str
    script: str
    at: str
    count: int
    options: Sequence[str] = ()
    best: str = ""

    def rate(self, stage: Stage) -> float:
        """Checkouts per second, in a place of its own."""
        if not self.best:
            self.best = self._run(stage, self.at)[0]
        return self._run(stage, self.best)[1]

    def _run(self, stage: Stage, at: str) -> tuple[str, float]:
        with stage.place() as where:
            servers = [where.store, *([stage.kafka] if stage.kafka else [])]
            words = [*servers, "--at", at, "--count", str(self.count), *self.options]
            command = [sys.executable, str(Path(HERE) / self.script), *words]
            done = subprocess.run(command, capture_output=True, text=True, timeout=400)
        if done.returncode:
            raise SystemExit(f"{self.name} failed:\n{done.stderr[-3_000:]}")
        best, rate = done.stdout.split()[-2:]
        return best, float(rate)


def of(tier: str, scale: int) -> list[Peer]:
    """The peers of a tier."""
    if tier == "kafka":
        workers = "8" if scale > 1 else "1,4,8"
        return [Peer("FastStream, inbox, outbox and saga by hand", "peer_faststream.py", workers, 1_000 // scale)]
    dbos, at, count = "peer_dbos_postgres.py", ("1x8" if scale > 1 else "1x8,1x16,2x8"), 400 // scale
    return [
        Peer("DBOS, transactional steps", dbos, at, count, ["--kind", "transactional"]),
        Peer("DBOS, steps that do nothing", dbos, at, count, ["--kind", "noop"]),
        Peer("python-cqrs saga", "peer_cqrs.py", "8" if scale > 1 else "4,8,16", count),
    ]
