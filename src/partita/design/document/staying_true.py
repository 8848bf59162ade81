"""The statements of a document, each with the command that keeps it true, and the moment when it turns false."""

from __future__ import annotations

from partita.design.document.block import Block, Heading, R, row, table
from partita.design.document.quantity import listed
from partita.design.document.saga_states import TEST
from partita.design.model.design import Design


def staying_true(design: Design) -> tuple[Block, ...]:
    """The keepers of the document after its first day: commands that exist, and tests of the project."""
    source = design.source
    events = listed([event.name for event in design.events[:2]])
    rows = [
        row(R, f"{events} and all others", f"`partita design drift {source}`", "exit code 3"),
        row(R, f"readers of {events}", f"`partita design diff HEAD~1 {source} --comment`", "a line with `!`"),
        row(R, f"the facts of {design.domain}", f"`partita design check {source}`", "exit code 3"),
    ]
    if design.sagas:
        names = listed(saga.name for saga in design.sagas)
        rows.append(row(R, f"states of {names}", f"`{TEST}`", "the test fails"))
        rows.append(row(R, f"ends of {names}", "`tests/test_outcomes.py`", "the test fails"))
    rows += [
        row(R, f"schemas of {events}", "`partita schema check`", "exit code 3"),
        row(R, "windows, timeouts, retries", "`partita doctor`", "a finding"),
        row(R, "assumptions and questions", f"`partita design check {source} --ledger`", "they stay listed"),
    ]
    return (Heading(f"How {design.domain} stays true"), *table("statement | kept true by | when it turns false", rows))
