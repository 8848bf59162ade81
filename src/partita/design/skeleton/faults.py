"""`faults.py` of a project: its sagas under faults that dice choose, several at once, with a report of the faults that came."""

from __future__ import annotations

from collections.abc import Iterator

from partita.design.document.rule_keeping import owners_of, spanning
from partita.design.document.rule_words import CEILING
from partita.design.document.shown import WrittenTest, about_rule, about_saga
from partita.design.model.rule import Rule
from partita.design.model.saga import SagaDesign
from partita.design.skeleton.blueprint import Blueprint
from partita.design.skeleton.code import imported, tuple_of, words_of
from partita.design.skeleton.file import WholeFile
from partita.design.skeleton.outcome import Outcome
from partita.exports.declaring.python_text import variable_name

TESTS = "tests/test_faults.py"
SEEDS = 5
"""The seeds of the test: each is one run of each saga."""
_RUNS = '''
async def run(saga: type[Saga], seed: int) -> tuple[str, list[str]]:
    """Run a saga once: the faults of up to three of its outcomes come together, then every participant is well again. Seed 0
    has no fault.

    Returns its end and the faults.

    Raises:
        AssertionError: it ended half done: names the seed, with which it is run again.
    """
    dice = Random(f"{saga.__name__} {seed}")
    good, *others = (outcome for outcome in OUTCOMES.values() if outcome.saga is saga)
    drawn = dice.sample(others, min(len(others), dice.randint(1, 3))) if seed else []
    where = f"{saga.__name__}, seed {seed} ({'; '.join(outcome.title for outcome in drawn)})"
    async with app.testing(seed=seed) as t:
        for outcome in (good, *drawn):
            for stub in outcome.stubs:
                stub(t)
        answers = {**good.answers, **{command: answer for each in drawn for command, answer in each.answers.items()}}
        silent = {command for each in drawn for command in good.answers.keys() - each.answers.keys()}
        for command in dice.choice([good, *drawn]).begins:
            await t.send(command)
        await decide(t, {command: answer for command, answer in answers.items() if command not in silent})
        await t.advance(good.wait_s + dice.choice([0.0, 1.0, *(outcome.wait_s for outcome in drawn)]))
        for well in PARTICIPANTS[saga]:
            t.stub(well).is_real()
        for _ in range(ROUNDS):
            await decide(t, {**good.answers, **answers})
            await t.advance(PATIENCE_S)
        await t.settled(dead_letters=True)
        started = t.published(good.start)
        assert started, f"{where}: no {good.start.__name__} began it"
        item = str(getattr(started[0], good.key))
        ended = await t.saga(saga, item)
        assert ended == "completed" or (drawn and ended == "undone"), f"{where}: {ended}"
        for event in good.never:
            times = len(t.published(event))
            assert times == (ended == "undone"), f"{where}: {ended}, and {times} x {event.__name__}"
        for (service, name), state in good.work.items():
            found = await work_of(t, service, name, item)
            wanted = [[state]] if ended == "completed" else [[], ["undone"]]
            assert found in wanted, f"{where}: {ended}, and the work of {name} is {found}"
    return ended, [outcome.title for outcome in drawn]


async def main(seeds: Sequence[int]) -> int:
    """Run every saga with each seed, and print its ends and faults; the exit code is the number of runs that ended half done."""
    logging.getLogger("partita").setLevel(logging.CRITICAL)  # the failures here are planned
    wrong = 0
    for saga in PARTICIPANTS:
        ends, met = Counter[str](), Counter[str]()
        for seed in seeds:
            try:
                ended, faults = await run(saga, seed)
            except (AssertionError, PartitaError) as error:
                wrong += 1
                ends["WRONG"] += 1
                print(f"WRONG {error}\\n  again: python -m {__spec__.name} --seed {seed}")
            else:
                ends[ended] += 1
                met.update(faults)
        print(f"{saga.__name__}: {', '.join(f'{times} {end}' for end, times in sorted(ends.items()))}")
        for fault, times in met.most_common():
            print(f"  {times:>3} x {fault}")
    return min(wrong, 100)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Sagas under faults that dice choose.")
    parser.add_argument("--seeds", type=int, default=20, help="how many runs of each saga")
    parser.add_argument("--seed", type=int, help="one run of each saga, with this seed")
    options = parser.parse_args()
    sys.exit(asyncio.run(main(range(options.seeds) if options.seed is None else [options.seed])))
'''


