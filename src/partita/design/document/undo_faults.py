"""The undos under each fault: an undo is tried until it succeeds, so that no fault of it ends in a half-done saga."""

from __future__ import annotations

from collections.abc import Iterator

from partita.design.document.assumed import SESSION_S
from partita.design.document.block import PLANNED, Row, row
from partita.design.document.failure_matrix import FAULTS, NOBODY, Answer, shown_row
from partita.design.document.quantity import listed, span
from partita.design.document.shown import about_step
from partita.design.document.undo_alert import undo_alert
from partita.design.document.view import View
from partita.design.model.saga import SagaDesign, StepDesign


def of_undos(view: View, saga: SagaDesign) -> list[Row]:
    """The rows of the undos of a saga, in the order in which they are sent: the newest first."""
    found = []
    for step in reversed(saga.steps):
        for fault, answer in zip(FAULTS, _answers(view, saga, step), strict=True) if step.undo else ():
            found.append(shown_row(view, f"`{step.undo}`", about_step(saga.name, step.undo, fault), answer))
    return found


def summary_of_undos(view: View, saga: SagaDesign) -> list[Row]:
    """The undos of a saga in the words that hold for each of them."""
    steps = [step for step in reversed(saga.steps) if step.undo]
    if not steps:
        return []
    names = listed(step.undo for step in steps)
    late = f"{_end(saga)}, later"
    alerts = listed(dict.fromkeys(undo_alert(step.timeout.value).name for step in steps), "or").replace("`", "")
    owner = f"team {view.team(saga.at)}, by {alerts}"
    again = "sent again with growing waits until acknowledged; no undo can be refused"
    once = "its tombstone answers each further copy, and refuses a late command"
    return [
        row(PLANNED, "timeout, poison, an hour away", names, late, again, owner),
        row(PLANNED, "crash, duplicate, reorder", names, late, once, NOBODY),
    ]


def _answers(view: View, saga: SagaDesign, step: StepDesign) -> Iterator[Answer]:
    """The answers in the order of `FAULTS`."""
    undo, at, director, seconds = f"`{step.undo}`", f"`{step.at}`", f"`{saga.at}`", span(SESSION_S)
    team, owner = f"team {view.team(step.at)}", f"team {view.team(saga.at)}"
    late = f"{_end(saga)}, once {undo} is acknowledged"
    alert = undo_alert(step.timeout.value)
    told = f"{owner}, by {alert.name} after {alert.how}"
    yield Answer(
        late,
        f"cannot be: {undo} declares no refusal; one from another version of {at} undoes nothing, and is sent again",
        f"{owner}, by SagaNeedsAttention",
    )
    yield Answer(
        late,
        f"{director} sends {undo} again after {span(step.timeout.value)}, then after twice the time each, until `{step.undone}`",
        told,
    )
    yield Answer(
        f"{seconds} later", f"nothing is written; another process of {at} handles {undo} after {seconds}", NOBODY
    )
    yield Answer(
        f"within {seconds}",
        f"effect, tombstone and `{step.undone}` are one commit of {at}; another relay of it sends `{step.undone}`",
        NOBODY,
    )
    yield Answer("no difference", f"the tombstone in {at} answers with `{step.undone}`; no handler runs", NOBODY)
    yield Answer(
        "no difference",
        f"before `{step.do}`: {at} refuses the late `{step.do}`; a late `{step.ok}` is recorded, and undone once",
        NOBODY,
    )
    yield Answer(
        late,
        f"each send is tried by itself and takes the failed one before it out of its retry topic; `{saga.name}` is not shown "
        f"as undone before `{step.undone}`",
        f"{team}, by Storm or DeadLetters; {told}",
    )
    yield Answer(
        f"pending for the hour, then {_end(saga)}",
        f"{undo} waits in its topic with its copies; {at} handles the first, its tombstone answers the others",
        f"{team}, by NobodyThere; {told}",
    )


def _end(saga: SagaDesign) -> str:
    return f"`{saga.failed}`" if saga.failed else f"`{saga.name}` ended undone"
