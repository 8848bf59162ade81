"""Plants every bug of the table, one after the other, and runs the test that must find it: `make prove-planted`.

A test proves something when it was green without the bug and is red with it, so each test runs without its bug first.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.planted.planting import DONE, NAME, ROOT, Plant, Unplantable, planted
from tests.planted.table import PLANTS

SITE = ROOT / "tests" / "planted" / "site"
PLUGINS = ("-p", "pytest_asyncio.plugin", "-p", "pytest_timeout")
TIMEOUT_S = 300
WORKERS = 3
Verdict = Literal["found", "NOT FOUND", "NOT PLANTED", "red without it", "skipped"]
GOOD = ("found", "skipped")


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one plant, and the end of its test's output."""

    verdict: Verdict
    said: str

    @property
    def why(self) -> str:
        """The failure of the test, in a line: a timeout may be the machine's fault, and not the bug's."""
        found = re.search(r"^E +(\S.*)", self.said, re.M)
        return found[1][:100] if found else ""


def run_tests(
    ids: Sequence[str], environment: dict[str, str], stop: str = "-x", timeout_s: float = TIMEOUT_S
) -> tuple[int, str]:
    """Run tests in a process of their own: pytest's exit code, and its output."""
    options = [stop, "-q", "-rfEs", "-p", "no:cacheprovider", "--timeout", "60", *PLUGINS]
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, *ids],
            cwd=ROOT,
            env={**_environment(), **environment},
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired:
        return 1, "it did not end"
    return done.returncode, done.stdout + done.stderr


def _environment() -> dict[str, str]:
    """The environment in which a process begins within half a second: no unneeded plugin, and no module is compiled
    again. A planted module is never kept as compiled."""
    found = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    found.pop("PYTHONDONTWRITEBYTECODE", None)
    return found


def prove(name: str, plant: Plant) -> Result:
    """Plant one bug and run its test."""
    try:
        planted(plant)
    except Unplantable as error:
        return Result("NOT PLANTED", str(error))
    with tempfile.TemporaryDirectory() as folder:
        done = Path(folder) / "planted"
        path = os.pathsep.join([str(SITE), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        code, said = run_tests([plant.found_by], {NAME: name, DONE: str(done), "PYTHONPATH": path})
        if not done.exists():
            return Result("NOT PLANTED", f"{plant.found_by} never imports {plant.target}\n{said[-2_000:]}")
    if code == 0 and " skipped" in said and " passed" not in said:
        return Result("skipped", said)
    killed = code < 0  # by its bug: where it overflows a stack, no test says anything any more
    return Result("found" if code == 1 or killed else "NOT FOUND", said[-3_000:])


def red_already(ids: Sequence[str]) -> tuple[set[str], str]:
    """Those of these tests that fail without any bug, with their output."""
    code, said = run_tests(ids, {}, "--maxfail=1000", timeout_s=TIMEOUT_S * 10)
    if code == 0:
        return set(), ""
    failed = set(re.findall(r"^(?:FAILED|ERROR) (\S+)", said, re.M))
    return {name for name in ids if not failed or any(each.startswith(name) for each in failed)}, said


def prove_all(names: Sequence[str], say: Callable[[str], None]) -> list[str]:
    """Prove these plants, with a line for each; the names of those that were not found."""
    missed: list[str] = []
    ids = list(dict.fromkeys(PLANTS[name].found_by for name in names))
    say(f"{len(ids)} tests without a bug ...")
    red, said = red_already(ids)
    if red:
        say(said[-5_000:])

    def one(name: str) -> tuple[Result, float]:
        began = time.monotonic()
        plant = PLANTS[name]
        result = Result("red without it", "") if plant.found_by in red else prove(name, plant)
        return result, time.monotonic() - began

    with ThreadPoolExecutor(WORKERS) as workers:
        for count, (name, (result, took_s)) in enumerate(zip(names, workers.map(one, names), strict=True), 1):
            say(f"{count:>3}/{len(names)}  {result.verdict:<12} {took_s:5.1f} s  {name}: {PLANTS[name].meaning}")
            if result.verdict == "found":
                say(f"{'':>31}{result.why}")
            if result.verdict not in GOOD:
                missed.append(name)
                say(result.said)
    return missed


def main() -> int:
    """`python -m tests.planted.prove [NAME ...]`: exit code 1 when a bug was not found."""
    names = sys.argv[1:] or list(PLANTS)
    unknown = [name for name in names if name not in PLANTS]
    if unknown:
        print(f"There is no planted bug {unknown[0]!r}; there is: {', '.join(PLANTS)}")
        return 2
    missed = prove_all(names, lambda text: print(text, flush=True))
    print(f"{len(names) - len(missed)} of {len(names)} planted bugs found" + "".join(f"\n  not: {n}" for n in missed))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
