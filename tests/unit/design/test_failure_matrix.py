"""The failure matrix beyond its steps: undos, the commands that begin something, and the bus away for an hour."""

from __future__ import annotations

import dataclasses

import pytest
from tests.unit.design.domains import DOMAINS, design_of
from tests.unit.sagas.machine import Machine, Reserved

from partita.alerts.rules import RULES
from partita.design.document.block import Section, Table
from partita.design.document.building import document_of
from partita.design.document.bus_faults import of_bus
from partita.design.document.entry_faults import of_entries
from partita.design.document.failure_matrix import (
    ENTRY_FAULTS,
    FAULTS,
    REACTION_FAULTS,
    cells_of,
    of_reactions,
    of_saga,
)
from partita.design.document.undo_alert import undo_alert
from partita.design.document.undo_faults import of_undos
from partita.design.document.view import view_of
from partita.design.model.design import Design
from partita.design.model.origin import Fact, Origin

SLOW_S = next(rule.limit for rule in RULES if rule.name == "CompensationSlow")
LOOK_S = 5


def appendix(design: Design) -> Section:
    return next(section for section in document_of(design).sections if section.number == "B")


@pytest.mark.parametrize("name", DOMAINS)
def test_each_undo_reaction_and_first_command_has_a_row_for_each_fault(name: str) -> None:
    """A fault that is left out is the one that happens; the count in the main part is that of the rows."""
    design = design_of(name)
    rows = [
        row.cells
        for block in appendix(design).blocks
        if isinstance(block, Table) and block.columns[-1] == "shown by"
        for row in block.rows
    ]
    found = [cells[:2] for cells in rows]
    undos = [(f"`{step.undo}`", fault) for _, step in design.steps if step.undo for fault in FAULTS]
    first = [(f"`{each.name}`", fault) for each in design.commands if each.enters for fault in ENTRY_FAULTS]
    assert sorted(pair for pair in found if pair in {*undos, *first}) == sorted([*undos, *first])
    assert len(design.reactions) * len(REACTION_FAULTS) == sum(
        cell.startswith("`") and "`: " in cell for cell, _ in found
    )
    assert cells_of(design).endswith(f" = {len(rows)} cells")


@pytest.mark.parametrize(("is_reserved", "seconds"), [(False, 30), (True, 60)])
def test_the_alert_of_an_undo_comes_when_the_engine_sends_it(is_reserved: bool, seconds: int) -> None:
    """The engine is played with a participant that never answers, and the rules look at its saga each five seconds."""
    machine = Machine().start()
    if is_reserved:
        machine.answer(Reserved(order="o1"))
    machine.wait(seconds)
    begun = changed = machine.now
    sent = len(machine.names)
    found = ""
    while not found:
        machine.wait(LOOK_S)
        if len(machine.names) > sent:
            sent, changed = len(machine.names), machine.now
        if machine.status == "needs_attention":
            found = "SagaNeedsAttention"
        elif (machine.now - changed) / 1e6 > SLOW_S:
            found = "CompensationSlow"
    expected = undo_alert(seconds)
    assert found == expected.name
    assert 0 <= (machine.now - begun) / 1e6 - expected.after_s <= LOOK_S


def test_the_alert_of_an_undo_has_its_arithmetic() -> None:
    """Waits grow to half an hour: a step that had an hour has a slow undo at once."""
    assert undo_alert(30.0).how == "30 s x (1 + 2 + 4 + 8 + 16) = 15.5 min"
    assert undo_alert(60.0).how == "1 min x (1 + 2 + 4 + 8) = 15 min, + 10 min = 25 min"
    assert undo_alert(3_600.0).how == "10 min"


def test_an_undo_is_tried_until_it_succeeds() -> None:
    """It cannot be refused, and no fault of it ends the saga."""
    design = design_of("orders")
    (saga,) = design.sagas
    found = {row.cells[1]: row.cells for row in of_undos(view_of(design), saga) if row.cells[0] == "`ReleaseStock`"}
    assert found["refused"][3].startswith("cannot be: `ReleaseStock` declares no refusal")
    assert "until `StockReleased`" in found["timeout"][3]
    assert found["timeout"][4] == "team checkout, by SagaNeedsAttention after 30 s x (1 + 2 + 4 + 8 + 16) = 15.5 min"
    assert found["an hour away"][2] == "pending for the hour, then `OrderCancelled`"


def test_a_first_command_is_known_by_the_key_of_its_caller() -> None:
    """A caller without an answer sends it again, and one order begins."""
    found = {row.cells[1]: row.cells for row in of_entries(view_of(design_of("orders")))}
    assert "keeps the answer of the idempotency key of the caller for 24 h" in found["duplicate"][3]
    assert "begins nothing" in found["crash after commit"][3]
    assert found["poison"][4] == "team checkout, by DeadLetters if it was posted"


def test_an_hour_without_the_bus_fills_the_outboxes() -> None:
    """The peak x 3,600 s; a deadline of 15 min does not wait, one of 2 h does."""
    design = design_of("orders")
    found = {row.cells[0]: row.cells for row in of_bus(view_of(design))}
    assert "2,076/s x 1 h = 7,473,600 rows" in found["`order-service`"][3]
    assert "400/s x (1 h - 15 min) = 1,080,000 at most" in found["`order-service`"][2]
    assert found["`order-service`"][4] == "team checkout, by OutboxStalled"
    assert found["`analytics`"][2:5] == ("`order_summary`, an hour late", "it receives nothing", "nobody")
    (saga,) = design.sagas
    longer = dataclasses.replace(saga, deadline=Fact(7_200.0, Origin("declared")))
    later = of_bus(view_of(dataclasses.replace(design, sagas=(longer,))))
    assert next(row.cells[2] for row in later if row.cells[0] == "`order-service`") == "an hour later"


def test_a_step_of_an_hour_does_not_outlast_an_hour() -> None:
    """ReserveCoverage is given up after 1 h: what waits behind an hour without its service is later than that."""
    design = design_of("claims")
    cells = next(row.cells for row in of_saga(view_of(design), design.sagas[0]) if row.cells[1] == "an hour away")
    assert cells[0] == "`ReserveCoverage`"
    assert cells[2] == "pending for the hour, then `ClaimClosed`"


def test_a_mail_is_no_part_of_a_commit() -> None:
    """A read model and its mark commit together; a letter that was sent before a crash is sent again, with the same key."""
    rows = {(row.cells[0], row.cells[1]): row.cells[3] for row in of_reactions(view_of(design_of("orders")))}
    mail, model = "`notification-service`: send confirmation", "`analytics`: project order_summary"
    assert "made again, with the same key" in rows[mail, "crash before commit"]
    assert "effect" not in rows[mail, "crash after commit"]
    assert "effect and mark are one commit" in rows[model, "crash after commit"]


def test_a_caller_with_another_key_begins_no_second_order() -> None:
    """The project's handler has `dedupe_by`, which knows a key of the business without an end."""
    rows = {(row.cells[0], row.cells[1]): row.cells[3] for row in of_entries(view_of(design_of("orders")))}
    assert "under another key the same order_id has the first answer too" in rows["`PlaceOrder`", "duplicate"]
