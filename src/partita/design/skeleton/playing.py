"""`outcomes.py`, `demo.py` and the tests of a project: each outcome as a row that demo and tests play."""

from __future__ import annotations

from collections.abc import Iterator

from partita.design.document.shown import WrittenTest
from partita.design.skeleton.blueprint import Blueprint, Message
from partita.design.skeleton.code import call, duration, fitted, imported, tuple_of, words_of
from partita.design.skeleton.file import WholeFile
from partita.design.skeleton.outcome import Outcome
from partita.design.skeleton.outcomes import value_of
from partita.exports.declaring.python_text import docstring, literal, variable_name

TESTS = "tests/test_outcomes.py"
_PLAY = '''
Answers = Mapping[type[Command[Event, Any]], Event | Rejection]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One way in which a saga goes, with the end that the design promises.

    People give their `answers` as soon as they are asked, and `slow` ones after `wait_s`. Then they repeat a decision, and give
    that of `again` too. They give those of `late` when their step has been given up, which is refused. After the mends the dead
    letters of the services `replays` come again. `handled` says how often a handler ran.
    """

    title: str
    saga: type[Saga]
    start: type[Event]
    key: str
    begins: Sequence[Command[Event, Any]]
    stubs: Sequence[Callable[[Scenario], None]] = ()
    wait_s: float = 0.0
    mends: Sequence[Callable[[Scenario], None]] = ()
    then_s: float = 0.0
    ends: str = "completed"
    once: Sequence[type[Event]] = ()
    never: Sequence[type[Event]] = ()
    undos: Sequence[type[Command[Event, Any]]] = ()
    work: Mapping[tuple[str, str], str] = field(default_factory=dict)
    sends: Mapping[type[Command[Event, Any]], int] = field(default_factory=dict)
    handled: Mapping[type[Command[Event, Any]], int] = field(default_factory=dict)
    replays: Sequence[str] = ()
    answers: Answers = field(default_factory=dict)
    slow: Answers = field(default_factory=dict)
    again: Mapping[type[Command[Event, Any]], Event | Rejection | None] = field(default_factory=dict)
    late: Answers = field(default_factory=dict)
    dead_letters: bool = False


async def play(outcome: Outcome) -> list[str]:
    """Play it with a clock that passes days in milliseconds. Returns the lines that say what happened.

    Raises:
        AssertionError: it ended otherwise than the design promises.
    """
    async with app.testing() as t:
        for stub in outcome.stubs:
            stub(t)
        for command in outcome.begins:
            await t.send(command)
        decided = await decide(t, outcome.answers)
        late = await asked(t, outcome.late)
        await t.advance(outcome.wait_s)
        decided += await decide(t, {**outcome.answers, **outcome.slow})
        for mend in outcome.mends:
            mend(t)
        for name in outcome.replays:
            await t.replay(name)
        await t.advance(outcome.then_s)
        decided += await decide(t, {**outcome.answers, **outcome.slow})
        refused = await decide_again(t, outcome, decided)
        refused += [await refusal(t, reply_to, answer) for reply_to, answer in late]
        await t.settled(dead_letters=outcome.dead_letters)
        started = t.published(outcome.start)
        assert started, f"{outcome.title}: no {outcome.start.__name__} began it"
        item = str(getattr(started[0], outcome.key))
        ended = await t.saga(outcome.saga, item)
        assert ended == outcome.ends, f"{outcome.title}: {ended}, not {outcome.ends}"
        for event in outcome.once:
            assert len(t.published(event)) == 1, f"{outcome.title}: {len(t.published(event))} x {event.__name__}"
        for event in outcome.never:
            assert not t.published(event), f"{outcome.title}: {event.__name__} is published"
        for undo in outcome.undos:
            assert t.sent(undo), f"{outcome.title}: {undo.__name__} is not sent"
        for command_type, times in outcome.sends.items():
            sent = len(t.sent(command_type))
            assert sent == times, f"{outcome.title}: {sent} x {command_type.__name__}, not {times}"
        for command_type, times in outcome.handled.items():
            ran = len(t.stub(command_type).commands)
            assert ran == times, f"{outcome.title}: the handler of {command_type.__name__} ran {ran} x, not {times}"
        for (service, name), state in outcome.work.items():
            found = await work_of(t, service, name, item)
            assert found == ([state] if state else []), f"{outcome.title}: the work of {name} is {found}, not {state}"
        undone = [f"{undo.__name__} undid" for undo in outcome.undos]
        reminded = [f"{command_type.__name__} sent {times} x" for command_type, times in outcome.sends.items()]
        return [*refused, *reminded, *undone, *(f"{event.__name__} published" for event in outcome.once)]
'''
_DECIDE = '''
async def work_of(t: Scenario, service: str, name: str, item: str) -> list[str]:
    """The state of the work of a command: done, undone, or nothing where it never came."""
    sql = "SELECT state FROM step_work WHERE command = :name AND item = :item"
    return [row["state"] for row in await t.fetch(service, sql, name=name, item=item)]


Decided = list[tuple[str, type[Command[Event, Any]], Event | Rejection]]


async def decide(t: Scenario, answers: Answers) -> Decided:
    """Give the answers of people to the commands that wait for them."""
    given: Decided = []
    for command, answer in answers.items():
        for reply_to in await t.pending(command):
            await t.reply(reply_to, answer, by="a person")
            given.append((reply_to, command, answer))
    return given


async def asked(t: Scenario, answers: Answers) -> list[tuple[str, Event | Rejection]]:
    """The commands that wait for these answers, to be answered after their steps have been given up."""
    return [(reply_to, answer) for command, answer in answers.items() for reply_to in await t.pending(command)]


async def decide_again(t: Scenario, outcome: Outcome, decided: Decided) -> list[str]:
    """Repeat decisions, which changes nothing, and then decide otherwise, which is refused."""
    refused = []
    for reply_to, command, answer in decided:
        if command in outcome.again:
            await t.reply(reply_to, answer, by="a person")
            other = outcome.again[command]
            refused += [await refusal(t, reply_to, other)] if other is not None else []
    return refused


async def refusal(t: Scenario, reply_to: str, answer: Event | Rejection) -> str:
    """Give an answer that comes too late. Returns the line that says how it was refused."""
    try:
        await t.reply(reply_to, answer, by="another person")
    except Conflict as error:
        return f"{type(answer).__name__} is refused: {type(error).__name__}"
    raise AssertionError(f"{type(answer).__name__} was taken, and another decision came first")
'''
_DEMO = '''
async def main() -> int:
    """Play every outcome, and print what happened; the exit code is the number of those that ended otherwise."""
    logging.getLogger("partita").setLevel(logging.CRITICAL)  # the failures here are planned
    wrong = 0
    saga = ""
    for outcome in OUTCOMES.values():
        if outcome.saga.__name__ != saga:
            saga = outcome.saga.__name__
            print(f"\\n{saga}")
        try:
            happened = await play(outcome)
            print(f"  {outcome.ends:<10} {outcome.title}: {'; '.join(happened)}")
        except (AssertionError, PartitaError) as error:
            wrong += 1
            print(f"  WRONG      {error}")
    print(f"\\n{len(OUTCOMES) - wrong} of {len(OUTCOMES)} outcomes as the design promises")
    return min(wrong, 100)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
'''


