"""The shop's witnesses as child processes; they end when this process ends, in whatever way."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from partita.examples.shop.witness import NO_FAULTS, Faults, hang_up


def start_witness(
    name: str, data: Path, *, decline: float = 0.0, seed: int = 0, faults: Faults = NO_FAULTS
) -> subprocess.Popen[bytes]:
    """Start the payment provider (`psp`) or the mail sink (`mail`); it ends when this process closes its input."""
    told = [str(decline), str(seed), str(faults.loses), str(faults.slow_s)]
    return subprocess.Popen(
        [sys.executable, "-m", "partita.examples.shop.witness", name, str(data), *told],
        stdin=subprocess.PIPE,
    )


@contextlib.contextmanager
def witnesses(data: Path, *, decline: float = 0.0, seed: int = 0, faults: Faults = NO_FAULTS) -> Iterator[None]:
    """Both witnesses for as long as the block runs."""
    data.mkdir(parents=True, exist_ok=True)
    children = [start_witness(name, data, decline=decline, seed=seed, faults=faults) for name in ("psp", "mail")]
    try:
        yield
    finally:
        hang_up()
        for child in children:
            if child.stdin is not None:
                child.stdin.close()
            child.terminate()
            child.wait()
