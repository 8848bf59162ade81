"""Running many generated sagas: `python -m partita.testing.generators.proof --cases 20000`.

A case is named by its seed: the same seed gives the same run.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from partita.testing.generators.saga_judge import Seen, judge
from partita.testing.generators.saga_world import World
from partita.testing.generators.sagas import SagaCase, draw_case
from partita.testing.generators.smaller import smaller

SHRINKS_MAX = 300
SAY_EVERY_S = 10.0
COMMAND = "python -m partita.testing.generators.proof --seed {seed} --cases 1"


@dataclass(slots=True)
class Failure:
    """A case that failed: as it was drawn, in its smallest failing form, and the errors of that form."""

    seed: int
    drawn: SagaCase
    small: SagaCase
    wrong: list[str]

    def describe(self) -> str:
        """The text for people: the errors, the smaller case, and the command that runs it again."""
        lines = [f"seed {self.seed} is wrong: " + COMMAND.format(seed=self.seed), self.small.describe()]
        counted = Counter(self.wrong)
        lines += [f"  WRONG: {what}" + (f" ({count} times)" if count > 1 else "") for what, count in counted.items()]
        return "\n".join(lines)


@dataclass(slots=True)
class Proof:
    """The results of a run so far: cases, the ends of their instances, the failures."""

    cases: int = 0
    refused: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    troubles: Counter[str] = field(default_factory=Counter)
    virtual_s: float = 0.0
    failures: list[Failure] = field(default_factory=list)

    def take(self, case: SagaCase, seen: Seen) -> None:
        """Count a case."""
        self.cases += 1
        self.refused += bool(seen.refused)
        self.ends.update(instance.status for instance in seen.instances)
        self.troubles.update(type(trouble).__name__ for trouble in case.troubles)
        self.virtual_s += seen.virtual_s

    def line(self) -> str:
        """The state as one line."""
        ends = ", ".join(f"{count:,} {end}" for end, count in sorted(self.ends.items()))
        hours = f"{self.virtual_s / 3_600:,.0f} hours of theirs"
        return f"{self.cases:,} cases, {hours}: {ends}, {self.refused:,} refused at import, {len(self.failures)} wrong"


async def prove(
    world: World,
    seeds: Sequence[int],
    weights: Mapping[str, float] | None = None,
    *,
    failures_max: int = 1,
    say: Callable[[Proof], None] = lambda proof: None,
) -> Proof:
    """Run the cases of these seeds until some fail."""
    proof = Proof()
    for seed in seeds:
        case = draw_case(Random(seed), weights)
        seen = await world.run(case)
        proof.take(case, seen)
        wrong = judge(case, seen)
        if wrong:
            small, wrong = await shrunk(world, case, wrong)
            proof.failures.append(Failure(seed, case, small, wrong))
            if len(proof.failures) >= failures_max:
                break
        say(proof)
    return proof


async def shrunk(world: World, case: SagaCase, wrong: list[str]) -> tuple[SagaCase, list[str]]:
    """The smallest failing case that simplification of this one finds, with its errors."""
    left = SHRINKS_MAX
    going = True
    while going and left > 0:
        going = False
        for less in smaller(case):
            left -= 1
            found = judge(less, await world.run(less))
            if found or left <= 0:
                case, wrong, going = (less, found, True) if found else (case, wrong, False)
                break
    return case, wrong


async def _run(seeds: Sequence[int]) -> Proof:
    began = said = time.perf_counter()

    def say(proof: Proof) -> None:
        nonlocal said
        now = time.perf_counter()
        if now - said >= SAY_EVERY_S:
            said = now
            left_s = (now - began) / proof.cases * (len(seeds) - proof.cases)
            print(f"{proof.line()}; {left_s:,.0f} s left", flush=True)

    with tempfile.TemporaryDirectory(prefix="partita-sagas-", dir=_in_memory()) as folder:
        async with World(Path(folder)) as world:
            return await prove(world, seeds, say=say)


def _in_memory() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cases; exit 3 when one fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000, help="how many (20,000)")
    parser.add_argument("--seed", type=int, default=1, help="of the first case (1)")
    options = parser.parse_args(arguments)
    logging.disable(logging.CRITICAL)
    proof = asyncio.run(_run(range(options.seed, options.seed + options.cases)))
    for failure in proof.failures:
        print(failure.describe())
    print(f"sagas: {proof.line()}")
    return 3 if proof.failures else 0


if __name__ == "__main__":
    sys.exit(main())
