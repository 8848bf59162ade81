"""The commands that come from outside and begin something, under each fault: their caller waits, or knows no answer."""

from __future__ import annotations

from collections.abc import Iterator

from partita.design.document.arithmetic import retry_time
from partita.design.document.assumed import SESSION_S
from partita.design.document.block import PLANNED, Row, row
from partita.design.document.failure_matrix import ENTRY_FAULTS, NOBODY, Answer, shown_row
from partita.design.document.quantity import listed, span
from partita.design.document.shown import about_entry
from partita.design.document.view import View
from partita.design.model.design import Design
from partita.design.model.message import CommandDesign


def entries(design: Design) -> list[CommandDesign]:
    """The commands that begin a saga, or a reaction."""
    return [each for each in design.commands if each.enters]


def of_entries(view: View) -> list[Row]:
    """The rows of these commands."""
    found = []
    for command in entries(view.design):
        for fault, answer in zip(ENTRY_FAULTS, _answers(view, command), strict=True):
            found.append(shown_row(view, f"`{command.name}`", about_entry(command.name, fault), answer))
    return found


def summary_of_entries(view: View) -> list[Row]:
    """The same in the words that hold for each of them."""
    commands = entries(view.design)
    if not commands:
        return []
    names, begun = listed(each.name for each in commands), listed(each.reply for each in commands)
    window = span(view.design.failure.window.value)
    once = f"the caller sends it again with its key, known {window}: one {begun}"
    waits = "nothing has begun; posted, it waits in its topic, or is a dead letter"
    return [
        row(PLANNED, "crash, duplicate", names, "no answer, or the first one again", once, NOBODY),
        row(PLANNED, "poison, an hour away", names, "an error, or no answer", waits, "its team, if it was posted"),
    ]


def _answers(view: View, command: CommandDesign) -> Iterator[Answer]:
    """The answers in the order of `ENTRY_FAULTS`."""
    name, at, reply = f"`{command.name}`", f"`{command.to}`", f"`{command.reply}`"
    team, seconds, window = f"team {view.team(command.to)}", span(SESSION_S), span(view.design.failure.window.value)
    waits, key = span(retry_time(view.design).amount), "the idempotency key of the caller"
    if command.refusals:
        yield Answer(
            f"{listed(command.refusals, 'or')}, as the answer", f"nothing has begun: no {reply} is written", NOBODY
        )
    else:
        yield Answer(
            "an error, as the answer",
            f"{name} declares no refusal: what {at} cannot accept is an error of its handler, and nothing is kept",
            f"{team}, as for poison",
        )
    yield Answer(
        "no answer",
        f"nothing is written; sent, the caller sends it again with the same key; posted, another process of {at} handles "
        f"{name} after {seconds}",
        NOBODY,
    )
    yield Answer(
        "no answer, then the same one",
        f"state, mark and {reply} are one commit of {at}, and another relay sends {reply}; sent again with {key}, {name} has "
        "the same answer and begins nothing",
        NOBODY,
    )
    other = f"under another key the same {command.key} begins a second time"
    if any(saga.start == command.reply for saga in view.design.sagas):
        other = f"under another key the same {command.key} has the first answer too, by `dedupe_by`, without an end"
    yield Answer(
        "the first answer again",
        f"{at} keeps the answer of {key} for {window}, and refuses an older one as `Expired`; {other}",
        NOBODY,
    )
    yield Answer(
        "an error, as the answer",
        f"nothing is kept, and sent, {name} is not tried again; posted, it is a dead letter of {at} after {waits}, and later "
        f"ones of its {command.key} wait",
        f"{team}, by DeadLetters if it was posted",
    )
    yield Answer(
        "no answer for the hour",
        f"no process takes {name}; posted, it waits in its topic until {at} is back",
        f"{team}, by NobodyThere if it was posted",
    )
