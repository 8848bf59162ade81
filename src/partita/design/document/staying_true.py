"""The statements of a document, each with the command that keeps it true, and the moment when it turns false."""

from __future__ import annotations

from partita.design.document.block import Block, Heading, R, Row, row, table
from partita.design.document.quantity import listed
from partita.design.document.saga_states import TEST
from partita.design.model.design import Design


def staying_true(design: Design) -> tuple[Block, ...]:
    """The keepers of the document after its first day: commands that exist, and tests of the project."""
    brief = f"`{design.source}`"
    events = listed([event.name for event in design.events[:2]])
    source = design.source
    rows: list[Row] = [
        row(
            R,
            f"{events} and all others, with their keys and fields",
            f"`partita design drift {source}` in CI",
            "exit code 3, with the section and the services that it hurts",
        ),
        row(
            R,
            f"a change of {brief} hurts no reader",
            f"`partita design diff HEAD~1 {source} --comment` on a pull request",
            "a line with `!` for each break",
        ),
        row(
            R,
            f"the facts of {design.domain} fit together",
            f"`partita design check {source}`",
            "exit code 3, with the line to write",
        ),
        row(
            R,
            "each number",
            f"`partita design build {source}` computes it again",
            "the changed line of the brief changes it",
        ),
    ]
    if design.sagas:
        names = listed(saga.name for saga in design.sagas)
        rows.append(
            row(R, f"each state of {names} under each input", f"`{TEST}`", "the test names the state and the input")
        )
        rows.append(
            row(
                R,
                f"each end of {names}",
                "`tests/test_outcomes.py`, and `--demo` at a build",
                "the row of that end is WRONG",
            )
        )
    rows += [
        row(R, f"{events} as their readers know "
        f"them", "`partita schema check`", "exit code 3 before a deploy that breaks a reader"),
        row(R, "windows, timeouts and retries of the running "
        "services", "`partita doctor`", "a finding with the setting to write"),
        row(R, f"assumptions and questions of "
        f"{design.domain}", f"`partita design check {design.source} --ledger`", "they stay in the list until the brief has them"),
    ]  # fmt: skip
    return (Heading(f"How {design.domain} stays true"), *table("statement | kept true by | when it turns false", rows))
