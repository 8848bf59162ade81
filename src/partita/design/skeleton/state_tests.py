"""`tests/test_states.py` of a project: every cell of the design's state tables against the sagas of the project."""

from __future__ import annotations

from collections.abc import Iterator

from partita.design.document.saga_of_design import state_table
from partita.design.document.saga_states import TEST
from partita.design.document.shown import WrittenTest, about_saga
from partita.design.model.saga import SagaDesign
from partita.design.skeleton.blueprint import Blueprint, Message
from partita.design.skeleton.code import fitted, imported, words_of
from partita.design.skeleton.file import WholeFile
from partita.design.skeleton.outcomes import value_of
from partita.exports.declaring.python_text import docstring, literal, variable_name

_PLAY = '''
def play(case: TestCase, saga: type[Saga], expected: Mapping[str, Mapping[str, str]]) -> None:
    """Let the engine decide each cell for the saga as it is declared here."""
    rows = table_of(saga, SAMPLES.__getitem__).rows
    case.assertEqual(list(rows), list(expected))
    for state, cells in expected.items():
        for given in sorted({*cells, *rows[state]}):
            with case.subTest(state=state, given=given):
                case.assertEqual(rows[state].get(given, "unasked"), cells.get(given, "unasked"))
'''


def states_test(blue: Blueprint) -> WholeFile | None:
    """The test of all sagas; None = the design has none."""
    sagas = blue.design.sagas
    if not sagas:
        return None
    messages = list({each.name: each for saga in sagas for each in _messages(blue, saga)}.values())
    samples = [fitted(f"{each.name}: {value_of(blue, each)}", "    ", ",") for each in messages]
    used = {word for line in samples for word in words_of(line)}
    known = [*blue.messages, *blue.words.names.values(), *(name for name, _ in blue.words.records.values()), "Geo"]
    standard = [line for name, line in (("dt", "import datetime as dt"), ("decimal", "import decimal")) if name in used]
    lines = [
        '"""Every cell of the state tables of the design, against the sagas of this project."""',
        "",
        *standard,
        "from collections.abc import Mapping",
        "from typing import Any",
        "from unittest import TestCase",
        "",
        "from partita import Saga",
        "from partita.sagas.state_table import table_of",
        "",
        imported(f"{blue.package}.messages", [name for name in known if name in used]),
        imported(f"{blue.package}.sagas", {saga.name for saga in sagas}),
        "",
        "SAMPLES: dict[type[Any], Any] = {",
        *samples,
        "}",
        *(line for saga in sagas for line in _table(blue, saga)),
        "",
        "",
        _PLAY.strip(),
        *(line for saga, test in zip(sagas, state_tests(blue), strict=True) for line in _case(saga, test)),
    ]
    return WholeFile(TEST, "\n".join(lines) + "\n")


def _messages(blue: Blueprint, saga: SagaDesign) -> Iterator[Message]:
    """The messages that come to a saga."""
    yield blue.messages[saga.start]
    for step in saga.steps:
        for name in step.sends:
            command = blue.messages[name]
            yield from (blue.messages[each] for each in (command.reply, *command.refusals) if each)


def _table(blue: Blueprint, saga: SagaDesign) -> Iterator[str]:
    yield f"{_constant(saga)}: dict[str, dict[str, str]] = {{"
    for state, cells in state_table(blue.design, saga).rows.items():
        yield f"    {literal(state)}: {{"
        yield from (f"        {literal(given)}: {literal(cell)}," for given, cell in cells.items())
        yield "    },"
    yield "}"


def state_tests(blue: Blueprint) -> list[WrittenTest]:
    """A test for the state table of each saga."""
    return [
        WrittenTest(
            TEST,
            f"{saga.name}StatesTest",
            f"test_each_cell_of_{variable_name(saga.name)}",
            "unit",
            f"every input of {saga.name} in every state",
            (about_saga(saga.name),),
        )
        for saga in blue.design.sagas
    ]


def _case(saga: SagaDesign, test: WrittenTest) -> list[str]:
    return [
        "",
        "",
        f"class {test.case}(TestCase):",
        docstring(f"Every input of {saga.name} in every state."),
        "",
        f"    def {test.name}(self) -> None:",
        f"        play(self, {saga.name}, {_constant(saga)})",
    ]


def _constant(saga: SagaDesign) -> str:
    return "".join(f"_{letter}" if letter.isupper() else letter for letter in saga.name).lstrip("_").upper()
