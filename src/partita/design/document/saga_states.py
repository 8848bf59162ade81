"""The table of a saga in a document: every input in every state, as the engine decides it."""

from __future__ import annotations

from partita.design.document.block import Block, Heading, Paragraph, R, row, table, weakest
from partita.design.document.quantity import listed
from partita.design.document.saga_of_design import state_table
from partita.design.model.design import Design
from partita.design.model.saga import SagaDesign
from partita.errors import DeclarationError
from partita.sagas.state_table import Cell, StateTable

TEST = "tests/test_states.py"
"""The test of a project that plays each cell against its code."""
STATES_MAX = 40
WORDS = {"absorbed": "·", "refused": "refused", "unasked": "", "again": "undo again"}


def states_of(design: Design, saga: SagaDesign) -> list[Block]:
    """The states, the table, and the count of its cells; the reason where the engine refuses the saga."""
    heading = Heading(f"Every input of {saga.name} in every state")
    try:
        found = state_table(design, saga)
    except (DeclarationError, OverflowError) as error:
        mark = weakest(saga.deadline, *(step.timeout for step in saga.steps))
        why = " ".join(str(error).split()).partition(": ")[2] or str(error)
        return [heading, Paragraph(f"There is no table: the engine refuses `{saga.name}`. {why}", mark)]
    if len(found.states) > STATES_MAX:
        text = (
            f"`{saga.name}` has {len(found.states)} states under {len(found.inputs)} inputs; `{TEST}` plays each cell."
        )
        return [heading, Paragraph(text, R)]
    names = [f"S{number}" for number in range(len(found.states))]
    return [
        heading,
        *table(
            "state | saga | messages that leave on the way into it",
            [
                row(R, name, _state(state), _entering(found, at, saga))
                for at, (name, state) in enumerate(zip(names, found.states, strict=True))
            ],
        ),
        *table(
            f"input | {' | '.join(names)}",
            [
                row(R, f"`{given}`", *(_cell(found, at, cells[number]) for at, cells in enumerate(found.cells)))
                for number, given in enumerate(found.inputs)
            ],
        ),
        Paragraph(_caption(saga, found), R),
    ]


def _state(state: str) -> str:
    """A state with its messages as names."""
    return " ".join(f"`{word}`" if word[0].isupper() else word for word in state.replace(",", " ,").split()).replace(
        " ,", ","
    )


def _entering(found: StateTable, state: int, saga: SagaDesign) -> str:
    sends = found.entering(state)
    if state == 0:
        return f"{listed([saga.steps[0].do])}, after `{saga.start}`"
    return listed(sends) if sends else "none"


def _cell(found: StateTable, at: int, cell: Cell) -> str:
    """The next state; the messages too, where they are not those of each way into it."""
    if cell.outcome in WORDS:
        return WORDS[cell.outcome]
    alarm = ", alarm" if cell.outcome == "alarms" else ""
    if cell.to == at:
        again = all(name in found.states[at] for name in cell.sends)
        return f"{'sent again' if again else f'sends {listed(cell.sends)}'}{alarm}"
    sends = "" if cell.sends == found.entering(cell.to) else f" with {listed(cell.sends)}" if cell.sends else ""
    return f"S{cell.to}{sends}{alarm}"


def _caption(saga: SagaDesign, found: StateTable) -> str:
    states, inputs = len(found.states), len(found.inputs)
    counts = [
        (found.count("moves"), "move or send"),
        (found.count("absorbed"), "absorbed"),
        (found.count("alarms"), "with an alarm"),
        (found.count("refused"), "refusing a cancellation"),
        (found.count("again"), "undoing again, for a participant that forgot"),
        (found.count("unasked"), "empty, since nothing asked"),
    ]
    total = " + ".join(f"{count} {words}" for count, words in counts if count)
    return (
        f"`{saga.name}` in `{saga.at}`: S0 to S{states - 1} = {states} states; {states} states x {inputs} inputs = "
        f"{states * inputs} cells, which the engine "
        f"has decided: {total} = {states * inputs}. `{TEST}` plays each of them."
    )
