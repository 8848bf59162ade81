"""The clauses of the answers that a brief keeps, and the questions about those that nothing keeps."""

from __future__ import annotations

from partita.design.brief.deriving.ledger import Ledger
from partita.design.brief.deriving.services import ARCHITECT
from partita.design.brief.part import Part
from partita.design.model.clause import Clause


def clauses_of(brief: Part, ledger: Ledger) -> tuple[Clause, ...]:
    """The clauses in the order of their lines."""
    return tuple(
        Clause(
            " ".join(part.text("said").split()),
            tuple(" ".join(name.split()) for name in part.texts("kept")),
            ledger.declared(part.line),
        )
        for part in brief.parts("answers")
    )


def ask_about(clauses: tuple[Clause, ...], ledger: Ledger) -> None:
    """Ask about each clause that nothing keeps: it is never dropped."""
    for each in clauses:
        if not each.kept:
            ledger.ask(
                f'You said "{each.said}": the design has nothing for it.',
                ARCHITECT,
                f'Which line of the brief keeps "{each.said}": name it in `kept:` of the clause.',
            )
