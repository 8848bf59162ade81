"""Appendix B, the failure matrix: each step and each reaction under each fault, with the test that shows it; and the states of
each saga under each input."""

from __future__ import annotations

from partita.design.document.block import Block, Heading, Paragraph, R, Section, table
from partita.design.document.failure_matrix import COLUMNS, of_reactions, of_saga
from partita.design.document.saga_states import states_of
from partita.design.document.view import View
from partita.design.model.section import APPENDICES


def section(view: View) -> Section:
    """The matrices, whole."""
    blocks: list[Block] = []
    for saga in view.design.sagas:
        blocks += [Heading(saga.name), *table(COLUMNS, of_saga(view, saga)), *states_of(view.design, saga)]
    reactions = of_reactions(view)
    if reactions:
        blocks += [Heading("Reactions"), *table(COLUMNS.replace("step", "reaction", 1), reactions)]
    if not blocks:
        blocks.append(Paragraph(f"{view.design.domain} has no step and no reaction that could fail.", R))
    return Section("B", APPENDICES["B"], tuple(blocks))
