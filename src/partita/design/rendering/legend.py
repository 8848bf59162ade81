"""The words of every form of a document: the legend of the marks, and the line above a table."""

from __future__ import annotations

from partita.design.document.block import Calculations, Row, Table

LEGEND = (
    "Each line has its mark: D a person declared it, R it is derived from declared facts, A it is assumed and in the ledger, "
    "M a run measured it, planned: Partita does not run it yet, or no run has shown it yet."
)


def said_once(common: tuple[tuple[str, str], ...]) -> str:
    """The line with the columns of a table that have one value in every row."""
    return f"In every row: {'; '.join(f'{column}: {value}' for column, value in common)}."


def shown_sums(sums: Calculations) -> Table:
    """The arithmetic as a table; one formula for all numbers is said once."""
    formulas = {one.formula for one in sums.of}
    if len(sums.of) > 1 and len(formulas) == 1:
        rows = tuple(Row((one.name, one.values, one.result), one.mark) for one in sums.of)
        return Table(("number", "values", "result"), rows, (("formula", sums.of[0].formula),))
    rows = tuple(Row((one.name, one.formula, one.values, one.result), one.mark) for one in sums.of)
    return Table(("number", "formula", "values", "result"), rows)
