"""Checks of declared timers: a timer that could never act, or whose answer could move a step, is refused at import."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from partita.catalog.contract import Contract, contract_of
from partita.errors import DeclarationError
from partita.sagas.definition import StepSpec
from partita.sagas.durations import shown
from partita.sagas.timer import TimerSpec


def check_timers(steps: Sequence[StepSpec], start: Contract) -> None:
    """Refuse timers that a saga could not keep.

    Raises:
        DeclarationError: with file, line and what to write.
    """
    moving: dict[type[Any] | None, str] = {start.cls: "starts the saga"}
    for spec in steps:
        moving[spec.command.reply] = f"answers {spec.name}"
        if spec.undo is not None:
            moving[spec.undo.reply] = f"answers the undo of {spec.name}"
    for spec in steps:
        for number, timer in enumerate(spec.timers):
            _check_command(spec, timer, moving)
            earlier = spec.timers[number - 1] if number else None
            if earlier is not None and timer.after_s < earlier.after_s:
                _refuse(
                    spec,
                    f"{timer.command.name} is sent after {shown(timer.after_s)}, before {earlier.command.name}.",
                    "The timers in the order of their times.",
                )
            if timer.after_s >= spec.timeout_s:
                _refuse(
                    spec,
                    f"{spec.name} times out after {shown(spec.timeout_s)}, its timer sends {timer.command.name} after "
                    f"{shown(timer.after_s)}.",
                    f"A timer comes before timeout=, so a longer timeout, or an earlier {timer.command.name}.",
                )


def _check_command(spec: StepSpec, timer: TimerSpec, moving: dict[type[Any] | None, str]) -> None:
    command = timer.command
    if command.kind != "command":
        _refuse(spec, f"A timer sends {command.name}, which is not a command.", "after(days(5), SomeCommand)")
    if command.key_field is None:
        _refuse(spec, f"{command.name} is sent by a saga and has no key.", "order_id: Key[OrderId]")
    if command.refusals:
        names = ", ".join(refusal.__name__ for refusal in command.refusals)
        _refuse(
            spec,
            f"{command.name} is sent by a timer and can be refused ({names}).",
            f"class {command.name}(Command[...], of=...): nothing of the saga depends on it.",
        )
    if command.reply in moving:
        assert command.reply is not None
        _refuse(
            spec,
            f"{command.name} is answered by {command.reply.__name__}, which {moving[command.reply]}.",
            f"Give {command.name} a reply of its own: the saga could not distinguish the two.",
        )
    if command.reply is not None and contract_of(command.reply).service is not command.service:
        owner = contract_of(command.reply).service.name
        _refuse(
            spec,
            f"{command.name} is answered by {command.reply.__name__} of {owner}: no timer handles that reply.",
            f"A reply is an event of the service that handles the command: of={command.service.name}.",
        )


def _refuse(spec: StepSpec, what: str, hint: str) -> NoReturn:
    raise DeclarationError(f"{spec.place}: {what}", hint=f"Write: {hint}")
