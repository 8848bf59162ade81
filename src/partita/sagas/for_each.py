"""`each`: one step for every item of a list, `reserve = each("lines", step(ReserveLine, undo=ReleaseLine))`."""

from __future__ import annotations

from partita.catalog.place import caller_place
from partita.errors import DeclarationError
from partita.sagas.items import Each
from partita.sagas.step import Step
from partita.settings.amount import check_count

AT_MOST = 1_000


def each(items: str, step: Step, *, at_most: int = 100) -> Step:
    """One step for every item of a list; they are sent together, and the saga goes on when all are done.

    Each item has its own command, undo, timeout and tombstone. When one is refused or times out, the steps of all items are
    undone that were done or may have been, one at a time and in reverse. A list without items is passed over.

    Args:
        items: a list field of the start event or of an earlier reply: "lines", or "quote.lines" where several have one.
        step: a `step` or a `retriable`. A pivot is refused: it could be done for one item while another is refused.
        at_most: the bound of the list's length, 1,000 at most. A longer list undoes the saga before its point of no return;
            behind it the saga waits for an operator.

    Raises:
        DeclarationError: the step cannot be sent for each item.
    """
    place = caller_place(2)
    if not isinstance(items, str) or not items or not isinstance(step, Step):
        raise DeclarationError(
            f"{place}: each takes the name of a list and a step.",
            hint='reserve = each("lines", step(ReserveLine, undo=ReleaseLine))',
        )
    command = step.command_class.__name__
    if step.kind == "pivot":
        raise DeclarationError(
            f"{place}: {command} is a pivot, and is sent for each of {items}: it could be done for one item while another is "
            "refused.",
            hint=f'Write: each("{items}", step({command}, undo=Undo{command})), and a pivot below it, alone.',
        )
    if step.each is not None or step.group:
        raise DeclarationError(
            f"{place}: {command} is sent together with others already.",
            hint="One each(...) for one step, without parallel.",
        )
    check_count(DeclarationError, f"{place}: at_most", at_most, most=AT_MOST)
    step.each = Each(items, at_most)
    return step