_TESTS = '''"""The tests: python -m unittest."""

import logging

logging.getLogger("partita").setLevel(logging.CRITICAL)  # the failures of the outcomes are planned
'''


def playing_files(blue: Blueprint, outcomes: list[Outcome]) -> Iterator[WholeFile]:
    """The outcomes as rows, the demo and the tests."""
    if not outcomes:
        return
    rows = [_row(blue, outcome) for outcome in outcomes]
    begins = {_constant(each): value_of(blue, each) for outcome in outcomes for each in outcome.begins}
    constants = [fitted(f"{name} = {value}") for name, value in begins.items()]
    names = {word for row in (*rows, *constants) for word in words_of(row)}
    # The demo and the tests play the same rows.
    known = [*blue.messages, *blue.words.names.values(), *(name for name, _ in blue.words.records.values()), "Geo"]
    units = [unit for unit in ("days", "hours", "minutes", "seconds") if any(f"{unit}(" in row for row in rows)]
    standard = [
        line for name, line in (("dt", "import datetime as dt"), ("decimal", "import decimal")) if name in names
    ]
    head = [
        '"""Every outcome of the sagas: the row says what happens, and how it ends."""',
        "",
        *standard,
        "from collections.abc import Callable, Mapping, Sequence",
        "from dataclasses import dataclass, field",
        "from typing import Any",
        "",
        imported("partita", ["Command", "Conflict", "Event", "Rejection", "Saga", *units]),
        "from partita.testing.scenario import Scenario",
        "",
        f"from {blue.package}.app import app",
        imported(f"{blue.package}.messages", [name for name in known if name in names]),
        imported(f"{blue.package}.sagas", {outcome.saga.name for outcome in outcomes}),
        "",
        _PLAY.strip(),
        "",
        _DECIDE.rstrip(),
        "",
        "",
        *constants,
        "",
        "OUTCOMES: dict[str, Outcome] = {",
        *rows,
        "}",
    ]
    yield WholeFile(f"{blue.package}/outcomes.py", "\n".join(head) + "\n")
    yield WholeFile(f"{blue.package}/demo.py", _demo(blue))
    yield WholeFile("tests/__init__.py", _TESTS)
    yield WholeFile(TESTS, _tests(blue.package, outcomes))


