"""The table of a saga in a document: for the three domains, and for two that four answers gave."""

from __future__ import annotations

import dataclasses

import pytest
from tests.unit.design.domains import DOMAINS, design_of

from partita.design.document.block import Paragraph, Table
from partita.design.document.saga_of_design import state_table
from partita.design.document.saga_states import states_of
from partita.design.model.origin import Fact, Origin


@pytest.mark.parametrize("name", DOMAINS)
def test_each_saga_has_a_table_whose_caption_counts_its_cells(name: str) -> None:
    """A cell that is left out is the one that happens."""
    design = design_of(name)
    assert design.sagas
    for saga in design.sagas:
        found = state_table(design, saga)
        _, states, cells, caption = states_of(design, saga)
        assert isinstance(states, Table) and isinstance(cells, Table) and isinstance(caption, Paragraph)
        assert len(states.rows) == len(found.states) == len(cells.columns) - 1
        assert f"= {len(found.states) * len(found.inputs)} cells" in caption.text
        answers = {each for step in saga.steps for each in (step.ok, *step.fail, step.undone) if each}
        assert answers <= {given.partition(" ")[0] for given in found.inputs}
        assert {"timeout", "deadline", "cancel"} <= set(found.inputs)


def test_the_table_follows_the_brief() -> None:
    """A step that is asked for its outcome has one state more; one that is sent again undoes nothing at its timeout."""
    design = design_of("orders")
    (saga,) = design.sagas
    reserve = dataclasses.replace(saga.steps[0], on_timeout=Fact("retry", Origin("declared")))
    changed = dataclasses.replace(saga, steps=(reserve, *saga.steps[1:]))
    rows = state_table(design, changed).rows
    assert rows["ReserveStock sent"]["timeout"] == "moves ReserveStock sent +ReserveStock"
    assert state_table(design, saga).rows["ReserveStock sent"]["timeout"].endswith("+ReleaseStock")


def test_a_saga_that_the_engine_refuses_has_the_reason() -> None:
    """A document of a brief with a contradiction is built too; its check names the line."""
    design = design_of("orders")
    (saga,) = design.sagas
    reserve = dataclasses.replace(saga.steps[0], undo="", undone="", no_effect=False, fail=())
    refused = dataclasses.replace(saga, steps=(saga.steps[2], reserve))
    _, reason = states_of(design, refused)
    assert isinstance(reason, Paragraph) and "the engine refuses `Checkout`" in reason.text


def test_cells_say_the_next_state_and_no_message_twice() -> None:
    """The messages of a state are beside its name."""
    design = design_of("orders")
    _, states, cells, _ = states_of(design, design.sagas[0])
    assert isinstance(states, Table) and isinstance(cells, Table)
    by_input = {row.cells[0]: row.cells[1:] for row in cells.rows}
    assert by_input["`StockReserved`"][:2] == ("S1", "·")
    assert by_input["`deadline`"][4] == "S10, alarm"
    assert by_input["`timeout`"][4] == "sent again"
    assert states.rows[0].cells == ("S0", "`ReserveStock` sent", "`ReserveStock`, after `OrderPlaced`")
