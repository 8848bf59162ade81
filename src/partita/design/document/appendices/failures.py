"""Appendix B, the failure matrix: each step, undo, reaction and first command under each fault, and each service without the bus,
with the test that shows it; and the states of each saga under each input."""

from __future__ import annotations

from partita.design.document.block import Block, Heading, Paragraph, R, Section, table
from partita.design.document.bus_faults import of_bus
from partita.design.document.entry_faults import of_entries
from partita.design.document.failure_matrix import COLUMNS, balance, of_reactions, of_saga
from partita.design.document.saga_states import states_of
from partita.design.document.undo_faults import of_undos
from partita.design.document.view import View
from partita.design.model.section import APPENDICES


def section(view: View) -> Section:
    """The matrices, whole."""
    blocks: list[Block] = []
    for saga in view.design.sagas:
        steps, undos = of_saga(view, saga), of_undos(view, saga)
        blocks += [Heading(saga.name), *table(COLUMNS, steps), balance(steps)]
        if undos:
            blocks += [
                Heading(f"Undos of {saga.name}"),
                *table(COLUMNS.replace("step", "undo", 1), undos),
                balance(undos),
            ]
        blocks += states_of(view.design, saga)
    reactions, begun = of_reactions(view), of_entries(view)
    if reactions:
        blocks += [Heading("Reactions"), *table(COLUMNS.replace("step", "reaction", 1), reactions), balance(reactions)]
    if begun:
        named = table(COLUMNS.replace("step", "command", 1), begun)
        blocks += [Heading("The commands that begin it"), *named, balance(begun)]
    bus = of_bus(view)
    named = table(COLUMNS.replace("step", "service", 1), bus)
    blocks += [Heading("The bus away for an hour"), *named, balance(bus)]
    if not (view.design.sagas or reactions):
        blocks.append(Paragraph(f"{view.design.domain} has no step and no reaction that could fail.", R))
    return Section("B", APPENDICES["B"], tuple(blocks))