def _row(blue: Blueprint, outcome: Outcome) -> str:
    saga = outcome.saga
    oks = [step.ok for step in saga.steps if step.ok not in outcome.repeated]
    failed = [saga.failed] if saga.failed and saga.pivot >= 0 else []
    words = [
        f"title={literal(outcome.title)}",
        f"saga={saga.name}",
        f"start={saga.start}",
        f"key={literal(saga.key)}",
        f"begins={tuple_of([_constant(each) for each in outcome.begins])}",
    ]
    words += [f"stubs={tuple_of([f'lambda t: {stub}' for stub in outcome.stubs])}"] if outcome.stubs else []
    words += [f"wait_s={duration(outcome.wait_s)}"] if outcome.wait_s else []
    words += [f"mends={tuple_of([f'lambda t: {mend}' for mend in outcome.mends])}"] if outcome.mends else []
    words += [f"then_s={duration(outcome.then_s)}"] if outcome.then_s else []
    if outcome.is_undone:
        words += ['ends="undone"', f"once=({saga.failed},)"]
        words += [f"never=({oks[-1]},)"] if len(oks) > 1 else []
        words += [f"undos={tuple_of(outcome.undos)}"] if outcome.undos else []
    else:
        words.append(f"once={tuple_of(list(dict.fromkeys(oks)))}")
        words += [f"never=({failed[0]},)"] if failed else []
    states = {each.do: "" for each in saga.steps if not each.no_effect and not each.human}
    work = [f'({literal(each.at)}, "{each.do}"): "{outcome.work.get(each.do, ("", states[each.do]))[1]}"'
            for each in saga.steps if each.do in states]  # fmt: skip
    words += [f"work={{{', '.join(work)}}}"] if work else []
    for word in ("answers", "slow", "again", "late"):
        given = [f"{name}: {value or None}" for name, value in getattr(outcome, word).items()]
        words += [f"{word}={{{', '.join(given)}}}"] if given else []
    sends = [f"{name}: {count}" for name, count in outcome.sends.items()]
    words += [f"sends={{{', '.join(sends)}}}"] if sends else []
    handled = [f"{name}: {count}" for name, count in outcome.handled.items()]
    words += [f"handled={{{', '.join(handled)}}}"] if handled else []
    words += [f"replays={tuple_of([literal(each) for each in outcome.replays])}"] if outcome.replays else []
    words += ["dead_letters=True"] if outcome.dead_letters else []
    return call(f'"{variable_name(outcome.name)}": Outcome', words, "    ", ",")


def _constant(command: Message) -> str:
    """The name of the command that begins an outcome."""
    return variable_name(command.name).upper()


def _demo(blue: Blueprint) -> str:
    head = [
        f'"""Every outcome once: python -m {blue.package}.demo"""',
        "",
        "import asyncio",
        "import logging",
        "import sys",
        "",
        "from partita import PartitaError",
        "",
        f"from {blue.package}.outcomes import OUTCOMES, play",
        "",
    ]
    return "\n".join([*head, _DEMO.rstrip()]) + "\n"


def outcome_tests(outcomes: list[Outcome]) -> list[WrittenTest]:
    """A test for each outcome."""
    return [
        WrittenTest(
            TESTS,
            f"{outcome.saga.name}Test",
            f"test_{variable_name(outcome.name)}",
            "scenario",
            outcome.title,
            tuple(outcome.shows),
        )
        for outcome in outcomes
    ]


def _tests(package: str, outcomes: list[Outcome]) -> str:
    lines = [
        '"""A test for each outcome of the sagas. The test owns the clock: thirty days pass in milliseconds."""',
        "",
        "from unittest import IsolatedAsyncioTestCase",
        "",
        f"from {package}.outcomes import OUTCOMES, play",
    ]
    tests = outcome_tests(outcomes)
    for saga in dict.fromkeys(outcome.saga.name for outcome in outcomes):
        case = f"{saga}Test"
        lines += ["", "", f"class {case}(IsolatedAsyncioTestCase):", docstring(f"The outcomes of {saga}."), ""]
        for test in tests:
            if test.case == case:
                row = test.name.removeprefix("test_")
                lines += [f"    async def {test.name}(self) -> None:", f'        await play(OUTCOMES["{row}"])', ""]
        lines.pop()
    return "\n".join(lines) + "\n"