def faults_files(blue: Blueprint, outcomes: list[Outcome]) -> Iterator[WholeFile]:
    """The runs of all sagas that have outcomes, and their test."""
    sagas = _sagas(outcomes)
    if not sagas:
        return
    rows = []
    for saga in sagas:
        sent = [name for step in saga.steps for name in (step.do, step.undo) if name]
        rows.append(_row(saga.name, sent))
    longest_s = max(step.timeout.value for saga in sagas for step in saga.steps)
    words = {word for row in rows for word in words_of(row)}
    head = [
        f'"""Sagas under faults that dice choose: python -m {blue.package}.faults --seeds 20"""',
        "",
        "import argparse",
        "import asyncio",
        "import logging",
        "import sys",
        "from collections import Counter",
        "from collections.abc import Mapping, Sequence",
        "from random import Random",
        "from typing import Any",
        "",
        "from partita import Command, Event, PartitaError, Saga",
        "",
        f"from {blue.package}.app import app",
        imported(f"{blue.package}.messages", [name for name in blue.messages if name in words]),
        imported(f"{blue.package}.outcomes", ["OUTCOMES", "decide", "work_of"]),
        imported(f"{blue.package}.sagas", [saga.name for saga in sagas]),
        "",
        f"PATIENCE_S = {max(14_400.0, longest_s + 60):_.1f}  # the longest step, and all pauses between tries",
        f"ROUNDS = {1 + max(len(saga.steps) for saga in sagas)}  # each person has a time to answer",
        "# The commands of each saga that a fault may have disturbed.",
        "PARTICIPANTS: Mapping[type[Saga], Sequence[type[Command[Event, Any]]]] = {",
        *rows,
        "}",
        "",
        _RUNS.rstrip(),
    ]
    yield WholeFile(f"{blue.package}/faults.py", "\n".join(head) + "\n")
    lines = [
        f'"""Every saga under several faults at once, with {SEEDS} seeds; `make faults` runs more."""',
        "",
        "from unittest import IsolatedAsyncioTestCase",
        "",
        f"from {blue.package} import faults, sagas",
        "",
        "",
        "class FaultTest(IsolatedAsyncioTestCase):",
        '    """No run ends half done."""',
    ]
    for saga, test in zip(sagas, fault_tests(blue, outcomes), strict=True):
        lines += [
            "",
            f"    async def {test.name}(self) -> None:",
            f"        for seed in range({SEEDS}):",
            f"            await faults.run(sagas.{saga.name}, seed)",
        ]
    yield WholeFile(TESTS, "\n".join(lines) + "\n")


def fault_tests(blue: Blueprint, outcomes: list[Outcome]) -> list[WrittenTest]:
    """A test for each saga: no run leaves a step half done, so each invariant between its services holds."""
    return [
        WrittenTest(
            TESTS,
            "FaultTest",
            f"test_{variable_name(saga.name)}_under_faults",
            "simulation",
            f"{saga.name} under several faults at once, {SEEDS} times",
            (about_saga(saga.name), *(about_rule(rule.text) for rule in _kept_by(blue, saga))),
        )
        for saga in _sagas(outcomes)
    ]


def _kept_by(blue: Blueprint, saga: SagaDesign) -> list[Rule]:
    """The invariants that hold where all steps of a saga are done, or none is. A limit is no such invariant."""
    rules = [each for each in blue.design.rules if each.kind == "invariant" and not CEILING.search(each.text)]
    return [rule for rule in rules if len(owners_of(blue.design, rule)) > 1 and saga in spanning(blue.design, rule)]


def _sagas(outcomes: list[Outcome]) -> list[SagaDesign]:
    return list({outcome.saga.name: outcome.saga for outcome in outcomes}.values())


def _row(saga: str, sent: list[str]) -> str:
    line = f"    {saga}: {tuple_of(sent)},"
    return line if len(line) <= 120 else "\n".join([f"    {saga}: (", *(f"        {name}," for name in sent), "    ),"])
